//! Guards: whether a result may be sent as it is.
//!
//! They check a whole result after it has been read and before it is committed. If one objects, the
//! run is committed as awaiting approval: its calls are durable, nothing is sent, and
//! `last_sync_time` stays until a person approves or rejects the run. A result whose first rows are
//! bad for the most part is not read to its end ([`first_rows`]): half a result cannot be approved,
//! so that run fails and leaves nothing.
//!
//! What guards do not do: check budgets (the state does, in the transaction that commits), look at
//! a run that a person has approved, or change anything.

use std::collections::BTreeMap;

use outflow_core::ports::state::{Extraction, Objection, PastRun, State};
use outflow_core::run::RunTrigger;
use outflow_core::{Budget, Code, Column, Error, NextStep, Result, RowCounts, RunRecord};

/// After this many rows it is decided whether to read on.
pub(crate) const FIRST_ROWS: u64 = 10_000;
/// The median is that of at most this many runs,
pub(crate) const PAST_RUNS: usize = 20;
/// and of at least this many.
const PAST_RUNS_NEEDED: usize = 5;
/// Fewer rejected rows than this are no sign of a bad query, if it has given calls before.
const FEW_REJECTED: u64 = 10;
/// Fewer rows more or less are no change, however many times as many they are.
const FEW_ROWS: u64 = 100;
/// Columns that say whom or what a call is about.
pub(crate) const IDENTIFIERS: [&str; 4] = ["userId", "anonymousId", "groupId", "previousId"];

/// The calls for each destination, by name.
pub type Budgets = BTreeMap<String, Budget>;

/// Commits an extraction. If a guard objects, the run awaits approval. The state checks the
/// budgets.
pub(crate) async fn commit(
    state: &dyn State,
    run: &RunRecord,
    mut extraction: Extraction,
    budgets: &Budgets,
) -> Result<()> {
    let mut objections = of_rows(run, &extraction);
    let guards = &run.spec.guards;
    let nothing_left = is_all_rejected(run, &extraction.rows);
    if guards.max_row_change.is_some() || guards.hold_columns || nothing_left {
        let past = state.past_runs(&run.sync, 3 * PAST_RUNS as u64).await?;
        objections.extend(of_past(run, &extraction, &past));
        if nothing_left {
            objections.extend(of_all_rejected(run, &extraction.rows, &past));
        }
    }
    extraction.objections = objections;
    extraction.budgets = budgets.clone();
    state.commit_extraction(run.id, &extraction).await.map(drop)
}

/// Judges the first [`FIRST_ROWS`] rows: if more than half of them are rejected, and more than the
/// sync allows, the query is not what was meant.
pub(crate) fn first_rows(run: &RunRecord, rejected: u64) -> Result<()> {
    let allowed = u64::from(run.spec.guards.max_rejected_percent.unwrap_or(50).max(50));
    if rejected * 100 <= allowed * FIRST_ROWS {
        return Ok(());
    }
    let message = format!("{rejected} of the first {FIRST_ROWS} rows were rejected; the query was cancelled");
    Err(Error::new(Code::TooManyRejected, message)
        .help("nothing was sent and last_sync_time did not move")
        .next_step(NextStep::PreviewCalls { sync: run.sync.clone() }))
}

/// What the result itself says.
fn of_rows(run: &RunRecord, extraction: &Extraction) -> Vec<Objection> {
    let (guards, rows) = (&run.spec.guards, &extraction.rows);
    let mut objections = Vec::new();
    if let Some(max) = guards.max_rows.filter(|max| rows.read > *max) {
        objections.push((Code::TooManyRows, format!("{} rows were read; max_rows is {max}", rows.read)));
    }
    if let Some(max) = guards.max_rejected_percent.filter(|max| exceeds(rows.rejected, rows, *max)) {
        let text =
            format!("{} of {} rows were rejected; max_rejected_percent is {max}", rows.rejected, rows.read);
        objections.push((Code::TooManyRejected, text));
    }
    let is_nobody =
        |column: &str| IDENTIFIERS.iter().any(|i| i.eq_ignore_ascii_case(&column.replace('_', "")));
    let nobody = extraction
        .findings
        .iter()
        .filter(|f| f.code == Code::MissingField && f.column.as_deref().is_none_or(is_nobody));
    let nobody: u64 = nobody.map(|f| f.rows).sum();
    if let Some(max) = guards.max_null_identifier_percent.filter(|max| exceeds(nobody, rows, *max)) {
        let text = format!(
            "{nobody} of {} rows have no identifier; max_null_identifier_percent is {max}",
            rows.read
        );
        objections.push((Code::TooManyWithoutIdentifier, text));
    }
    objections
}

