//! One event, one id, whichever run reads it; and no two events under one. Each case by its name;
//! random histories are in [`histories`].

mod histories;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{Answer, CallType, Code, ColumnType as Ty, EventIds, SyncKey, SyncSpec, Timestamp};
use serde_json::Value;

use crate::parts::{House, Scripted, Table, codes, users_to};

const COMPARED: &str =
    "SELECT id AS userId, event, at AS \"timestamp\" FROM e WHERE at >= {{last_sync_time | timestamp}}";

pub fn with_key(project: &str, spec: SyncSpec) -> SyncSpec {
    let key = Some(SyncKey::new(project, &spec.name));
    let event_key = spec.ids.event_key.clone();
    SyncSpec { ids: EventIds { key, event_key, form: EventIds::FORM }, ..spec }
}

/// A sync of events with this query, in the project `shop-1`.
fn events(query: &str) -> SyncSpec {
    with_key("shop-1", SyncSpec { call_type: CallType::Track, query: query.to_owned(), ..users_to(&["a"]) })
}

fn table(columns: &[(&'static str, Ty)], rows: &[&[Option<&str>]]) -> Table {
    let table = Table::users([]);
    set(&table, rows);
    Table { columns: columns.to_vec(), ..table }
}

fn set(table: &Table, rows: &[&[Option<&str>]]) {
    let text = |row: &&[Option<&str>]| row.iter().map(|f| f.map(str::to_owned)).collect();
    *table.rows.lock().unwrap() = rows.iter().map(text).collect();
}

const TIMED: &[(&str, Ty)] = &[("userid", Ty::Int), ("event", Ty::Text), ("timestamp", Ty::Timestamp)];
const NINE: Option<&str> = Some("2026-01-01 09:00:00.25");
const TEN: Option<&str> = Some("2026-01-01 10:00:00");
const LOGIN: Option<&str> = Some("login");

fn taker() -> Arc<Scripted> {
    Scripted::new("a", |_, _| Answer::Delivered)
}

fn id(call: &Value) -> String {
    call["messageId"].as_str().unwrap().to_owned()
}

/// What was sent since the last time: ids by content.
fn sent(a: &Scripted) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mut call in std::mem::take(&mut *a.taken.lock().unwrap()) {
        let id = id(&call);
        call.as_object_mut().unwrap().remove("messageId");
        ids.entry(call.to_string()).or_default().insert(id);
    }
    ids
}

fn full() -> RunOptions {
    RunOptions::of(RunKind::Full)
}

fn limited(limit: u64) -> RunOptions {
    RunOptions { limit: Some(limit), ..RunOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_that_reads_an_event_gives_it_the_same_id() {
    let (a, spec) = (taker(), events(COMPARED));
    // The first two are twins.
    let one: &[Option<&str>] = &[Some("1"), LOGIN, NINE];
    let table = table(TIMED, &[one, one, &[Some("1"), LOGIN, TEN], &[Some("2"), LOGIN, TEN]]);
    let house = House::new(&[&a]);
    // A limit cuts the twins apart.
    for limit in [1, 2, 3] {
        house.run_with(&spec, &table, limited(limit)).await.unwrap();
    }
    house.run(&spec, &table).await.unwrap();
    let first = sent(&a);
    assert_eq!(first.len(), 3);
    assert_eq!(first.values().map(BTreeSet::len).sum::<usize>(), 4, "{first:#?}");
    let since = RunKind::Since { at: Timestamp::from_second(5).unwrap() };
    for options in [full(), RunOptions::of(since), RunOptions { destination: Some("a".into()), ..full() }] {
        house.run_with(&spec, &table, options).await.unwrap();
        assert_eq!(sent(&a), first);
    }
    // A lost state, on another machine.
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    assert_eq!(sent(&a), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_projects_and_syncs_have_other_ids_and_a_new_name_keeps_them() {
    let a = taker();
    let table = table(TIMED, &[&[Some("1"), LOGIN, NINE]]);
    let mut seen = BTreeSet::new();
    for (project, name) in [("shop-1", "events"), ("shop-2", "events"), ("shop-1", "orders")] {
        let spec = SyncSpec { name: name.to_owned(), ..events(COMPARED) };
        House::new(&[&a]).run(&with_key(project, spec), &table).await.unwrap();
        assert!(seen.insert(sent(&a)));
    }
    // `renamed_from: events` gives the key of that name.
    let renamed = SyncSpec {
        name: "logins".to_owned(),
        ..with_key("shop-1", SyncSpec { name: "events".to_owned(), ..events(COMPARED) })
    };
    House::new(&[&a]).run(&renamed, &table).await.unwrap();
    assert!(!seen.insert(sent(&a)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_that_is_not_the_compared_column_proves_nothing() {
    let query =
        "SELECT id AS userId, event, happened AS \"timestamp\" FROM e WHERE loaded >= {{last_sync_time}}";
    let (a, spec) = (taker(), events(query));
    // Two events that look the same, loaded at different times.
    let table = table(TIMED, &[&[Some("1"), LOGIN, NINE]]);
    let house = House::new(&[&a]);
    *table.again.lock().unwrap() = Some(Vec::new());
    house.run(&spec, &table).await.unwrap();
    assert_eq!(table.statements.lock().unwrap().len(), 2, "what the next run reads is asked for");
    *table.clock.lock().unwrap() = 2_000_000;
    house.run(&spec, &table).await.unwrap();
    let sent = sent(&a);
    let ids = sent.values().next().unwrap();
    assert_eq!((sent.len(), ids.len()), (1, 2), "the second one was sent, and under an id of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_stamp_is_null_has_an_id_of_run_and_row() {
    let query =
        "SELECT id AS userId, event, a, b FROM e WHERE a >= {{last_sync_time}} OR b >= {{last_sync_time}}";
    let (a, spec) = (taker(), events(query));
    let columns = [("userid", Ty::Int), ("event", Ty::Text), ("a", Ty::Int), ("b", Ty::Int)];
    let both: &[Option<&str>] = &[Some("1"), LOGIN, Some("1767225600"), Some("1767225601")];
    let one: &[Option<&str>] = &[Some("1"), LOGIN, Some("1767225600"), None];
    let table = table(&columns, &[both, one]);
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    assert_eq!(table.statements.lock().unwrap().len(), 2, "one row is not distinguished");
    house.run_with(&spec, &table, full()).await.unwrap();
    let ids: Vec<usize> = sent(&a).values().map(BTreeSet::len).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_variable_the_time_of_the_call_decides() {
    for (timed, expected) in [(true, 1), (false, 2)] {
        let query = match timed {
            true => "SELECT id AS userId, event, at AS \"timestamp\" FROM e",
            false => "SELECT id AS userId, event, at FROM e",
        };
        let columns = [TIMED[0], TIMED[1], (if timed { "timestamp" } else { "at" }, Ty::Timestamp)];
        let (a, spec) = (taker(), events(query));
        let table = table(&columns, &[&[Some("1"), LOGIN, NINE]]);
        let house = House::new(&[&a]);
        house.run(&spec, &table).await.unwrap();
        let second = house.run(&spec, &table).await.unwrap();
        assert_eq!((second.rows.calls, second.rows.unchanged), (0, 1));
        house.run_with(&spec, &table, full()).await.unwrap();
        assert_eq!(sent(&a).values().map(BTreeSet::len).sum::<usize>(), expected, "{timed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_is_no_moment() {
    let query = "SELECT id AS userId, event, day FROM e WHERE day >= {{last_sync_time | date}}";
    let (a, spec) = (taker(), events(query));
    let columns = [TIMED[0], TIMED[1], ("day", Ty::Date)];
    let table = table(&columns, &[&[Some("1"), LOGIN, Some("2026-01-01")]]);
    let house = House::new(&[&a]);
    house.run_with(&spec, &table, full()).await.unwrap();
    house.run_with(&spec, &table, full()).await.unwrap();
    assert_eq!(sent(&a).values().next().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_change_places_or_are_null_change_no_id() {
    let a = taker();
    let with = |columns: &str| format!("SELECT {columns} FROM e WHERE at >= {{{{last_sync_time}}}}");
    let house = House::new(&[&a]);
    let plain = table(TIMED, &[&[Some("1"), LOGIN, NINE]]);
    house.run(&events(&with("id AS userId, event, at AS \"timestamp\"")), &plain).await.unwrap();
    let first: Vec<String> = sent(&a).into_values().flatten().collect();
    // The edit voids the comparison: the row is sent again, under its id.
    let moved =
        table(&[TIMED[2], TIMED[1], ("coupon", Ty::Text), TIMED[0]], &[&[NINE, LOGIN, None, Some("1")]]);
    house.run(&events(&with("at AS \"timestamp\", event, coupon, id AS userId")), &moved).await.unwrap();
    assert_eq!(sent(&a).into_values().flatten().collect::<Vec<_>>(), first);
    let other = [TIMED[0], TIMED[1], TIMED[2], ("coupon", Ty::Text)];
    let other = table(&other, &[&[Some("1"), LOGIN, NINE, Some("X")]]);
    let edited = events(&with("id AS userId, event, at AS \"timestamp\", coupon"));
    house.run(&edited, &other).await.unwrap();
    assert_ne!(sent(&a).into_values().flatten().collect::<Vec<_>>(), first, "another content");
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_columns_keep_the_id_of_an_event_that_is_corrected() {
    let a = taker();
    let mut spec = events("SELECT id AS userId, event, n, total FROM e WHERE loaded >= {{last_sync_time}}");
    spec.ids.event_key = vec!["N".to_owned()];
    let columns = [TIMED[0], TIMED[1], ("n", Ty::Int), ("total", Ty::Numeric)];
    let row = |n, total| -> [Option<&str>; 4] { [Some("1"), LOGIN, n, Some(total)] };
    let table = table(&columns, &[&row(Some("7"), "1.0"), &row(None, "1.0")]);
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    set(&table, &[&row(Some("7"), "2.0"), &row(Some("8"), "2.0"), &row(None, "2.0")]);
    house.run(&spec, &table).await.unwrap();
    let mut by_key: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in a.taken.lock().unwrap().iter() {
        by_key.entry(call["properties"]["n"].to_string()).or_default().insert(id(call));
    }
    let counts: Vec<(&str, usize)> = by_key.iter().map(|(n, ids)| (n.as_str(), ids.len())).collect();
    assert_eq!(counts, [("7", 1), ("8", 1), ("null", 2)]);
    assert!(by_key["7"].is_disjoint(&by_key["8"]));
    spec.ids.event_key.push("gone".to_owned());
    assert_eq!(codes(&house.run(&spec, &table).await.unwrap_err()), [Code::EventKeyMissing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_are_counted_whatever_became_of_the_earlier_one() {
    let (a, spec) = (taker(), events(COMPARED));
    let one: &[Option<&str>] = &[Some("1"), LOGIN, NINE];
    // A rejected row is no twin.
    let rejected: &[Option<&str>] = &[None, LOGIN, NINE];
    let table = table(TIMED, &[rejected, one]);
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    let first = sent(&a).into_values().flatten().collect::<BTreeSet<_>>();
    assert_eq!(first.len(), 1);
    // One is suppressed, the other one is sent under the second id.
    set(&table, &[one, one]);
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.rows.calls, run.rows.unchanged), (1, 1));
    let second = sent(&a).into_values().flatten().collect::<BTreeSet<_>>();
    assert!(second.len() == 1 && second.is_disjoint(&first));
    // One is deleted, and comes again: it is the second one again.
    set(&table, &[one]);
    assert_eq!(house.run(&spec, &table).await.unwrap().rows.calls, 0);
    set(&table, &[one, one]);
    house.run(&spec, &table).await.unwrap();
    assert_eq!(sent(&a).into_values().flatten().collect::<BTreeSet<_>>(), second);
    house.run_with(&spec, &table, full()).await.unwrap();
    let all = sent(&a).into_values().flatten().collect::<BTreeSet<_>>();
    assert_eq!(all, first.union(&second).cloned().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_comes_back_has_another_id_each_time() {
    let a = taker();
    let spec = with_key("shop-1", users_to(&["a"]));
    let (table, house) = (Table::users([]), House::new(&[&a]));
    for plan in ["free", "pro", "free"] {
        table.set([(Some("1".to_owned()), plan)]);
        house.run(&spec, &table).await.unwrap();
    }
    house.run_with(&spec, &table, full()).await.unwrap();
    let ids: BTreeSet<String> = sent(&a).into_values().flatten().collect();
    assert_eq!(ids.len(), 4, "a service that deduplicates drops none of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_sends_nothing_again() {
    let a = taker();
    // Older versions knew no keys, and neither does a project without an `id`.
    let before = SyncSpec { ids: EventIds::default(), ..events(COMPARED) };
    let table = table(TIMED, &[&[Some("1"), LOGIN, NINE], &[Some("2"), LOGIN, TEN]]);
    let house = House::new(&[&a]);
    house.run(&before, &table).await.unwrap();
    assert_eq!(sent(&a).len(), 2);
    let run = house.run(&events(COMPARED), &table).await.unwrap();
    assert_eq!((run.rows.calls, run.rows.unchanged), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unchanged_leaves_no_bytes() {
    let (a, spec) = (taker(), users_to(&["a"]));
    let (table, house) = (Table::users(1..=5_000), House::new(&[&a]));
    house.run(&spec, &table).await.unwrap();
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!(run.rows.unchanged, 5_000);
    assert_eq!(house.state().segments(run.run).await.unwrap(), []);
    assert!(!house.dir.path().join("spool/2").read_dir().is_ok_and(|mut files| files.next().is_some()));
    table.set((1..=5_000).map(|n| (Some(n.to_string()), if n == 4_321 { "free" } else { "pro" })));
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.rows.unchanged, run.rows.calls), (4_999, 1));
    let segments = house.state().segments(run.run).await.unwrap();
    assert_eq!(segments.iter().map(|s| s.entries).collect::<Vec<_>>(), [1]);
    assert_eq!(a.users()["4321"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_id_with_several_contents_is_counted() {
    let query = "SELECT id AS userId, event, n AS \"messageId\" FROM e WHERE at >= {{last_sync_time}}";
    let (a, spec) = (taker(), events(query));
    let columns = [TIMED[0], TIMED[1], ("messageId", Ty::Text)];
    let row = |event, id| -> [Option<&str>; 3] { [Some("1"), Some(event), Some(id)] };
    let table = table(&columns, &[&row("a", "x"), &row("a", "x"), &row("a", "y"), &row("b", "y")]);
    let house = House::new(&[&a]);
    let repeated = async |house: &House, table: &Table| {
        let run = house.run(&spec, table).await.unwrap().run;
        let findings = house.state().findings(run).await.unwrap();
        findings.iter().find(|f| f.code == Code::RepeatedMessageIds).map(|f| f.rows)
    };
    assert_eq!(repeated(&house, &table).await, Some(1), "x is the same call twice");
    set(&table, &[&row("a", "x"), &row("a", "z")]);
    assert_eq!(repeated(&house, &table).await, None);
    // Against the run before.
    set(&table, &[&row("b", "x"), &row("a", "z"), &row("a", "v")]);
    assert_eq!(repeated(&house, &table).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_ids_are_given_on_purpose() {
    let (a, spec) = (taker(), events(COMPARED));
    let table = table(TIMED, &[&[Some("1"), LOGIN, NINE]]);
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    let first = sent(&a);
    house.run_with(&spec, &table, RunOptions { new_ids: true, ..full() }).await.unwrap();
    assert_ne!(sent(&a), first, "a destination that was wiped counts it again");
    house.run_with(&spec, &table, full()).await.unwrap();
    assert_eq!(sent(&a), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_does_not_stand_in_for_the_compared_column() {
    for (compared, expected) in [("at", 1), ("loaded", 2)] {
        let query =
            format!("SELECT id AS userId, event, at FROM e WHERE {compared} >= {{{{last_sync_time}}}}");
        let (a, spec) = (taker(), SyncSpec { cursor: Some("at".to_owned()), ..events(&query) });
        let table = table(&[TIMED[0], TIMED[1], ("at", Ty::Int)], &[&[Some("1"), LOGIN, Some("1767225600")]]);
        let house = House::new(&[&a]);
        house.run_with(&spec, &table, full()).await.unwrap();
        house.run_with(&spec, &table, full()).await.unwrap();
        assert_eq!(sent(&a).values().map(BTreeSet::len).sum::<usize>(), expected, "{compared}");
    }
}
