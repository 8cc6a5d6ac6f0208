//! Starts by the clock and by cursors, with transactions that are seen and not.

use super::*;
use crate::extract::watermark::tests::spec;

const MINUTE: i64 = 60 * SECOND;
const NOW: i64 = 1_700_000_000 * SECOND;

fn at(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap()
}

fn sync() -> SyncSpec {
    SyncSpec { lookback: Duration::from_secs(300), lookback_max: Duration::from_secs(3_600), ..spec() }
}

fn open(oldest: Option<i64>, prepared: Option<i64>) -> OpenTransactions {
    let [oldest, prepared] = [oldest, prepared].map(|ago| ago.map(|ago| at(NOW - ago)));
    OpenTransactions { oldest, prepared, replayed: None, seen: Visibility::All }
}

/// How long before now the next run begins, and since when the transaction is open that it gives
/// up.
fn ago(spec: &SyncSpec, open: &OpenTransactions, used: i64) -> (i64, Option<i64>) {
    let used = LastSyncTime::Seconds((NOW - used) / SECOND);
    let (next, given_up) = reach(spec, NOW, open).by_clock(&used);
    (NOW - next, given_up.map(|us| NOW - us))
}

#[test]
fn the_next_run_begins_before_the_oldest_open_transaction_and_a_lookback_before_the_clock() {
    let (spec, hours) = (sync(), 600 * MINUTE);
    assert_eq!(ago(&spec, &open(None, None), hours), (5 * MINUTE, None));
    assert_eq!(ago(&spec, &open(Some(2 * MINUTE), None), hours), (5 * MINUTE, None));
    assert_eq!(ago(&spec, &open(Some(20 * MINUTE), None), hours), (20 * MINUTE + SECOND, None));
    let nine_hours = 540 * MINUTE;
    assert_eq!(ago(&spec, &open(Some(nine_hours), None), hours), (60 * MINUTE, Some(nine_hours)));
    let longer = SyncSpec { lookback: Duration::from_secs(7_200), ..sync() };
    assert_eq!(ago(&longer, &open(None, None), hours), (120 * MINUTE, None), "the longer one counts");
    let none = SyncSpec { lookback: Duration::ZERO, lookback_max: Duration::ZERO, ..sync() };
    assert_eq!(ago(&none, &open(None, None), hours), (0, None));
    assert_eq!(ago(&none, &open(Some(MINUTE), None), hours), (0, Some(MINUTE)));
}

#[test]
fn the_start_never_goes_back_behind_the_run_that_it_is_compared_with() {
    let raised = SyncSpec { lookback: Duration::from_secs(1_800), ..sync() };
    assert_eq!(ago(&raised, &open(None, None), 15 * MINUTE), (15 * MINUTE, None));
    let seen_now = open(Some(20 * MINUTE), None);
    assert_eq!(ago(&sync(), &seen_now, 15 * MINUTE), (15 * MINUTE, Some(20 * MINUTE)), "and it is said");
}

#[test]
fn when_a_prepared_transaction_began_is_unknown() {
    let hours = 600 * MINUTE;
    assert_eq!(ago(&sync(), &open(None, Some(MINUTE)), hours), (60 * MINUTE, None));
    assert_eq!(
        ago(&sync(), &open(None, Some(MINUTE)), 15 * MINUTE),
        (15 * MINUTE, None),
        "as far as is known"
    );
    assert_eq!(ago(&sync(), &open(None, Some(90 * MINUTE)), hours), (60 * MINUTE, Some(90 * MINUTE)));
}

#[test]
fn what_a_replica_has_not_replayed_is_yet_to_come() {
    let replica = OpenTransactions { replayed: Some(at(NOW - 600 * MINUTE)), ..OpenTransactions::default() };
    assert_eq!(ago(&sync(), &replica, 6_000 * MINUTE), (605 * MINUTE, None), "however far it is behind");
    let ahead = OpenTransactions { replayed: Some(at(NOW + MINUTE)), ..OpenTransactions::default() };
    assert_eq!(ago(&sync(), &ahead, 6_000 * MINUTE), (5 * MINUTE, None));
}

