//! Sends a destination what it has missed.

use std::time::Duration;

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{BoxFuture, Code, Error, NextStep, SyncSpec, Timestamp};
use outflow_engine::{Errors, RunReader};
use outflow_project::Project;

use crate::making::{Circumstances, Job};
use crate::start::StartedRun;
use crate::{App, Caller, Event, RunOutcome, second_ids};

/// What to send again, and where.
#[derive(Clone, Debug)]
pub struct BackfillRequest {
    /// The destination.
    pub destination: String,
    /// For this sync alone; otherwise for every enabled sync that has the destination.
    pub sync: Option<String>,
    /// From this time on; otherwise from where the destination's gap begins.
    pub since: Option<Timestamp>,
    /// Events may go out under second ids.
    pub yes: bool,
    /// A delivery stops when its destination has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Wait while another process holds the state.
    pub wait: bool,
}

impl App {
    /// Runs each sync from where the destination's gap begins, to that destination alone; an
    /// unfinished backfill is continued. No outcome: it has missed nothing.
    ///
    /// # Errors
    /// Problems of the project, unknown names, and the state if it cannot be taken. Q014: from the
    /// requested time on, events would go out that the destination may have got under other ids,
    /// which the request does not allow. A gap needs no such question: what the destination got is
    /// left out.
    pub fn backfill<'a>(
        &'a self,
        request: &'a BackfillRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<RunOutcome>, Errors>> {
        Box::pin(async move {
            let (project, mut specs) = self.to_fill(request).await?;
            let BackfillRequest { delivery_timeout, wait, .. } = *request;
            let circumstances = Circumstances { delivery_timeout, wait, parallel: 4, beside: true };
            let mut outcomes = Vec::new();
            let mut before: Vec<(String, RunKind)> = Vec::new();
            loop {
                let mut jobs = Vec::new();
                for spec in &specs {
                    let is_first = outcomes.is_empty();
                    let Some(kind) = self.kind(request, spec, is_first, caller).await? else { continue };
                    let part = (spec.name.clone(), kind);
                    // A person may have rejected the run, and then the same is missing again.
                    if before.contains(&part) {
                        continue;
                    }
                    before.push(part.clone());
                    let destination = Some(request.destination.clone());
                    let options = RunOptions { destination, ..RunOptions::of(part.1) };
                    jobs.push(Job { spec: spec.clone(), options, due_at: None });
                }
                if jobs.is_empty() {
                    return Ok(outcomes);
                }
                let ran = self.run_beside(&project, jobs, circumstances, caller).await?;
                // What was missing before an edit of the query comes before what was missing after
                // it.
                specs.retain(|spec| {
                    request.since.is_none() && ran.iter().any(|outcome| has_ended(outcome, spec))
                });
                outcomes.extend(ran);
            }
        })
    }

    /// Begins a run for each sync that the destination has missed something of, and does not follow
    /// them. A sync whose calls are missing in several parts has one run at a time: once that has
    /// ended, the same request begins the next one. None begins: it has missed nothing.
    ///
    /// # Errors
    /// Those of [`App::backfill`] that are found before anything begins. T001: no `serve` is
    /// running.
    pub fn start_backfill<'a>(
        &'a self,
        request: &'a BackfillRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<StartedRun>, Errors>> {
        Box::pin(async move {
            let (_, specs) = self.to_fill(request).await?;
            let mut started = Vec::new();
            for spec in &specs {
                let Some(kind) = self.kind(request, spec, true, caller).await? else { continue };
                let destination = Some(request.destination.clone());
                let options = RunOptions { destination, ..RunOptions::of(kind) };
                started.push(self.begin(spec.name.clone(), options, caller).await?);
            }
            Ok(started)
        })
    }

    /// The project, and the syncs that are meant. Q014, unless second ids are allowed.
    async fn to_fill(&self, request: &BackfillRequest) -> Result<(Project, Vec<SyncSpec>), Errors> {
        let project = self.load().await?;
        project.known_destination(&request.destination)?;
        let specs = syncs(&project, request)?;
        if let (Some(since), false) = (request.since, request.yes) {
            let allowing = |spec: &SyncSpec| NextStep::BackfillWithSecondIds {
                sync: spec.name.clone(),
                destination: request.destination.clone(),
                since,
            };
            second_ids::refuse(&project, &specs, allowing).await?;
        }
        Ok((project, specs))
    }

    /// What the next run of a sync does; `None`: the destination has missed nothing.
    async fn kind(
        &self,
        request: &BackfillRequest,
        spec: &SyncSpec,
        is_first: bool,
        caller: &Caller,
    ) -> Result<Option<RunKind>, Errors> {
        if let Some(at) = request.since {
            return Ok(Some(RunKind::Since { at }));
        }
        let (reader, sync, destination) = (self.reader().await?, &spec.name, &request.destination);
        let kind = match unfinished(&reader, sync, destination).await? {
            Some(kind) => kind,
            None => match reader.gap(spec, destination).await? {
                Some(gap) => gap.backfill(destination).kind,
                None => {
                    if is_first {
                        (caller.listener)(Event::NothingMissed { sync, destination });
                    }
                    return Ok(None);
                }
            },
        };
        if let RunKind::Backfill { start, .. } = &kind {
            let start = start.clone();
            (caller.listener)(Event::BackfillFrom { sync, destination, start });
        }
        Ok(Some(kind))
    }
}

/// Whether a sync's run has ended, so that the next one may follow.
fn has_ended(outcome: &RunOutcome, spec: &SyncSpec) -> bool {
    matches!(outcome, RunOutcome::Ran(run) if run.sync == spec.name && run.state.is_final())
}

/// The unfinished backfill of a destination: a request for another one continues it.
async fn unfinished(reader: &RunReader, sync: &str, destination: &str) -> Result<Option<RunKind>, Error> {
    let runs = reader.state.unfinished_runs().await?.into_iter();
    let options = runs.filter(|run| run.sync == sync).map(|run| run.spec.options);
    let mut ours = options.filter(|options| {
        matches!(options.kind, RunKind::Backfill { .. })
            && options.destination.as_deref() == Some(destination)
    });
    Ok(ours.next().map(|options| options.kind))
}

/// The sync that is named, or every enabled one that has the destination.
fn syncs(project: &Project, request: &BackfillRequest) -> Result<Vec<SyncSpec>, Error> {
    let destination = &request.destination;
    let has = |spec: &SyncSpec| spec.connections.iter().any(|c| c.destination == *destination);
    let Some(name) = &request.sync else {
        return Ok(project.syncs.iter().filter(|s| s.enabled && has(s)).cloned().collect());
    };
    let spec = project.sync(name)?;
    if !has(spec) {
        let message = format!("{name} does not send to {destination}");
        return Err(Error::new(Code::NoSuchSyncOrRun, message)
            .help(format!("add {destination} to its destinations first")));
    }
    Ok(vec![spec.clone()])
}
