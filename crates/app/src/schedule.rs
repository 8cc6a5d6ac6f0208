//! The next times of a schedule that somebody thinks of.

use outflow_core::{BoxFuture, Clock as _, SystemClock};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::list::{SyncSlot, in_words, slots};

/// When a schedule would be due.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SchedulePreview {
    format_version: u32,
    /// The schedule in a few words.
    pub schedule: String,
    /// The next five times; none if it runs when it is asked for.
    pub next_slots: Vec<SyncSlot>,
}

impl App {
    /// The next five times of a schedule, as a sync's key `schedule` says it.
    ///
    /// # Errors
    /// Every problem of the schedule, each with the path of its key.
    pub fn preview_schedule<'a>(
        &'a self,
        schedule: &'a Value,
    ) -> BoxFuture<'a, Result<SchedulePreview, Errors>> {
        Box::pin(async move {
            let schedule = outflow_project::schedule_of(schedule)?;
            let next_slots = slots(&schedule, SystemClock.now());
            let schedule = in_words(&schedule);
            Ok(SchedulePreview { format_version: FORMAT_VERSION, schedule, next_slots })
        })
    }
}