fn cursor(
    spec: &SyncSpec,
    open: &OpenTransactions,
    value: &str,
    history: &[(i64, &str)],
    used: &str,
) -> String {
    let history: Vec<_> = history.iter().map(|(ago, value)| (NOW - ago, (*value).to_owned())).collect();
    let value = CursorValue::parse(value).unwrap();
    let used = LastSyncTime::Number(used.to_owned());
    text(&reach(spec, NOW, open).by_cursor(spec, &value, &history, &used, at(NOW)))
}

#[test]
fn a_counter_begins_where_the_last_run_before_that_time_was() {
    let spec = sync();
    let history = [(30 * MINUTE, "100"), (20 * MINUTE, "200"), (10 * MINUTE, "300"), (MINUTE, "400")];
    let start = |open: &OpenTransactions| cursor(&spec, open, "500", &history, "90");
    assert_eq!(start(&open(None, None)), "300", "which had read all that was drawn until then");
    assert_eq!(start(&open(Some(15 * MINUTE), None)), "200");
    assert_eq!(start(&open(Some(50 * MINUTE), None)), "90", "where this run began");
    assert_eq!(start(&open(None, Some(MINUTE))), "90");
    assert_eq!(cursor(&spec, &open(None, None), "500", &history, "350"), "350", "never before this run");
}

#[test]
fn a_counter_without_earlier_runs_begins_where_this_run_did_unless_nothing_is_open() {
    let spec = sync();
    let unseen = OpenTransactions::default();
    assert_eq!(cursor(&spec, &unseen, "5000", &[], "0"), "0");
    assert_eq!(cursor(&spec, &open(None, None), "5000", &[], "0"), "4000", "but for those in flight");
    assert_eq!(cursor(&spec, &open(Some(MINUTE), None), "5000", &[], "0"), "0");
}

#[test]
fn times_and_numbers_that_are_times_are_late_like_any_stamp() {
    let spec = sync();
    let none = open(None, None);
    assert_eq!(cursor(&spec, &none, "1700000000", &[], "0"), "1699999700");
    assert_eq!(cursor(&spec, &none, "1700000000123", &[], "0"), "1699999700000");
    assert_eq!(cursor(&spec, &none, "2023-11-14 22:13:20", &[], "0"), "1699999700");
    let twenty = open(Some(20 * MINUTE), None);
    assert_eq!(cursor(&spec, &twenty, "1700000000", &[], "0"), "1699998799");
    assert_eq!(cursor(&spec, &twenty, "2023-11-14 22:13:20", &[], "0"), "1699998799");
    // Loaded last night: as long before that as always.
    assert_eq!(cursor(&spec, &none, "2023-11-14 02:00:00", &[], "0"), "1699926900");
}

#[test]
fn values_of_a_counter_are_kept_as_far_back_as_a_start_may_reach_and_no_more_than_so_many() {
    let spec = sync();
    let value = CursorValue::parse("500").unwrap();
    let mut kept = Cursor::default();
    for run in 0..1_000 {
        let now = NOW + run * 10 * SECOND;
        let reach = reach(&spec, now, &open(None, None));
        kept.history = reach.history(Some(&kept), &value, Some(now + SECOND), 0);
        assert!(kept.history.len() <= KEPT + 1, "{}", kept.history.len());
        let floor = now - 60 * MINUTE;
        assert!(run < 400 || kept.history[0].0 <= floor, "one before all that a start may reach");
        assert!(kept.history.is_sorted());
    }
    let reach = reach(&spec, NOW, &open(None, None));
    assert_eq!(reach.history(None, &CursorValue::parse("2026-01-01").unwrap(), Some(1), 0), []);
    let leapt =
        reach.history(Some(&Cursor { history: vec![(5, "1".into())], ..Cursor::default() }), &value, None, 7);
    assert_eq!(leapt, [(12, "1".to_owned())], "a clock that leapt ahead takes earlier times along");
}
