//! What tells the events of a sync apart, and so what their message ids are made of.
//!
//! What always holds: where it is not certain that two windows never hold two different events of
//! equal content, ids are made of run and row.

use outflow_core::{Column, Error, SyncSpec};
use outflow_mapping::{EventIdentity, Plan};
use outflow_query::Query;

/// What a sync's query and columns say.
pub(crate) struct Identity {
    /// What tells events apart, row by row. `None`: nothing does, or calls are no events.
    pub(crate) events: Option<EventIdentity>,
    /// Why the ids of its events are made of run and row.
    pub(crate) why_not: Option<String>,
}

impl Identity {
    /// What holds for the result of a query with this plan.
    ///
    /// # Errors
    /// Q013: a column of `event_key` is not in the result.
    pub(crate) fn of(spec: &SyncSpec, query: &Query, plan: &Plan) -> Result<Self, Error> {
        if !plan.makes_events() {
            return Ok(Self { events: None, why_not: None });
        }
        let told = if spec.ids.event_key.is_empty() {
            by_content(spec, query, plan)
        } else {
            Ok(EventIdentity::by_key(plan, &spec.ids)?)
        };
        Ok(match told {
            Ok(events) => {
                let why_not = spec.ids.key.is_none().then(|| "the project has no `id`".to_owned());
                Self { events: Some(events), why_not }
            }
            Err(reason) => Self { events: None, why_not: Some(reason) },
        })
    }

    /// What it says of columns that are known by their names alone.
    pub(crate) fn note(spec: &SyncSpec, query: &Query, columns: &[Column]) -> Option<String> {
        let plan = Plan::compile(spec.call_type, columns).ok()?;
        if plan.has_message_id() {
            return None;
        }
        Self::of(spec, query, &plan).ok()?.why_not
    }
}

fn by_content(spec: &SyncSpec, query: &Query, plan: &Plan) -> Result<EventIdentity, String> {
    match query.deciding_columns()? {
        columns if columns.is_empty() => EventIdentity::by_time(plan, spec.ids.key),
        columns => EventIdentity::by_content(plan, &columns, spec.ids.key),
    }
}
