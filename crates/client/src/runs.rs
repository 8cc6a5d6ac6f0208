//! Which run is meant, and what begins runs.

use outflow_app::{
    BackfillRequest, Caller, Errors, Event, ReplayPlan, ReplayReport, ReplayRequest, RunName, RunOutcome,
    RunRequest, Selection, Selectors, StartedReplay, StartedRun, SyncDocument,
};
use outflow_core::{Code, Error, NextStep, RunId};
use serde::Deserialize;
use serde_json::json;

use crate::ask::encoded;
use crate::{Answer, Server};

/// Runs that a request has begun.
#[derive(Deserialize)]
struct Begun {
    runs: Vec<StartedRun>,
}

impl Server {
    /// The number of the run that is meant.
    pub(crate) async fn number(&self, name: &RunName) -> Result<RunId, Errors> {
        let (sync, missing) = match name {
            RunName::Number(run) => return Ok(*run),
            RunName::Latest => (None, "nothing has run yet".to_owned()),
            RunName::LatestOf(sync) => (Some(sync), format!("no sync named {sync:?} has run yet")),
        };
        let found = self.newest(sync.map(String::as_str), None, &missing).await;
        found.map_err(|errors| Errors(errors.0.into_iter().map(listed).collect()))
    }

    /// The newest run of a sync, in this state.
    pub(crate) async fn newest(
        &self,
        sync: Option<&str>,
        state: Option<&str>,
        missing: &str,
    ) -> Result<RunId, Errors> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            run: RunId,
        }
        let ask = self.get("runs").with("sync", sync).with("state", state).with("limit", Some(1));
        let none = || Error::new(Code::NoSuchSyncOrRun, missing);
        let page = match ask.document::<Page>().await {
            // A name that nothing has.
            Err(errors) if errors.0.iter().all(|e| e.code() == Code::NoSuchSyncOrRun) => {
                Page { items: Vec::new() }
            }
            page => page?,
        };
        Ok(page.items.first().ok_or_else(none)?.run)
    }

    /// Has the server run syncs, and follows their runs.
    pub fn run<'a>(&'a self, request: &'a RunRequest, caller: &'a Caller) -> Answer<'a, Vec<RunOutcome>> {
        Box::pin(async move {
            self.check().await?;
            let body = json!({
                "full": request.full, "since": request.since, "limit": request.limit,
                "destination": request.destination, "new_ids": request.new_ids,
                "allow_second_ids": request.yes,
            });
            let (mut started, mut failed) = (Vec::new(), Vec::new());
            let names = self.meant(&request.syncs).await?;
            for sync in &names {
                let ask = self.post(format!("syncs/{}/runs", encoded(sync))).body(body.clone()).long();
                match ask.document::<StartedRun>().await {
                    Ok(run) => started.push(run),
                    // What is refused before anything begins ends the command.
                    Err(errors) if started.is_empty() && failed.is_empty() => return Err(errors),
                    Err(errors) => failed.push(RunOutcome::failed(sync.clone(), errors)),
                }
            }
            let mut outcomes = self.follow_all(started, request.delivery_timeout, caller).await?;
            failed.iter().for_each(|outcome| (caller.listener)(Event::Ended(outcome)));
            outcomes.extend(failed);
            outcomes.sort_by_key(|outcome| names.iter().position(|name| name == outcome.sync()));
            Ok(outcomes)
        })
    }

    /// The names of the syncs that are meant.
    async fn meant(&self, syncs: &Selection) -> Result<Vec<String>, Errors> {
        let which = match syncs {
            Selection::Named(names) => return Ok(names.clone()),
            Selection::Due => {
                let message = "what is due by its schedule is run by the server itself";
                return Err(Error::new(Code::NotOverServer, message).at("--due").into());
            }
            Selection::Enabled => Selectors::default(),
            Selection::Matching(which) => which.clone(),
        };
        let found = self.list(&which).await?.syncs;
        // What is paused or disabled runs only if it is named.
        let is_meant = |sync: &SyncDocument| {
            which.select.contains(&sync.sync) || (sync.enabled && sync.paused_since.is_none())
        };
        Ok(found.into_iter().filter(is_meant).map(|sync| sync.sync).collect())
    }

    /// Has the server send calls of a run again, and follows that.
    pub fn replay<'a>(&'a self, request: &'a ReplayRequest, caller: &'a Caller) -> Answer<'a, ReplayReport> {
        Box::pin(async move {
            self.check().await?;
            let ReplayRequest { code, destination, mode, force, .. } = request;
            let run = self.number(&request.run).await?;
            let body = json!({ "code": code, "destination": destination, "mode": mode, "force": force });
            let ask = self.post(format!("runs/{run}/replay")).body(body).long();
            let StartedReplay { replays, sync, mode, rejected, destinations, runs } = ask.document().await?;
            let plan = ReplayPlan { run: replays, sync, mode, rejected, destinations };
            if !runs.is_empty() {
                (caller.listener)(Event::Replaying(&plan));
            }
            let outcomes = self.follow_all(runs, request.delivery_timeout, caller).await?;
            Ok(ReplayReport { plan, outcomes, not_in_result: Vec::new() })
        })
    }

    /// Has the server send a destination what it has missed, part by part, and follows that.
    pub fn backfill<'a>(
        &'a self,
        request: &'a BackfillRequest,
        caller: &'a Caller,
    ) -> Answer<'a, Vec<RunOutcome>> {
        Box::pin(async move {
            self.check().await?;
            let BackfillRequest { destination, sync, since, yes, .. } = request;
            let body = json!({ "sync": sync, "since": since, "allow_second_ids": yes });
            let path = format!("destinations/{}/backfill", encoded(destination));
            let mut outcomes = Vec::new();
            loop {
                let Begun { runs } = self.post(path.clone()).body(body.clone()).long().document().await?;
                if outcomes.is_empty() {
                    self.say_complete(request, &runs, caller).await?;
                }
                let ran = self.follow_all(runs, request.delivery_timeout, caller).await?;
                let goes_on = since.is_none() && !ran.is_empty() && ran.iter().all(has_succeeded);
                outcomes.extend(ran);
                if !goes_on || *caller.stop.borrow() {
                    return Ok(outcomes);
                }
            }
        })
    }

    /// Says of which syncs the destination has missed nothing.
    async fn say_complete(
        &self,
        request: &BackfillRequest,
        runs: &[StartedRun],
        caller: &Caller,
    ) -> Result<(), Errors> {
        let syncs = match &request.sync {
            Some(sync) => vec![sync.clone()],
            None => {
                let select = vec![format!("destination:{}", request.destination)];
                let which = Selectors { select, exclude: Vec::new() };
                let found = self.list(&which).await?.syncs;
                found.into_iter().filter(|sync| sync.enabled).map(|sync| sync.sync).collect()
            }
        };
        for sync in syncs.iter().filter(|sync| runs.iter().all(|run| run.sync != **sync)) {
            (caller.listener)(Event::NothingMissed { sync, destination: &request.destination });
        }
        Ok(())
    }
}

/// The error with where runs are listed.
fn listed(error: Error) -> Error {
    match error.code() {
        Code::NoSuchSyncOrRun => error.next_step(NextStep::ListRuns),
        _ => error,
    }
}

/// Whether a run was delivered, so that what was missing after it comes next.
fn has_succeeded(outcome: &RunOutcome) -> bool {
    use outflow_core::RunState::{Partial, Succeeded, SucceededWithRejected};
    let state = outcome.document().map(|document| document.state);
    matches!(state, Some(Succeeded | SucceededWithRejected | Partial))
}