/// Whether every row was rejected, and nothing says that this is all right. A replay sends what was
/// fixed: the others are rejected once more.
fn is_all_rejected(run: &RunRecord, rows: &RowCounts) -> bool {
    run.spec.guards.max_rejected_percent.is_none()
        && rows.rejected > 0
        && rows.rejected == rows.read
        && run.spec.options.replay().is_none()
}

/// A run that sends nothing because every row was rejected awaits approval, whatever the guards
/// are. A few rows are bad rows, and not a bad query, if the same query has given calls before:
/// they do not hold up the rows that come after them.
fn of_all_rejected(run: &RunRecord, rows: &RowCounts, past: &[PastRun]) -> Option<Objection> {
    let has_worked = |p: &PastRun| {
        let rows = &p.record.rows;
        p.record.spec.query == run.spec.query && rows.calls.saturating_add(rows.unchanged) > 0
    };
    if rows.rejected < FEW_REJECTED && past.iter().any(has_worked) {
        return None;
    }
    let all =
        if rows.read == 1 { "the only row was".to_owned() } else { format!("all {} rows were", rows.read) };
    Some((Code::TooManyRejected, format!("{all} rejected: the run would send nothing")))
}

fn exceeds(part: u64, rows: &RowCounts, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(rows.read) * u128::from(percent)
}

/// What earlier runs of the sync say. `past` is newest first.
fn of_past(run: &RunRecord, extraction: &Extraction, past: &[PastRun]) -> Vec<Objection> {
    let is_ordinary = |r: &RunRecord| {
        r.spec.options.is_incremental() && matches!(r.trigger, RunTrigger::Manual | RunTrigger::Schedule)
    };
    let mut objections = Vec::new();
    if let Some(factor) = run.spec.guards.max_row_change.filter(|_| is_ordinary(run)) {
        let past = past.iter().map(|p| &p.record).filter(|r| is_ordinary(r)).take(PAST_RUNS);
        objections.extend(of_count(extraction.rows.read, factor, past.map(|r| r.rows.read).collect()));
    }
    // A query that was edited has the columns that it is meant to have.
    let last = past.iter().find(|p| is_ordinary(&p.record) && !p.columns.is_empty());
    // A replay as sent has none: it comes from segments.
    let judged = run.spec.guards.hold_columns && !extraction.columns.is_empty();
    if let Some(last) = last.filter(|l| judged && l.record.spec.query == run.spec.query) {
        let changes = changes(&last.columns, &extraction.columns);
        if !changes.is_empty() {
            objections.push((
                Code::ColumnsChanged,
                format!("{} (against run {})", changes.join(", "), last.record.id),
            ));
        }
    }
    objections
}

/// Columns that are gone or have another type, in sentences.
fn changes(before: &[Column], now: &[Column]) -> Vec<String> {
    let change = |old: &Column| match now.iter().find(|new| new.name == old.name) {
        None => Some(format!("column {:?} is gone", old.name)),
        Some(new) if new.ty == old.ty => None,
        Some(new) => Some(format!("column {:?} is {} and was {}", old.name, new.ty.name(), old.ty.name())),
    };
    before.iter().filter_map(change).collect()
}

