//! The rows of a run that could not become a call.

use std::borrow::Cow;

use outflow_core::ports::spool::{Rejection, RejectionReader};
use outflow_core::run::FindingCount;
use outflow_core::{BoxFuture, Code, Error, RunId};
use outflow_engine::{Errors, FORMAT_VERSION, RunReader};
use serde::{Deserialize, Serialize};

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
    /// Those before this one, counted from 0 in all rejected rows of the run, are left out.
    pub from: u64,
}

/// A page looks at no more rows than this for those of a code.
const LOOKED_AT: u64 = 5_000;

/// What rows a run rejected, and why. It serialises to the document without its last part, `rows`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedSummary {
    format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many rows were rejected.
    pub rejected: u64,
    /// The causes.
    pub findings: Vec<FindingGroup>,
    /// The rows themselves are no longer kept.
    #[serde(skip)]
    pub gone: bool,
}

/// Rejected rows, page by page: any number of them is read in bounded memory.
pub struct RejectedRows {
    /// What they have in common.
    pub summary: RejectedSummary,
    rejections: Box<dyn RejectionReader>,
    code: Option<Code>,
    left: u64,
}

/// Rows with one cause.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FindingGroup {
    /// The code.
    pub code: Code,
    /// What it means.
    pub title: Cow<'static, str>,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// How many rows.
    pub rows: u64,
    /// The rows were sent all the same.
    pub sent: bool,
    /// The first row that was sent without a value, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Box<Rejection>>,
}

impl From<FindingCount> for FindingGroup {
    fn from(count: FindingCount) -> Self {
        let FindingCount { code, column, rows, samples } = count;
        let sent = code.is_warning();
        let first = samples.first().filter(|_| sent).and_then(|sample| serde_json::from_str(sample).ok());
        Self { code, title: code.title().into(), column, rows, sent, first }
    }
}

impl App {
    /// The rejected rows of a run.
    pub fn rejected<'a>(
        &'a self,
        request: &'a RejectedRequest,
    ) -> BoxFuture<'a, Result<RejectedRows, Errors>> {
        Box::pin(async move {
            let RejectedRequest { run, limit, code, from } = request.clone();
            let reader = self.reader().await?;
            let record = look::run(&reader, &run).await?;
            let RunReader { state, spool, .. } = reader;
            let segments = state.segments(record.id).await?;
            let findings = state.findings(record.id).await?;
            let summary = RejectedSummary {
                format_version: FORMAT_VERSION,
                run: record.id,
                rejected: record.rows.rejected,
                findings: findings.into_iter().map(FindingGroup::from).collect(),
                gone: record.rows.rejected > 0 && segments.is_empty(),
                sync: record.sync,
            };
            let rejections = spool.rejections(summary.run, &segments, from).await?;
            let left = if limit == 0 { u64::MAX } else { limit };
            Ok(RejectedRows { summary, rejections, code, left })
        })
    }
}

impl RejectedRows {
    /// A page of at most this many rows, and where the next page begins, counted in all rejected
    /// rows of the run; `None`: there are no more. Of a code that few rows have, a page can have
    /// fewer than there are to come.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn page(&mut self, from: u64, most: u64) -> Result<(Vec<Rejection>, Option<u64>), Error> {
        let (mut at, mut page) = (from, Vec::new());
        let has = |code| self.summary.findings.iter().any(|group| group.code == code && !group.sent);
        if self.code.is_some_and(|code| !has(code)) {
            return Ok((page, None));
        }
        while at.saturating_sub(from) < LOOKED_AT {
            let Some(read) = self.rejections.next().await? else { return Ok((page, None)) };
            for rejection in read {
                let is_meant = self.code.is_none_or(|code| rejection.code == code);
                if is_meant && page.len() as u64 == most {
                    return Ok((page, Some(at)));
                }
                if is_meant {
                    page.push(rejection);
                }
                at = at.saturating_add(1);
            }
        }
        Ok((page, Some(at)))
    }

    /// The next rows; none: there are no more.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn next(&mut self) -> Result<Vec<Rejection>, Error> {
        while self.left > 0
            && let Some(mut page) = self.rejections.next().await?
        {
            page.retain(|rejection| self.code.is_none_or(|code| rejection.code == code));
            page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= page.len() as u64;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }
}
