//! What a run would come to, without moving or sending anything.

use std::borrow::Cow;
use std::time::Duration;

use outflow_core::{BoxFuture, CallType, Error, SystemClock};
use outflow_engine::authoring::estimate::{self, Estimate, EstimatedBy, Share};
use outflow_engine::authoring::preview::PreviewStart;
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Serialize};

use crate::{App, Needs, wiring};

/// Which run to estimate.
#[derive(Clone, Debug)]
pub struct EstimateRequest {
    /// The sync.
    pub sync: String,
    /// Which run.
    pub start: PreviewStart,
    /// How long rows are counted. After that the database's plan gives the number.
    pub timeout: Duration,
}

/// What a run would come to.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EstimateDocument {
    format_version: u32,
    /// The sync.
    pub sync: String,
    #[serde(rename = "type")]
    call_type: CallType,
    /// The value of `{{last_sync_time}}`.
    pub last_sync_time: String,
    /// Which runs this is about.
    pub about: Cow<'static, str>,
    /// How many rows.
    pub rows: EstimatedRows,
    /// What a sample of the rows shows.
    pub sample: Sample,
    /// Each destination's share; `None` if the number of rows is not known.
    #[serde(with = "outflow_engine::forms::by_name")]
    #[schema(value_type = BTreeMap<String, Value>)]
    pub destinations: Vec<(String, Option<Share>)>,
    /// What is likely not meant.
    pub warnings: Vec<Error>,
}

/// How many rows a run would read.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EstimatedRows {
    /// The number, if it is known.
    pub expected: Option<u64>,
    /// How it is known.
    #[schema(value_type = String)]
    pub by: EstimatedBy,
    /// Why the rows were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted: Option<Error>,
}

/// What a sample of the rows shows.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sample {
    /// Rows of the sample.
    pub rows: u64,
    /// Rows that would be rejected.
    pub rejected: u64,
}

impl App {
    /// Estimates a run.
    pub fn estimate<'a>(
        &'a self,
        request: &'a EstimateRequest,
    ) -> BoxFuture<'a, Result<EstimateDocument, Errors>> {
        Box::pin(async move {
            let project = self.load_draft_for(&request.sync, Needs::All).await?;
            let spec = project.sync(&request.sync)?;
            let state = self.sync_state(&spec.name, request.start).await?;
            let destinations = wiring::destinations(&project)?;
            let warehouse = wiring::warehouse(&project, spec)?;
            let (start, timeout) = (request.start, request.timeout);
            let found = estimate::estimate(
                spec,
                &state,
                warehouse.as_ref(),
                &destinations,
                &SystemClock,
                start,
                timeout,
            )
            .await?;
            let Estimate { last_sync_time, about, rows, by, not_counted, .. } = found;
            let share = |(name, share): (String, Share)| (name, rows.is_some().then_some(share));
            Ok(EstimateDocument {
                format_version: FORMAT_VERSION,
                sync: spec.name.clone(),
                call_type: spec.call_type,
                last_sync_time,
                about: about.name().into(),
                rows: EstimatedRows { expected: rows, by, not_counted },
                sample: Sample { rows: found.sampled, rejected: found.sampled_rejected },
                destinations: found.destinations.into_iter().map(share).collect(),
                warnings: found.warnings,
            })
        })
    }
}
