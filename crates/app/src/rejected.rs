//! The rows of a run that could not become a call.

use outflow_core::ports::spool::Rejection;
use outflow_core::run::FindingCount;
use outflow_core::{Code, RunId};
use outflow_engine::{Errors, FORMAT_VERSION, RunReader};
use serde::Serialize;

use crate::App;
use crate::look::{self, RunName};

/// Which rejected rows.
#[derive(Clone, Debug, Default)]
pub struct RejectedRequest {
    /// The run.
    pub run: RunName,
    /// How many rows; 0 for all.
    pub limit: u64,
    /// Only those with this code.
    pub code: Option<Code>,
}

/// Rejected rows, and their causes.
#[derive(Debug, Serialize)]
pub struct RejectedRows {
    format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many rows were rejected.
    pub rejected: u64,
    /// The causes.
    pub findings: Vec<FindingGroup>,
    /// The rows.
    pub rows: Vec<Rejection>,
    /// The rows themselves are no longer kept.
    #[serde(skip)]
    pub gone: bool,
}

/// Rows with one cause.
#[derive(Clone, Debug, Serialize)]
pub struct FindingGroup {
    /// The code.
    pub code: Code,
    /// What it means.
    pub title: &'static str,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// How many rows.
    pub rows: u64,
    /// The rows were sent all the same.
    pub sent: bool,
}

impl From<FindingCount> for FindingGroup {
    fn from(count: FindingCount) -> Self {
        let FindingCount { code, column, rows, .. } = count;
        Self { code, title: code.title(), column, rows, sent: code.is_warning() }
    }
}

impl App {
    /// The rejected rows of a run.
    pub async fn rejected(&self, request: &RejectedRequest) -> Result<RejectedRows, Errors> {
        let RejectedRequest { run, limit, code } = request.clone();
        let limit = if limit == 0 { usize::MAX } else { limit as usize };
        let reader = self.reader().await?;
        let record = look::run(&reader, &run).await?;
        let RunReader { state, spool, .. } = reader;
        let segments = state.segments(record.id).await?;
        let findings = state.findings(record.id).await?;
        let (id, gone) = (record.id, record.rows.rejected > 0 && segments.is_empty());
        let (mut rows, mut rejections) = (Vec::new(), spool.rejections(id, &segments).await?);
        while rows.len() < limit
            && let Some(read) = rejections.next().await?
        {
            rows.extend(read.into_iter().filter(|r| code.is_none_or(|code| r.code == code)));
        }
        rows.truncate(limit);
        Ok(RejectedRows {
            format_version: FORMAT_VERSION,
            run: id,
            rejected: record.rows.rejected,
            findings: findings.into_iter().map(FindingGroup::from).collect(),
            rows,
            gone,
            sync: record.sync,
        })
    }
}
