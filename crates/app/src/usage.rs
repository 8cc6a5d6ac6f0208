//! How many calls were sent in a month.

use std::collections::BTreeMap;

use outflow_core::{CallType, Clock as _, Code, Date, Error, SystemClock};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::Serialize;

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
#[derive(Debug, Serialize)]
pub struct UsageDocument {
    format_version: u32,
    /// `2026-11`.
    pub month: String,
    /// Delivered calls and dead letters of all entries.
    pub calls: u64,
    /// The counts.
    pub entries: Vec<UsageEntry>,
}

/// Calls of one type, of one sync, to one destination.
#[derive(Debug, Serialize)]
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
    pub async fn usage(&self, request: &UsageRequest) -> Result<UsageDocument, Errors> {
        let UsageRequest { month, sync, days } = request.clone();
        let first = match month {
            Some(month) => parse(&month)?,
            None => jiff::tz::TimeZone::UTC.to_datetime(SystemClock.now()).date().first_of_month(),
        };
        let used = match self.is_new().await? {
            true => Vec::new(),
            false => self.reader().await?.state.usage(first, first.last_of_month()).await?,
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
        let month = first.strftime("%Y-%m").to_string();
        Ok(UsageDocument { format_version: FORMAT_VERSION, month, calls, entries })
    }
}

fn parse(month: &str) -> Result<Date, Error> {
    let day = if month.len() == 7 { format!("{month}-01").parse().ok() } else { None };
    day.ok_or_else(|| {
        Error::new(Code::InvalidValue, format!("{month:?} is not a month")).help("write it like 2026-11")
    })
}
