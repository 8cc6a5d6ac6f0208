//! What to show the author of a sync before it runs: the findings of its text, and with a
//! database those of its real columns, its plan and its data.
//!
//! What always holds: no row of the query is read and nothing is changed. A database is requested
//! to parse and to plan, and for the largest value of a compared column, which is given up if it
//! takes too long. Where it does not answer, there is no finding.

use std::time::Duration;

use outflow_core::ports::warehouse::{Expected, Session, Statement, Warehouse};
use outflow_core::sync::Schedule;
use outflow_core::{Code, Column, ColumnType, Error, NextStep, Result, RowPage, SyncSpec, Timestamp};
use outflow_mapping::Plan;
use outflow_query::lint::{Comparison, Context, Finding, Known, too_many};
use outflow_query::{LastSyncTime, Query};

use super::names::{self, columns_of};
use super::subject::Subject;
use super::times;
use crate::answered::answered;
use crate::extract::identity::Identity;
use crate::extract::watermark;
use crate::{Errors, extract, read_only, zones};

/// How long the search for a largest value may take.
const LARGEST_WITHIN: Duration = Duration::from_secs(10);
/// How long a database may take for all questions.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Expected rows that are many, if they are read more often than once a day.
const MANY_ROWS: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A largest value so far behind the clock may mean that rows are loaded late; one much older, that
/// nothing happens in this table.
const LATE: Duration = Duration::from_secs(3600);
const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks differ by this much without anything being wrong.
const AHEAD: Duration = Duration::from_secs(300);

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The types of what is compared: the statements are parsed and no more, but for the largest
    /// value of a text.
    Types,
    /// Also the result's columns, the plan, and the largest value of what is compared.
    Everything,
}

/// What there is to say about a sync.
#[derive(Debug, Default)]
pub struct Advice {
    /// In the order of the query's text.
    pub findings: Vec<Finding>,
    /// What the database or the plan for the columns says against the query, without a place in the
    /// text.
    pub problems: Vec<Error>,
    /// What the database's plan expects of the first run.
    pub first_run: Option<Expected>,
    /// What it expects of a later one, if the sync has a schedule.
    pub later_run: Option<Expected>,
}

/// Looks at a sync without a database.
///
/// # Errors
/// The query's text is refused: Q001, Q002, Q003 and Q007.
pub fn look(subject: Subject<'_>) -> Result<Advice, Errors> {
    let query = Query::parse(&subject.spec.query, subject.spec.dialect)?;
    Ok(Advice { findings: findings(subject, &query, &[]), ..Advice::default() })
}

/// Why the events of a sync have message ids of run and row. `None`: they have ids of their content
/// or are no events. Where the query's text does not name all of its columns, the database is
/// asked.
///
/// # Errors
/// The query's text is refused, or the database does not say its columns.
pub async fn why_ids_are_of_run_and_row(
    spec: &SyncSpec,
    warehouse: &dyn Warehouse,
) -> Result<Option<String>, Errors> {
    let query = Query::parse(&spec.query, spec.dialect)?;
    let columns = match query.output().filter(|output| output.is_complete) {
        Some(output) => columns_of(&output),
        None if !watermark::is_event(spec.call_type) => return Ok(None),
        None => {
            let described = async {
                let mut session = warehouse.connect().await?;
                session.describe(&query.render(&LastSyncTime::Seconds(0))).await
            };
            let mut columns =
                tokio::time::timeout(ANSWER_WITHIN, described).await.map_err(|_| too_slow())??;
            query.restore_names(&mut columns);
            columns
        }
    };
    Ok(Identity::note(spec, &query, &columns))
}

/// Looks at a sync with its database.
///
/// # Errors
/// The query's text is refused, or the database cannot be reached or breaks off.
pub async fn ask(subject: Subject<'_>, warehouse: &dyn Warehouse, depth: Depth) -> Result<Advice, Errors> {
    let query = Query::parse(&subject.spec.query, subject.spec.dialect)?;
    let mut session = warehouse.connect().await?;
    let asking = Asking { subject, query: &query, warehouse };
    let asked = async {
        // Plans and largest values run parts of the query.
        match read_only::check(&mut *session, warehouse, &query).await {
            Ok(()) => Ok(asking.run(session, depth).await?),
            Err(Errors(refused)) if refused.iter().all(|e| e.code() == Code::VolatileFunctionCalled) => {
                let findings = findings(subject, &query, &[]);
                Ok(Advice { findings, problems: refused, ..Advice::default() })
            }
            Err(errors) => Err(errors),
        }
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(advice) => advice,
        Err(_) => Err(too_slow().into()),
    }
}

