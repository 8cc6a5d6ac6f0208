//! What a run would come to: rows, calls, requests and time, without moving or sending anything.
//!
//! A sample of the result is shaped and encoded for real; the number of rows is counted by the
//! database, or taken from its plan if that takes too long or is refused. What the run before made
//! already is not foreseen, so every number of calls is an upper bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{Destination, Endpoint, RecordEnd, Records};
use outflow_core::ports::state::SyncState;
use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_core::sync::Schedule;
use outflow_core::{CallMeta, Clock, Code, Connection, Error, Nulls, RowPage, RunKey, SyncSpec, Timestamp};
use outflow_mapping::{Plan, RowEncoder};
use outflow_query::Query;
use serde::{Deserialize, Serialize};

use crate::authoring::names;
use crate::authoring::preview::PreviewStart;
use crate::extract::watermark::{self, Clocks};
use crate::{Errors, extract, read_only};

/// The number of rows that are mapped.
const SAMPLE: u64 = 1_000;
/// How long an answer is taken to be on its way: batch APIs answer in 100 to 300 ms.
const ANSWER: Duration = Duration::from_millis(200);
/// More rows than this more often than daily are worth a warning (Q113).
const MANY: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a run would come to.
#[derive(Debug)]
pub struct Estimate {
    /// The value of `{{last_sync_time}}`.
    pub last_sync_time: String,
    /// Which runs this is about.
    pub about: About,
    /// Rows of the result; `None` if unknown.
    pub rows: Option<u64>,
    /// How the rows are known.
    pub by: EstimatedBy,
    /// Why they are not counted, if they are not.
    pub not_counted: Option<Error>,
    /// Rows that were checked, and how many of them would be rejected.
    pub sampled: u64,
    /// See `sampled`.
    pub sampled_rejected: u64,
    /// Each connection of the sync.
    pub destinations: Vec<(String, Share)>,
    /// What is likely not meant.
    pub warnings: Vec<Error>,
}

/// Which runs an estimate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Every one: the query does not depend on the run before.
    EveryRun,
    /// The first one, and none after it.
    FirstRun,
    /// The next one; those after it read what comes in until then.
    NextRun,
    /// One that begins at the time that was given.
    OneRun,
}

impl About {
    /// A phrase for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EveryRun => "every run",
            Self::FirstRun => "the first run",
            Self::NextRun => "the next run",
            Self::OneRun => "a run from that time",
        }
    }
}

/// How the number of rows is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimatedBy {
    /// The database counted them, or they were all read.
    Count,
    /// The database's plan expects them.
    Plan,
    /// Not at all.
    Nothing,
}

impl EstimatedBy {
    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Plan => "plan",
            Self::Nothing => "nothing",
        }
    }
}

/// One destination's share of a run. All of it is at most so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Share {
    /// Calls that it would be sent.
    pub calls: u64,
    /// Calls whose `integrations` exclude it.
    pub filtered: u64,
    /// Calls that would be dead letters before they are sent.
    pub refused: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies, before compression.
    pub bytes: u64,
    /// How long that takes at its rate and concurrency, if an answer takes 200 ms.
    pub seconds: f64,
}

/// What the calls of the sample become at one destination.
struct Sampler<'a> {
    destination: &'a dyn Destination,
    nulls: Nulls,
    bytes: Vec<u8>,
    ends: Vec<RecordEnd>,
    sent: u64,
    filtered: u64,
    refused: u64,
    /// Why the first of them was.
    reason: Option<String>,
    /// By endpoint.
    records: Vec<RecordTotal>,
}

/// Records for one endpoint.
#[derive(Clone, Copy, Default)]
struct RecordTotal {
    count: u64,
    bytes: u64,
}

