//! What tells events apart, and the ids that follow from it.

use outflow_core::{CallFlags, CallType, Code, Column, ColumnType as Ty, EventIds, RowPage, RunKey, SyncKey};
use outflow_mapping::{EventIdentity, Plan, RowEncoder, Shaped};
use proptest::prelude::*;

use crate::support::{Cell, column};

const KEY: SyncKey = SyncKey(9);

fn columns(cells: &[Cell<'_>]) -> Vec<Column> {
    cells.iter().map(|(name, ty, _)| column(name, *ty)).collect()
}

/// The call of the row at `ordinal`: what is known of it, and its id.
fn shaped_at(cells: &[Cell<'_>], events: EventIdentity, ordinal: u64) -> (Shaped, String) {
    let plan = Plan::compile(CallType::Track, &columns(cells)).unwrap();
    let clock = "2026-11-24T10:20:30Z".parse().unwrap();
    let mut encoder = RowEncoder::new(plan, RunKey(7), clock).with_events(Some(events));
    let mut page = RowPage::default();
    page.push(cells.iter().map(|(_, _, text)| text.map(str::as_bytes)));
    let mut json = Vec::new();
    let shaped = encoder.shape(page.iter().next().unwrap(), ordinal, &mut json).unwrap();
    let call: serde_json::Value = serde_json::from_slice(&json).unwrap();
    (shaped, call["messageId"].as_str().unwrap().to_owned())
}

fn by(cells: &[Cell<'_>], name: &str) -> Result<EventIdentity, String> {
    let plan = Plan::compile(CallType::Track, &columns(cells)).unwrap();
    EventIdentity::by_content(&plan, &[name.to_owned()], Some(KEY))
}

/// The content id of a row whose column `timestamp` is compared.
fn id(cells: &[Cell<'_>]) -> String {
    let (shaped, id) = shaped_at(cells, by(cells, "timestamp").unwrap(), 5);
    assert!(shaped.is_distinguished && shaped.meta.flags.has(CallFlags::CONTENT_ID));
    let (_, later) = shaped_at(cells, by(cells, "timestamp").unwrap(), 77);
    assert_eq!(id, later, "neither run nor row is in it");
    id
}

const USER: Cell<'static> = ("userId", Ty::Text, Some("1"));
const EVENT: Cell<'static> = ("event", Ty::Text, Some("Paid"));
const AT: Cell<'static> = ("timestamp", Ty::Timestamp, Some("2026-01-02 03:04:05.678"));

#[test]
fn the_order_of_columns_and_columns_that_are_null_change_no_id() {
    let total = ("total", Ty::Numeric, Some("9.50"));
    let city = ("context.city", Ty::Text, Some("Bonn"));
    let whole = ("properties", Ty::Json, Some(r#"{"b":1,"a":2}"#));
    let first = id(&[USER, EVENT, AT, total, city]);
    assert_eq!(first, id(&[city, total, AT, EVENT, USER]));
    assert_eq!(first, id(&[USER, EVENT, AT, total, ("coupon", Ty::Text, None), city]));
    assert_eq!(id(&[USER, EVENT, AT, whole, total]), id(&[total, whole, USER, EVENT, AT]));
    // Of an object that came whole, what counts is what was made of it and other columns.
    let joined = [
        id(&[USER, EVENT, AT, ("properties", Ty::Json, Some(r#"{"a":1,"b":2}"#)), ("c", Ty::Int, None)]),
        id(&[USER, EVENT, AT, ("properties", Ty::Json, Some(r#"{"b":2,"a":1}"#)), ("c", Ty::Int, None)]),
        id(&[USER, EVENT, AT, ("properties", Ty::Json, Some(r#"{"b":9,"a":1}"#)), ("b", Ty::Int, Some("2"))]),
        id(&[("b", Ty::Int, Some("2")), USER, EVENT, AT, ("properties", Ty::Json, Some(r#"{"a":1}"#))]),
        id(&[USER, EVENT, AT, ("a", Ty::Int, Some("1")), ("b", Ty::Int, Some("2"))]),
    ];
    assert!(joined.iter().all(|id| *id == joined[0]), "{joined:?}");
    let others = [
        id(&[USER, EVENT, AT, total]),
        id(&[USER, EVENT, AT, total, ("context.town", Ty::Text, Some("Bonn"))]),
        id(&[USER, EVENT, AT, total, ("city", Ty::Text, Some("Bonn"))]),
        id(&[USER, EVENT, AT, ("total", Ty::Numeric, Some("9.5")), city]),
        id(&[USER, EVENT, AT, total, city, ("coupon", Ty::Text, Some(""))]),
        id(&[USER, EVENT, ("timestamp", Ty::Timestamp, Some("2026-01-02 03:04:05.679")), total, city]),
        id(&[("userId", Ty::Text, Some("2")), EVENT, AT, total, city]),
        id(&[("anonymousId", Ty::Text, Some("1")), EVENT, AT, total, city]),
        id(&[USER, EVENT, AT, whole, total]),
    ];
    let different: std::collections::HashSet<&String> = others.iter().chain([&first]).collect();
    assert_eq!(different.len(), others.len() + 1);
    // Values that change places are another content.
    let (a, b) = (("a", Ty::Text, Some("x")), ("b", Ty::Text, Some("y")));
    let (c, d) = (("a", Ty::Text, Some("y")), ("b", Ty::Text, Some("x")));
    assert_ne!(id(&[USER, EVENT, AT, a, b]), id(&[USER, EVENT, AT, c, d]));
}

#[test]
fn a_row_is_distinguished_only_by_a_moment_that_is_finer_than_a_day() {
    let told = |ty, text| {
        let cells = [USER, EVENT, ("at", ty, text)];
        let (shaped, id) = shaped_at(&cells, by(&cells, "at").unwrap(), 5);
        let is_content = shaped.meta.flags.has(CallFlags::CONTENT_ID);
        assert_eq!(shaped.is_distinguished, is_content);
        assert_eq!(is_content, id.as_bytes() != RunKey(7).message_id(5));
        is_content
    };
    for (ty, text) in [
        (Ty::Timestamp, "2026-01-02 00:00:00"),
        (Ty::TimestampTz, "2026-01-02 00:00:00+00"),
        (Ty::Int, "1767225600"),
        (Ty::Text, "2026-01-02 00:00:00"),
        (Ty::Json, "\"2026-01-02T00:00:00Z\""),
        (Ty::Json, "1767225600"),
    ] {
        assert!(told(ty, Some(text)), "{ty:?} {text}");
        assert!(!told(ty, None), "{ty:?}: NULL");
    }
    for (ty, text) in [
        (Ty::Text, "2026-01-02"),
        (Ty::Char, "2026-01-02  "),
        (Ty::Json, "\"2026-01-02\""),
        (Ty::Json, "null"),
        (Ty::Text, " "),
    ] {
        assert!(!told(ty, Some(text)), "{ty:?} {text}");
    }
    for ty in [Ty::Date, Ty::Bool, Ty::Time, Ty::Interval, Ty::Bytes] {
        assert!(by(&[USER, EVENT, ("at", ty, None)], "at").is_err(), "{ty:?}");
    }
    let twice = [USER, EVENT, ("at", Ty::Timestamp, None), ("context.at", Ty::Timestamp, None)];
    assert!(by(&twice, "loaded").is_err(), "the column is not in the call");
    assert!(by(&twice, "AT").is_ok(), "names have no case");
    let rounded = [USER, EVENT, ("context.active", Ty::Int, Some("1"))];
    assert!(by(&rounded, "context.active").is_err(), "a number becomes a boolean there");
}

#[test]
fn the_declared_columns_make_the_id_whatever_else_changes() {
    let ids = |names: &[&str]| EventIds {
        key: Some(KEY),
        event_key: names.iter().map(ToString::to_string).collect(),
        form: EventIds::FORM,
    };
    let by_key = |cells: &[Cell<'_>]| {
        let plan = Plan::compile(CallType::Track, &columns(cells)).unwrap();
        let events = EventIdentity::by_key(&plan, &ids(&["Order", "line"]))?;
        assert!(!events.counts_occurrences());
        Ok::<_, outflow_core::Error>(shaped_at(cells, events, 5))
    };
    let line = |order, line, total| {
        let cells = [
            USER,
            EVENT,
            ("order", Ty::Int, order),
            ("line", Ty::Int, line),
            ("total", Ty::Numeric, Some(total)),
        ];
        by_key(&cells).unwrap()
    };
    let (shaped, id) = line(Some("1"), Some("23"), "5");
    assert!(shaped.is_distinguished);
    assert_eq!(id, line(Some("1"), Some("23"), "6").1, "changed content keeps its id");
    assert_ne!(shaped.content, line(Some("1"), Some("23"), "6").0.content);
    assert_ne!(id, line(Some("12"), Some("3"), "5").1, "columns are kept apart");
    let (unknown, id) = line(Some("1"), None, "5");
    assert!(!unknown.is_distinguished && id.as_bytes() == RunKey(7).message_id(5));
    let missing = by_key(&[USER, EVENT, ("order", Ty::Int, None)]).unwrap_err();
    assert_eq!(missing.code(), Code::EventKeyMissing);
}

#[test]
fn a_message_id_of_the_query_wins() {
    let cells = [USER, EVENT, AT, ("messageId", Ty::Text, Some("mine"))];
    let (shaped, id) = shaped_at(&cells, by(&cells, "timestamp").unwrap(), 5);
    assert_eq!(id, "mine");
    assert!(shaped.is_distinguished && !shaped.meta.flags.has(CallFlags::CONTENT_ID));
    let cells = [USER, EVENT, AT, ("messageId", Ty::Text, None)];
    assert_eq!(shaped_at(&cells, by(&cells, "timestamp").unwrap(), 5).1, id_of_three());
}

fn id_of_three() -> String {
    id(&[USER, EVENT, AT])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn two_calls_have_one_id_if_their_members_are_the_same_in_any_order(
        values in proptest::collection::vec((0_u8..6, 0_u8..3), 0..6),
        others in proptest::collection::vec((0_u8..6, 0_u8..3), 0..6),
    ) {
        let texts = ["", "x", "y"];
        let names = ["a", "b", "c.d", "c.e", "context.app.name", "context.z"];
        let unique = |values: &[(u8, u8)]| {
            let mut seen = std::collections::BTreeMap::new();
            for (name, value) in values {
                seen.entry(*name).or_insert(*value);
            }
            seen
        };
        let id_of = |values: &[(u8, u8)]| {
            let mut cells = vec![USER, EVENT, AT];
            let known = unique(values);
            let mut names_in_order: Vec<u8> = values.iter().map(|v| v.0).collect();
            names_in_order.dedup();
            let mut done = std::collections::HashSet::new();
            for name in names_in_order.into_iter().filter(|name| done.insert(*name)) {
                cells.push((names[usize::from(name)], Ty::Text, Some(texts[usize::from(known[&name])])));
            }
            id(&cells)
        };
        // A blank name of the app is left out of the call.
        let said = |values: &[(u8, u8)]| {
            let mut said = unique(values);
            said.retain(|name, value| !(*name >= 4 && *value == 0));
            said
        };
        prop_assert_eq!(id_of(&values) == id_of(&others), said(&values) == said(&others));
    }
}