/// Whether the database can plan a sync's query for this account: whether all that it names is
/// there, and may be read. No row is read.
///
/// # Errors
/// The query's text is refused, the database cannot be reached, or what it objects to: S008, S009
/// and others of its statements.
pub async fn plan(spec: &SyncSpec, warehouse: &dyn Warehouse) -> Result<(), Errors> {
    let query = Query::parse(&spec.query, spec.dialect)?;
    let mut session = warehouse.connect().await?;
    let asked = async {
        read_only::check(&mut *session, warehouse, &query).await?;
        let all = query.render(&LastSyncTime::Seconds(0));
        session.describe(&all).await?;
        session.explain(&all).await?;
        Ok(())
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(planned) => planned,
        Err(_) => Err(too_slow().into()),
    }
}

fn too_slow() -> Error {
    Error::new(Code::StatementCancelled, "the database took too long to look at the query")
        .help("see what keeps it busy, or check without it")
        .next_step(NextStep::Validate)
}

/// The findings of the text, with what is known about its comparisons.
fn findings(subject: Subject<'_>, query: &Query, known: &[Option<Known>]) -> Vec<Finding> {
    let spec = subject.spec;
    let context = Context {
        call_type: spec.call_type,
        cursor: spec.cursor.as_deref(),
        lookback: spec.lookback,
        customer_io: subject.customer_io,
        same_field: outflow_mapping::same_field,
        known,
    };
    let mut findings = query.lint(&context);
    let output = query.output().unwrap_or_default();
    let columns = columns_of(&output);
    let (start, end) = output.select;
    for error in Plan::compile(spec.call_type, &columns).err().unwrap_or_default() {
        // A column that the text does not name may be the one that is missing.
        if output.is_complete || error.code() != Code::RequiredColumnMissing {
            let help = error.help_text().unwrap_or_default();
            let finding = Finding::new(error.code(), start, end, error.message(), help);
            findings.push(names::fixed(spec, &spec.query, &output, finding));
        }
    }
    if output.is_complete && !output.has_made_up {
        for error in names::missing(spec, query, &columns) {
            let help = error.help_text().unwrap_or_default();
            findings.push(Finding::new(error.code(), start, end, error.message(), help));
        }
    }
    if output.is_complete
        && let Some(reason) = Identity::note(spec, query, &columns)
    {
        findings.push(run_and_row(&reason, start, end));
    }
    findings.extend(names::findings(subject, &spec.query, &output));
    // A destination that refuses such calls says more than that they add no one.
    if findings.iter().any(|f| f.code == Code::DestinationRefuses) {
        findings.retain(|f| f.code != Code::GroupWithoutUserId);
    }
    findings.sort_by_key(|f| (f.start, f.code));
    findings
}

/// The note about events whose ids are made of run and row.
fn run_and_row(reason: &str, start: usize, end: usize) -> Finding {
    let message = format!("events have message ids of run and row, not of what they say: {reason}");
    let help = "an event that another run sends again has a second id; select the compared column as it is, or say \
                which columns tell events apart: `event_key`";
    Finding::new(Code::IdsOfRunAndRow, start, end, message, help)
}

/// One sync and its database.
struct Asking<'a> {
    subject: Subject<'a>,
    query: &'a Query,
    warehouse: &'a dyn Warehouse,
}