/// Estimates a run. Each statement that it takes is given up after `timeout`.
///
/// # Errors
/// Every problem of the query, the source or the result's columns. That the database does not count
/// in time is none.
pub async fn estimate(
    spec: &SyncSpec,
    state: &SyncState,
    warehouse: &dyn Warehouse,
    destinations: &HashMap<String, Arc<dyn Destination>>,
    clock: &dyn Clock,
    start: PreviewStart,
    timeout: Duration,
) -> Result<Estimate, Errors> {
    let query = Query::parse(&spec.query, spec.dialect)?;
    let (mut session, clocks) = Clocks::read(warehouse, clock).await?;
    read_only::check(&mut *session, warehouse, &query).await?;
    let (state, options) = start.state_and_options(state);
    let value = watermark::start_value(spec, &state, &options, &clocks);
    let sql = query.render(&value);

    let connected = |c: &Connection| Some((c.clone(), destinations.get(&c.destination)?.clone()));
    let connected: Vec<_> = spec.connections.iter().filter_map(connected).collect();
    let mut samplers: Vec<_> = connected.iter().map(|(c, d)| Sampler::new(&**d, c.nulls)).collect();
    let statement = |sql: String, limit| Statement {
        sql,
        label: extract::label(&spec.name),
        timeout: Some(timeout),
        limit,
        hold: false,
    };
    let sampled = match session.query(statement(sql.clone(), Some(SAMPLE))).await {
        Ok(stream) => sample(spec, &query, clocks.warehouse, stream, &mut samplers).await,
        Err(error) => Err(error.into()),
    };
    let (sampled, sampled_rejected, not_sampled) = match sampled {
        Ok((rows, rejected)) => (rows, rejected, None),
        Err(errors) => (0, 0, Some(too_slow(errors)?)),
    };
    let (rows, by, not_counted) = if not_sampled.is_none() && sampled < SAMPLE {
        (Some(sampled), EstimatedBy::Count, None)
    } else {
        // A separate line ends a comment of the query.
        let count = statement(format!("SELECT count(*) FROM (\n{sql}\n) AS q"), None);
        match count_rows(warehouse, count).await {
            Ok(rows) => (Some(rows), EstimatedBy::Count, None),
            Err(error) => match warehouse.connect().await?.explain(&sql).await {
                Ok(Some(expected)) => (Some(expected.rows), EstimatedBy::Plan, Some(error)),
                Ok(None) | Err(_) => (None, EstimatedBy::Nothing, Some(error)),
            },
        }
    };
    let shares = samplers.iter().map(|s| s.share(rows.unwrap_or(0), sampled));
    let destinations = connected.iter().map(|(c, _)| c.destination.clone()).zip(shares).collect();
    let about = match start {
        _ if spec.cursor.is_none() && !query.uses_last_sync_time() => About::EveryRun,
        PreviewStart::At(_) => About::OneRun,
        PreviewStart::Next if state.watermark.is_some() => About::NextRun,
        PreviewStart::First | PreviewStart::Next => About::FirstRun,
    };
    let last_sync_time = watermark::text(&value);
    let mut warnings: Vec<Error> = rows.and_then(|rows| many(spec, about, rows)).into_iter().collect();
    let refusals = connected.iter().zip(&samplers).filter_map(|((connection, _), sampler)| {
        let reason = sampler.reason.as_ref()?;
        let error = names::refused(&connection.destination, sampler.refused, sampler.looked_at(), reason);
        Some(error.at(format!("sync {}", spec.name)))
    });
    warnings.extend(refusals);
    Ok(Estimate {
        last_sync_time,
        about,
        rows,
        by,
        not_counted,
        sampled,
        sampled_rejected,
        destinations,
        warnings,
    })
}

/// Shapes the rows of the sample. Gives how many there were, and how many would be rejected.
async fn sample(
    spec: &SyncSpec,
    query: &Query,
    clock: Timestamp,
    mut stream: Box<dyn RowStream>,
    samplers: &mut [Sampler<'_>],
) -> Result<(u64, u64), Errors> {
    let mut columns = stream.columns().to_vec();
    query.restore_names(&mut columns);
    let mut encoder = RowEncoder::new(Plan::compile(spec.call_type, &columns)?, RunKey(0), clock)
        .on_invalid_value(spec.on_invalid_value);
    let (mut page, mut call) = (RowPage::default(), Vec::new());
    let (mut rows, mut rejected) = (0, 0);
    while stream.next(&mut page).await? {
        for row in page.iter() {
            call.clear();
            match encoder.shape(row, rows, &mut call) {
                Ok(shaped) => samplers.iter_mut().for_each(|s| s.take(&shaped.meta, &call)),
                Err(_) => rejected += 1,
            }
            rows += 1;
        }
    }
    Ok((rows, rejected))
}

/// A sample that takes too long is no error.
fn too_slow(errors: Errors) -> Result<Error, Errors> {
    match <[Error; 1]>::try_from(errors.0) {
        Ok([error]) if error.code() == Code::StatementCancelled => Ok(error),
        Ok([error]) => Err(error.into()),
        Err(errors) => Err(errors.into()),
    }
}

async fn count_rows(warehouse: &dyn Warehouse, statement: Statement) -> outflow_core::Result<u64> {
    let mut stream = warehouse.connect().await?.query(statement).await?;
    let (mut page, mut count) = (RowPage::default(), None);
    while stream.next(&mut page).await? {
        let first = page.iter().next().and_then(|row| row.fields().next().flatten());
        count = count.or(first.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()));
    }
    count.ok_or_else(|| Error::new(Code::ProtocolViolation, "the database counted and told no number"))
}