fn of_count(read: u64, factor: u64, mut past: Vec<u64>) -> Option<Objection> {
    if past.len() < PAST_RUNS_NEEDED {
        return None;
    }
    past.sort_unstable();
    let median = past[past.len() / 2];
    let (low, high) = (read.min(median), read.max(median));
    if high - low < FEW_ROWS || high <= low.saturating_mul(factor) {
        return None;
    }
    let runs = past.len();
    Some((
        Code::UnusualRowCount,
        format!(
            "{read} rows were read; the last {runs} runs had {median} in the middle; max_row_change is {factor}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use outflow_core::run::{FindingCount, RunOptions, RunSpec};
    use outflow_core::{CallType, ColumnType, Connection, Guards, Nulls, RunId, RunKey, RunState, Timestamp};

    use super::*;

    fn run(guards: Guards) -> RunRecord {
        let connection = |name: &str| Connection { destination: name.into(), nulls: Nulls::Send };
        RunRecord {
            id: RunId(9),
            key: RunKey(1),
            sync: "users".into(),
            call_type: CallType::Identify,
            state: RunState::Extracting,
            trigger: RunTrigger::Schedule,
            spec: RunSpec {
                source: "shop.main".into(),
                query: "SELECT 1".into(),
                connections: vec![connection("a"), connection("b")],
                options: RunOptions::default(),
                guards,
                ids: Default::default(),
                skipped: Vec::new(),
            },
            due_at: Timestamp::UNIX_EPOCH,
            started_at: Timestamp::UNIX_EPOCH,
            extracted_at: None,
            ended_at: None,
            last_sync_time: None,
            next_last_sync_time: None,
            clock: None,
            rows: RowCounts::default(),
            spool_bytes: 0,
            reason: None,
            skipped_by: None,
            replays: None,
            replayed_by: Vec::new(),
        }
    }

    fn result(read: u64, rejected: u64) -> Extraction {
        Extraction {
            at: "2026-11-24T23:59:59Z".parse().unwrap(),
            rows: RowCounts { read, calls: read - rejected, rejected, ..RowCounts::default() },
            segments: Vec::new(),
            findings: Vec::new(),
            columns: Vec::new(),
            next_last_sync_time: None,
            watermark_update: None,
            replayed: None,
            fills: Vec::new(),
            fills_new: Vec::new(),
            compared_with: None,
            objections: Vec::new(),
            budgets: Budgets::new(),
        }
    }

    fn codes(objections: Vec<Objection>) -> Vec<Code> {
        objections.into_iter().map(|o| o.0).collect()
    }

    #[test]
    fn rows_and_rejections_are_allowed_up_to_the_limit_itself() {
        let guards = Guards { max_rows: Some(100), max_rejected_percent: Some(5), ..Guards::default() };
        let judged = |read, rejected| codes(of_rows(&run(guards.clone()), &result(read, rejected)));
        assert_eq!(judged(100, 5), []);
        assert_eq!(judged(101, 5), [Code::TooManyRows]);
        assert_eq!(judged(100, 6), [Code::TooManyRejected]);
        assert_eq!(judged(200, 200), [Code::TooManyRows, Code::TooManyRejected]);
        assert_eq!(judged(0, 0), []);
        assert_eq!(codes(of_rows(&run(Guards::default()), &result(1 << 40, 1 << 40))), []);
    }

    #[test]
    fn a_result_of_rejected_rows_alone_is_held_unless_few_rows_of_a_query_that_has_worked() {
        let worked = |query: &str, calls| {
            let mut past = past(8, &[]);
            past.record.spec.query = query.to_owned();
            past.record.rows = RowCounts { read: calls, calls, ..RowCounts::default() };
            past
        };
        let judged = |percent, rows: (u64, u64), past: &[PastRun]| {
            let run = run(Guards { max_rejected_percent: percent, ..Guards::default() });
            let rows = result(rows.0, rows.1).rows;
            let held = is_all_rejected(&run, &rows).then(|| of_all_rejected(&run, &rows, past));
            held.flatten().map(|(code, text)| (code, text.split(':').next().unwrap().to_owned()))
        };
        let held = |text: &str| Some((Code::TooManyRejected, text.to_owned()));
        assert_eq!(judged(None, (3, 3), &[]), held("all 3 rows were rejected"));
        assert_eq!(judged(None, (1, 1), &[]), held("the only row was rejected"));
        assert_eq!(judged(None, (3, 2), &[]), None);
        assert_eq!(judged(None, (0, 0), &[]), None);
        assert_eq!(judged(Some(100), (3, 3), &[]), None, "a person allows it");
        assert_eq!(judged(None, (9, 9), &[worked("SELECT 1", 5)]), None);
        assert_eq!(judged(None, (9, 9), &[worked("SELECT 2", 5)]), held("all 9 rows were rejected"));
        assert_eq!(judged(None, (9, 9), &[worked("SELECT 1", 0)]), held("all 9 rows were rejected"));
        assert_eq!(judged(None, (10, 10), &[worked("SELECT 1", 5)]), held("all 10 rows were rejected"));
    }

    #[test]
    fn only_a_missing_identifier_counts_as_one() {
        let run = run(Guards { max_null_identifier_percent: Some(10), ..Guards::default() });
        let mut seen = result(100, 30);
        let finding = |code, column: Option<&str>, rows| FindingCount {
            code,
            column: column.map(str::to_owned),
            rows,
            samples: Vec::new(),
        };
        seen.findings = vec![
            finding(Code::MissingField, Some("event"), 20),
            finding(Code::MissingField, Some("userId"), 10),
            finding(Code::InvalidIdentifier, Some("userId"), 9),
        ];
        assert_eq!(codes(of_rows(&run, &seen)), []);
        seen.findings.push(finding(Code::MissingField, Some("USER_ID"), 1));
        assert_eq!(codes(of_rows(&run, &seen)), [Code::TooManyWithoutIdentifier]);
    }

    #[test]
    fn the_first_rows_fail_a_run_when_more_than_half_and_more_than_allowed_are_bad() {
        let judged = |percent, rejected| {
            let guards = Guards { max_rejected_percent: percent, ..Guards::default() };
            first_rows(&run(guards), rejected).is_ok()
        };
        assert!(judged(None, 5_000) && !judged(None, 5_001));
        assert!(judged(Some(1), 5_000) && !judged(Some(1), 5_001));
        assert!(judged(Some(80), 8_000) && !judged(Some(80), 8_001));
        assert!(judged(Some(100), 10_000));
    }

    #[test]
    fn a_count_is_unusual_only_against_enough_runs_by_enough_rows_and_by_the_factor() {
        let unusual = |read, past: &[u64]| of_count(read, 10, past.to_vec()).is_some();
        let past = [900, 1_000, 1_000, 1_100, 5];
        assert!(!unusual(1_000_000, &past[..4]), "four runs are too few");
        assert!(!unusual(10_000, &past) && unusual(10_001, &past));
        assert!(!unusual(100, &past) && unusual(99, &past) && unusual(0, &past));
        assert!(!unusual(99, &[0; 5]) && unusual(100, &[0; 5]), "under a hundred rows nothing is a change");
    }

    fn past(id: u64, columns: &[(&str, ColumnType)]) -> PastRun {
        let column = |(name, ty): &(&str, ColumnType)| Column {
            name: (*name).into(),
            ty: *ty,
            declared: String::new(),
        };
        PastRun {
            record: RunRecord { id: RunId(id), ..run(Guards::default()) },
            columns: columns.iter().map(column).collect(),
        }
    }

    #[test]
    fn a_column_that_is_gone_or_of_another_type_holds_and_a_new_one_or_a_new_query_does_not() {
        use ColumnType::{Int, Text};
        let run = run(Guards { hold_columns: true, ..Guards::default() });
        let judged = |columns: &[(&str, ColumnType)], past: &[PastRun]| {
            let seen = Extraction { columns: self::past(9, columns).columns, ..result(1, 0) };
            of_past(&run, &seen, past)
        };
        let before = [past(8, &[("userId", Int), ("plan", Text)]), past(7, &[("old", Text)])];
        assert_eq!(judged(&[("plan", Text), ("userId", Int), ("new", Int)], &before), []);
        let [(code, text)] = judged(&[("userId", Text)], &before).try_into().unwrap();
        assert_eq!(code, Code::ColumnsChanged);
        assert_eq!(
            text,
            "column \"userId\" is text and was integer, column \"plan\" is gone (against run 8)"
        );
        let mut edited = before.clone();
        edited[0].record.spec.query.push(' ');
        assert_eq!(judged(&[("userId", Text)], &edited), []);
        assert_eq!(judged(&[("userId", Text)], &[]), []);
    }
}
