//! How many calls were sent in a month.

use std::collections::BTreeMap;

use jiff::civil::Time;
use outflow_core::ports::state::{RowsRead, StateReader};
use outflow_core::{BoxFuture, CallType, Clock as _, Code, Date, Error, SystemClock};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Serialize};

use crate::App;

/// Which calls to count.
#[derive(Clone, Debug, Default)]
pub struct UsageRequest {
    /// The month, such as `2026-11`; otherwise the current one.
    pub month: Option<String>,
    /// Of this sync alone.
    pub sync: Option<String>,
    /// Each day by itself.
    pub days: bool,
}

/// The month's calls.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageDocument {
    format_version: u32,
    /// `2026-11`.
    pub month: String,
    /// Delivered calls and dead letters of all entries: a call to two destinations counts twice.
    pub calls: u64,
    /// The same by destination.
    pub destinations: BTreeMap<String, u64>,
    /// The counts.
    pub entries: Vec<UsageEntry>,
    /// What was read, as far as runs are kept.
    pub read: Vec<RowsRead>,
}

/// Calls of one type, of one sync, to one destination.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageEntry {
    /// The day, if days are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<Date>,
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// The type.
    #[serde(rename = "type")]
    pub call_type: CallType,
    /// All calls.
    pub calls: u64,
    /// Calls that the destination took.
    pub delivered: u64,
    /// Calls that it refused for good.
    pub dead_letters: u64,
}

impl App {
    /// Counts the calls of a month.
    pub fn usage<'a>(&'a self, request: &'a UsageRequest) -> BoxFuture<'a, Result<UsageDocument, Errors>> {
        Box::pin(async move {
            let UsageRequest { month, sync, days } = request.clone();
            let first = match month {
                Some(month) => parse(&month)?,
                None => jiff::tz::TimeZone::UTC.to_datetime(SystemClock.now()).date().first_of_month(),
            };
            let (used, read) = match self.is_new().await? {
                true => (Vec::new(), Vec::new()),
                false => {
                    let state = self.reader().await?.state;
                    let used = state.usage(first, first.last_of_month()).await?;
                    (used, rows_read(&*state, first, sync.as_deref()).await?)
                }
            };
            let mut sums = BTreeMap::<_, (u64, u64)>::new();
            for u in used.into_iter().filter(|u| sync.as_ref().is_none_or(|sync| *sync == u.sync)) {
                let key = (days.then_some(u.day), u.sync, u.destination, u.call_type.name());
                let sum = sums.entry(key).or_default();
                sum.0 += u.delivered;
                sum.1 += u.dead_letters;
            }
            let entry = |((day, sync, destination, name), (delivered, dead_letters))| {
                let call_type = CallType::from_name(name)?;
                let calls = delivered + dead_letters;
                Some(UsageEntry { day, sync, destination, call_type, calls, delivered, dead_letters })
            };
            let entries: Vec<UsageEntry> = sums.into_iter().filter_map(entry).collect();
            let calls = entries.iter().map(|e| e.calls).sum();
            let mut destinations = BTreeMap::<String, u64>::new();
            for entry in &entries {
                let sum = destinations.entry(entry.destination.clone()).or_default();
                *sum = sum.saturating_add(entry.calls);
            }
            let month = first.strftime("%Y-%m").to_string();
            Ok(UsageDocument { format_version: FORMAT_VERSION, month, calls, destinations, entries, read })
        })
    }
}

/// What the runs of the month read, by sync.
async fn rows_read(state: &dyn StateReader, first: Date, sync: Option<&str>) -> Result<Vec<RowsRead>, Error> {
    let begins = |day: Date| jiff::tz::TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok();
    let (Some(from), Some(until)) = (begins(first), first.last_of_month().tomorrow().ok().and_then(begins))
    else {
        return Ok(Vec::new());
    };
    state.rows_read(from, until, sync).await
}

fn parse(month: &str) -> Result<Date, Error> {
    let day = if month.len() == 7 { format!("{month}-01").parse().ok() } else { None };
    day.ok_or_else(|| {
        Error::new(Code::InvalidValue, format!("{month:?} is not a month")).help("write it like 2026-11")
    })
}