/// Q113, if runs that are due more often than daily read very many rows each.
fn many(spec: &SyncSpec, about: About, rows: u64) -> Option<Error> {
    let Schedule::Every { every, .. } = spec.schedule else { return None };
    if rows <= MANY || every >= DAY || !matches!(about, About::EveryRun | About::NextRun) {
        return None;
    }
    let minutes = every.as_secs().div_ceil(60);
    let whose = if about == About::EveryRun { "every run reads" } else { "the next run would read" };
    let message = format!("{whose} about {rows} rows, and a run is due every {minutes} minutes");
    let help = if about == About::EveryRun {
        "compare a column with {{last_sync_time}}, so that a run reads only what is new, or let it run daily"
    } else {
        "if later runs read as much, narrow the query or the lookback, or let it run less often"
    };
    Some(Error::new(Code::ManyRowsOften, message).at(format!("sync {}", spec.name)).help(help))
}

impl<'a> Sampler<'a> {
    fn new(destination: &'a dyn Destination, nulls: Nulls) -> Self {
        Self {
            destination,
            nulls,
            bytes: Vec::new(),
            ends: Vec::new(),
            sent: 0,
            filtered: 0,
            refused: 0,
            reason: None,
            records: vec![RecordTotal::default(); destination.endpoints().len()],
        }
    }

    fn take(&mut self, meta: &CallMeta, json: &[u8]) {
        self.bytes.clear();
        let mut records = Records::new(&mut self.bytes, &mut self.ends);
        match self.destination.prepare(meta, json, self.nulls, &mut records) {
            Verdict::Send if !self.ends.is_empty() => self.sent += 1,
            Verdict::Send | Verdict::Filter => return self.filtered += 1,
            Verdict::Refuse(refusal) => {
                self.reason.get_or_insert(refusal.reason);
                return self.refused += 1;
            }
        }
        let mut start = 0;
        for RecordEnd { endpoint, end } in &self.ends {
            let total = &mut self.records[*endpoint];
            total.count += 1;
            total.bytes += (end - start) as u64;
            start = *end;
        }
    }

    /// The calls of the sample.
    fn looked_at(&self) -> u64 {
        self.sent + self.filtered + self.refused
    }

    /// The share of a run with this number of rows, of which the sample is typical.
    fn share(&self, rows: u64, sampled: u64) -> Share {
        let of = |n: u64| match (u128::from(rows) * u128::from(n)).checked_div(u128::from(sampled)) {
            Some(n) => u64::try_from(n).unwrap_or(u64::MAX),
            None => 0,
        };
        let (mut requests, mut bytes) = (0_u64, 0_u64);
        for (index, (endpoint, total)) in self.destination.endpoints().iter().zip(&self.records).enumerate() {
            let Endpoint { envelope, limits } = endpoint;
            // Without a sample, each row may be a call, for the first endpoint.
            let records = if sampled == 0 && index == 0 { rows } else { of(total.count) };
            let around = (envelope.prefix.len() + envelope.suffix.len()) as u64;
            let each = total.bytes.checked_div(total.count).unwrap_or(0) + envelope.separator.len() as u64;
            let fit = (limits.bytes as u64).saturating_sub(around) / each.max(1);
            let batches = records.div_ceil(fit.min(limits.records as u64).max(1));
            requests += batches;
            bytes = bytes.saturating_add(records.saturating_mul(each));
            bytes = bytes.saturating_add(batches.saturating_mul(around));
        }
        let limits = self.destination.limits();
        let one = ANSWER.as_secs_f64() / limits.concurrency.max(1) as f64;
        let one = limits.rate.map_or(one, |rate| one.max(1.0 / f64::from(rate.max(1))));
        Share {
            calls: if sampled == 0 { rows } else { of(self.sent) },
            filtered: of(self.filtered),
            refused: of(self.refused),
            requests,
            bytes,
            seconds: requests as f64 * one,
        }
    }
}