impl Asking<'_> {
    async fn run(&self, mut session: Box<dyn Session>, depth: Depth) -> Result<Advice> {
        let (spec, query) = (self.subject.spec, self.query);
        let comparisons = query.comparisons();
        let mut known = Vec::new();
        for comparison in &comparisons {
            known.push(self.type_of(session.as_mut(), comparison).await?);
        }
        let zone = zones::local(session.as_mut()).await?;
        if depth == Depth::Types {
            // What a text holds decides on whether it may be compared with a number.
            for (comparison, known) in comparisons.iter().zip(&mut known) {
                let is_text = known.as_ref().is_some_and(|known| known.column.ty == ColumnType::Text);
                if is_text && comparison.is_with_number() {
                    self.add_largest(comparison, known).await;
                }
            }
            let mut advice = Advice { findings: findings(self.subject, query, &known), ..Advice::default() };
            // Without a reason to, the query is not parsed twice.
            if zone.is_some() || !query.zone_conversions().is_empty() {
                let all = query.render(&LastSyncTime::Seconds(0));
                let columns = answered(session.describe(&all).await)?.unwrap_or_default();
                self.judge_times(zone.as_deref(), &comparisons, &known, &columns, &mut advice);
            }
            return Ok(advice);
        }
        let clock = session.clock().await?;
        for (comparison, known) in comparisons.iter().zip(&mut known) {
            self.add_largest(comparison, known).await;
        }
        let mut advice = Advice { findings: findings(self.subject, query, &known), ..Advice::default() };
        let all = query.render(&LastSyncTime::Seconds(0));
        match answered(session.describe(&all).await)? {
            Ok(mut columns) => {
                query.restore_names(&mut columns);
                self.judge_columns(&columns, &mut advice);
                self.judge_times(zone.as_deref(), &comparisons, &known, &columns, &mut advice);
                self.plan(session.as_mut(), clock, &all, &mut advice).await?;
            }
            // What the database says against a comparison of the wrong types is said already, and
            // better.
            Err(_)
                if advice.findings.iter().any(|f| {
                    matches!(f.code, Code::TimestampComparedWithNumber | Code::TextComparedWithNumber)
                }) => {}
            Err(error) => advice.problems.push(error),
        }
        for (comparison, known) in comparisons.iter().zip(&known) {
            let Some(known) = known else { continue };
            let Some(largest) = moment(known) else { continue };
            let zone = zone.as_deref().filter(|_| !query.compares_utc(comparison));
            if !times::explains(zone, known, largest, clock, spec.lookback) {
                advice.findings.extend(lag(spec, comparison, known, largest, clock));
            }
        }
        advice.findings.sort_by_key(|f| (f.start, f.code));
        Ok(advice)
    }

    /// The type of a compared expression. Where types are those of the values, as in SQLite, there
    /// is none yet.
    async fn type_of(&self, session: &mut dyn Session, comparison: &Comparison) -> Result<Option<Known>> {
        let Some(probe) = comparison.probe.as_ref().filter(|_| self.query.has_static_types()) else {
            return Ok(None);
        };
        let columns = answered(session.describe(probe).await)?.unwrap_or_default();
        Ok(columns.into_iter().next().map(|column| Known { column, largest: None }))
    }

    async fn add_largest(&self, comparison: &Comparison, known: &mut Option<Known>) {
        let Some(sql) = &comparison.largest else { return };
        let Ok(Some(value)) = self.largest(sql).await else { return };
        match known {
            Some(known) => known.largest = Some(value),
            None if !self.query.has_static_types() => {
                // What has no declared type arrives as JSON.
                let (ty, declared, value) = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
                    Some(text) => (ColumnType::Text, "text", text.to_owned()),
                    None => (ColumnType::Numeric, "number", value),
                };
                let column = Column { name: String::new(), ty, declared: declared.to_owned() };
                *known = Some(Known { column, largest: Some(value) });
            }
            None => {}
        }
    }

    /// The one value of a statement, on a separate connection.
    async fn largest(&self, sql: &str) -> Result<Option<String>> {
        let statement = Statement {
            sql: sql.to_owned(),
            label: extract::label(&self.subject.spec.name),
            timeout: Some(LARGEST_WITHIN),
            limit: Some(1),
            hold: false,
        };
        let mut rows = self.warehouse.connect().await?.query(statement).await?;
        let mut page = RowPage::default();
        rows.next(&mut page).await?;
        let field = page.iter().next().and_then(|row| row.fields().next().flatten().map(<[u8]>::to_vec));
        Ok(field.and_then(|f| String::from_utf8(f).ok()))
    }

    fn judge_columns(&self, columns: &[Column], advice: &mut Advice) {
        let spec = self.subject.spec;
        let problems = match Plan::compile(spec.call_type, columns) {
            Ok(plan) => {
                let texts = plan.warnings().iter().filter(|warning| warning.code == Code::DatabaseText);
                let findings = texts.map(|w| self.at_select(w.code, w.message.clone(), &w.help));
                advice.findings.extend(findings);
                Vec::new()
            }
            Err(problems) => problems,
        };
        let problems = problems.into_iter().chain(names::missing(spec, self.query, columns));
        let told = |e: &Error| advice.findings.iter().any(|f| f.code == e.code() && f.message == e.message());
        let problems: Vec<_> = problems.filter(|e| !told(e)).collect();
        advice.problems.extend(problems);
        if !self.query.output().is_some_and(|output| output.is_complete) {
            advice.problems.extend(names::of_columns(self.subject, columns));
            for (message, help) in names::in_two_cases(spec.call_type, columns) {
                advice.findings.push(self.at_select(Code::DuplicateColumn, message, help));
            }
        }
        for (message, help) in times::converting_declarations(spec.dialect, columns) {
            advice.findings.push(self.at_select(Code::DeclaredTypeConverts, message, &help));
        }
        advice.findings.retain(|f| f.code != Code::IdsOfRunAndRow);
        if let Some(reason) = Identity::note(spec, self.query, columns) {
            let (start, end) = self.query.output().unwrap_or_default().select;
            advice.findings.push(run_and_row(&reason, start, end));
        }
        if let Some((message, help)) = too_many(columns.len(), spec.dialect)
            && !advice.findings.iter().any(|f| f.code == Code::ManyColumns)
        {
            advice.findings.push(self.at_select(Code::ManyColumns, message, help));
        }
    }

    /// What is to be said about times without a zone.
    fn judge_times(
        &self,
        zone: Option<&str>,
        comparisons: &[Comparison],
        known: &[Option<Known>],
        columns: &[Column],
        advice: &mut Advice,
    ) {
        let span = self.query.output().unwrap_or_default().select;
        let compared = comparisons.iter().zip(known);
        advice.findings.extend(times::findings(self.query, zone, compared, columns, span));
    }

    /// What the database expects of the runs.
    async fn plan(
        &self,
        session: &mut dyn Session,
        clock: Timestamp,
        all: &str,
        advice: &mut Advice,
    ) -> Result<()> {
        match answered(session.explain(all).await)? {
            Ok(expected) => advice.first_run = expected,
            // Only the plan looks at what the account may read.
            Err(error) if error.code() == Code::PermissionDenied => advice.problems.push(error),
            Err(_) => {}
        }
        let Schedule::Every { every, .. } = self.subject.spec.schedule else { return Ok(()) };
        let before = clock.as_second() - i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let later = self.query.render(&LastSyncTime::Seconds(before.max(0)));
        advice.later_run = answered(session.explain(&later).await)?.unwrap_or_default();
        let rows = advice.later_run.map_or(0, |e| e.rows);
        if rows > MANY_ROWS && every < DAY {
            let message = format!(
                "the database expects {rows} rows in a run, and there is one every {}",
                in_words(every.as_secs())
            );
            let help = "let the query read only what is new, or give the sync a longer interval: schedule: { every: 1d }";
            advice.findings.push(self.at_select(Code::ManyRowsOften, message, help));
        }
        Ok(())
    }

    /// A finding about the query as a whole.
    fn at_select(&self, code: Code, message: String, help: &str) -> Finding {
        let (start, end) = self.query.output().unwrap_or_default().select;
        Finding::new(code, start, end, message, help)
    }
}

