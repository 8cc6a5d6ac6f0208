//! What the message ids of events are made of.

use outflow_core::{EventIds, SyncKey};

use super::{load_text, problems};

/// A project with these lines at the top, and these syncs of events by name with further settings.
fn project(top: &str, syncs: &[(&str, &str)]) -> String {
    let mut text = format!(
        "version: 1\n{top}sources:\n  shop: {{ type: sqlite, databases: {{ main: {{ path: shop.db }} }}, destinations: [out] }}\n\
         destinations:\n  out: {{ type: file, path: out }}\nsyncs:\n"
    );
    for (name, settings) in syncs {
        text += &format!(
            "  {name}: {{ source: shop, type: track, query: SELECT u AS userId FROM e, {settings} }}\n"
        );
    }
    text
}

fn ids(top: &str, settings: &str) -> EventIds {
    load_text(&project(top, &[("orders", settings)])).unwrap().syncs[0].ids.clone()
}

#[test]
fn the_key_of_a_sync_is_made_of_the_id_and_its_first_name() {
    assert_eq!(ids("", ""), EventIds::default());
    let of = |name| Some(SyncKey::new("shop-0123456789", name));
    let top = "id: shop-0123456789\n";
    assert_eq!(ids(top, "").key, of("orders"));
    assert_eq!(ids(top, "renamed_from: purchases").key, of("purchases"));
    let declared = ids(top, "event_key: [order_id, Line]");
    assert_eq!((declared.form, declared.event_key), (EventIds::FORM, vec!["order_id".into(), "Line".into()]));
    assert_eq!(ids("", "event_key: [n]").key, None);
}

#[test]
fn what_is_no_id_is_refused() {
    for id in
        ["short", "has blanks in it", "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", &"x".repeat(65)]
    {
        assert_eq!(
            problems(&project(&format!("id: {id}\n"), &[("orders", "")])),
            ["C005 outflow.yaml:2:5"],
            "{id}"
        );
    }
    for id in ["x".repeat(8), "a-Z_9".repeat(12), "\"1234567890\"".to_owned()] {
        assert!(load_text(&project(&format!("id: {id}\n"), &[("orders", "")])).is_ok(), "{id}");
    }
}

#[test]
fn two_syncs_never_have_one_key() {
    let top = "id: shop-0123456789\n";
    for syncs in [
        [("orders", "renamed_from: old"), ("visits", "renamed_from: old")],
        [("orders", ""), ("visits", "renamed_from: orders")],
    ] {
        assert!(problems(&project(top, &syncs)).iter().any(|p| p.starts_with("C010")), "{syncs:?}");
    }
    let swapped = [("orders", "renamed_from: visits"), ("visits", "renamed_from: orders")];
    let project = load_text(&project(top, &swapped)).unwrap();
    assert_ne!(project.syncs[0].ids.key, project.syncs[1].ids.key);
}

#[test]
fn columns_are_declared_for_events_alone_and_once() {
    let wrong = |settings: &str| problems(&project("", &[("orders", settings)]));
    assert_eq!(wrong("event_key: [a, A]").len(), 1);
    assert_eq!(wrong("event_key: []").len(), 1);
    let people = project("", &[("orders", "event_key: [a]")]).replace("track", "identify");
    assert_eq!(problems(&people).len(), 1);
}
