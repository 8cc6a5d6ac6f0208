//! What a run would read and send, without moving or sending anything.

use outflow_core::ports::spool::Rejection;
use outflow_core::ports::state::SyncState;
use outflow_core::ports::warehouse::{Statement, Warehouse};
use outflow_core::run::{FindingCount, RunKind, RunOptions};
use outflow_core::{Clock, Code, Column, RowPage, RunKey, SyncSpec, Timestamp};
use outflow_mapping::{Plan, RowEncoder, subject};
use outflow_query::Query;

use super::unstable;
use crate::extract::identity::Identity;
use crate::extract::watermark::{self, Clocks};
use crate::{Errors, extract, read_only};

/// The run to preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewStart {
    /// The first run, whatever has run already.
    First,
    /// The next one, as the state has it.
    Next,
    /// One that begins at this time.
    At(Timestamp),
}

impl PreviewStart {
    /// What such a run finds.
    pub(crate) fn state_and_options(self, state: &SyncState) -> (SyncState, RunOptions) {
        match self {
            Self::First => (SyncState::default(), RunOptions::default()),
            Self::Next => (state.clone(), RunOptions::default()),
            Self::At(t) => (state.clone(), RunOptions::of(RunKind::Since { at: t })),
        }
    }
}

/// Which rows to read, and how.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Of which run.
    pub start: PreviewStart,
    /// At most this many.
    pub limit: u64,
    /// They are read once, and not a second time to see which columns differ.
    pub once: bool,
}

/// The first rows of a run and their calls.
#[derive(Debug)]
pub struct Preview {
    /// The value of `{{last_sync_time}}`.
    pub last_sync_time: String,
    /// The query as the warehouse got it.
    pub sql: String,
    /// The result's columns, in the case that the query was written in.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<PreviewRow>,
    /// Warnings about the result as a whole.
    pub warnings: Vec<(Code, String)>,
    /// Warnings about rows, counted.
    pub findings: Vec<FindingCount>,
}

/// One row.
#[derive(Debug)]
pub struct PreviewRow {
    /// The texts of its columns; `None` is NULL. Bytes that are no UTF-8 are replaced.
    pub fields: Vec<Option<String>>,
    /// The call that it becomes, as canonical JSON, or why it becomes none. The `messageId` stands
    /// for the one that a run will give.
    pub call: Result<String, Box<Rejection>>,
}

/// Reads the first rows of what a run would read, and once more, to see which columns differ,
/// unless they are to be read once.
///
/// # Errors
/// Every problem of the query, the source or the result's columns.
pub async fn preview(
    spec: &SyncSpec,
    state: &SyncState,
    warehouse: &dyn Warehouse,
    clock: &dyn Clock,
    Sample { start, limit, once }: Sample,
) -> Result<Preview, Errors> {
    let query = Query::parse(&spec.query, spec.dialect)?;
    let (session, clocks) = Clocks::read(warehouse, clock).await?;
    let (state, options) = start.state_and_options(state);
    let value = watermark::start_value(spec, &state, &options, &clocks);
    let sql = query.render(&value);
    let statement = Statement {
        sql: sql.clone(),
        label: extract::label(&spec.name),
        timeout: spec.query_timeout,
        limit: Some(limit),
        hold: false,
    };
    let again = statement.clone();
    let mut stream = read_only::query(session, warehouse, &query, statement).await?;
    let mut columns = stream.columns().to_vec();
    query.restore_names(&mut columns);
    let plan = Plan::compile(spec.call_type, &columns)?;
    let mut warnings: Vec<(Code, String)> =
        plan.warnings().iter().map(|w| (w.code, format!("{}; {}", w.message, w.help))).collect();
    let identity = Identity::of(spec, &query, &plan).map_err(Errors::from)?;
    let mut encoder = RowEncoder::new(plan, RunKey(0), clocks.warehouse)
        .with_events(identity.events)
        .on_invalid_value(spec.on_invalid_value);
    let (mut page, mut rows, mut sample) = (RowPage::default(), Vec::new(), unstable::Sample::new());
    while stream.next(&mut page).await? {
        for row in page.iter() {
            let mut call = Vec::new();
            let shaped = encoder.shape(row, rows.len() as u64, &mut call);
            let about = shaped.as_ref().ok().map(|shaped| subject(&shaped.meta, &call));
            sample.push((about, row.fields().map(|field| field.map(<[u8]>::to_vec)).collect()));
            rows.push(PreviewRow {
                fields: row.fields().map(|f| f.map(|t| String::from_utf8_lossy(t).into_owned())).collect(),
                call: shaped.map(|_| String::from_utf8_lossy(&call).into_owned()),
            });
        }
    }
    drop(stream);
    if !once && !sample.is_empty() {
        warnings.extend(unstable::look_again(spec, warehouse, &query, again, &columns, &sample).await);
    }
    Ok(Preview {
        last_sync_time: watermark::text(&value),
        sql,
        columns,
        rows,
        warnings,
        findings: encoder.findings(),
    })
}