/// The moment that a largest value means. Dates say too little, and small numbers are counters.
fn moment(known: &Known) -> Option<Timestamp> {
    const SECONDS_FROM: f64 = 1e8;
    const MILLIS_FROM: f64 = 1e11;
    let text = known.largest.as_deref()?;
    match known.column.ty {
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => {
            let number: f64 = text.parse().ok().filter(|n| *n >= SECONDS_FROM)?;
            Timestamp::from_second(if number >= MILLIS_FROM { number / 1e3 } else { number } as i64).ok()
        }
        ColumnType::Timestamp => format!("{text}Z").parse().ok(),
        ColumnType::TimestampTz => text.parse().ok(),
        _ => None,
    }
}

/// What the distance between a largest value and the warehouse's clock says.
fn lag(
    spec: &SyncSpec,
    comparison: &Comparison,
    known: &Known,
    largest: Timestamp,
    clock: Timestamp,
) -> Option<Finding> {
    let column = &comparison.expression;
    let finding = |message: String, help: &str| {
        Finding::new(Code::LateRows, comparison.start, comparison.end, message, help)
    };
    let behind = clock.as_second() - largest.as_second();
    let seconds = behind.unsigned_abs();
    if behind < 0 {
        if seconds < AHEAD.as_secs() {
            return None;
        }
        let message =
            format!("the largest {column} lies {} ahead of the database's clock", in_words(seconds));
        let is_time = matches!(known.column.ty, ColumnType::Timestamp | ColumnType::TimestampTz);
        return Some(match spec.cursor {
            Some(_) if is_time => finding(
                message + ": such a row says nothing about where the next run begins",
                "correct the timestamps, or leave them out: `AND … <` the database's clock",
            ),
            Some(_) => finding(
                message + ": last_sync_time moves there, and rows with smaller values are never read",
                "correct the timestamps, or leave them out: `AND … <` the database's clock",
            ),
            None => finding(
                message + ": such rows are read again in every run until then",
                "correct the timestamps; rows that did not change are not sent again",
            ),
        });
    }
    let is_late = seconds > LATE.max(spec.lookback).as_secs() && seconds < IDLE.as_secs();
    if !is_late || spec.cursor.is_some() {
        return None;
    }
    let message = format!(
        "the largest {column} is {} behind the database's clock: if rows are loaded that late, runs miss them",
        in_words(seconds)
    );
    let help = format!(
        "set `lookback: {}` in the sync, or `cursor` to the name of the column in the result; if nothing has changed since then, do nothing",
        in_words_up(seconds)
    );
    Some(finding(message, &help))
}

/// `90m`, `5h` or `3d`: rounded down to a unit that says enough.
fn in_words(seconds: u64) -> String {
    match seconds {
        ..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The same, rounded up to something longer.
fn in_words_up(seconds: u64) -> String {
    let unit = match seconds {
        ..7_200 => 60,
        7_200..172_800 => 3_600,
        _ => 86_400,
    };
    in_words((seconds / unit + 1) * unit)
}
