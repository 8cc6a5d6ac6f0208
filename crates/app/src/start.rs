//! Begins runs and does not follow them: for callers that look at the run later.
//!
//! What always holds: what `App::run`, `App::replay` and `App::approve` refuse is refused here,
//! too, before anything begins. A `serve` has to be running: it makes the runs.

use outflow_core::run::{ReplayMode, RunOptions};
use outflow_core::{BoxFuture, Code, Error, RunId};
use outflow_engine::operations::replay::{ReplayRequest as EngineRequest, usual_mode};
use outflow_engine::{Errors, RunListEntry};
use serde::{Deserialize, Serialize};

use crate::control::{self, Answer, Request};
use crate::look::{self, RunName};
use crate::{App, Caller, ReplayPlan, ReplayRequest, RunRequest};

/// A run that begins, or that begins when its sync is no longer busy.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StartedRun {
    /// The sync.
    pub sync: String,
    /// The run; none yet if it waits for the one before.
    pub run: Option<RunId>,
    /// It waits until its sync is no longer busy.
    pub queued: bool,
    /// The run that it waits for, if it is one.
    pub behind: Option<RunId>,
}

/// The runs that a replay begins.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StartedReplay {
    /// The earlier run.
    pub replays: RunId,
    /// Its sync.
    pub sync: String,
    /// How.
    pub mode: ReplayMode,
    /// How many rows the earlier run rejected.
    pub rejected: u64,
    /// To which destinations; none if there is nothing to replay.
    pub destinations: Vec<String>,
    /// The runs, one for each destination.
    pub runs: Vec<StartedRun>,
}

impl App {
    /// Begins a run of each sync that the request means.
    ///
    /// # Errors
    /// Those of [`App::run`] that are found before anything begins. T001: no `serve` is running.
    pub fn start<'a>(
        &'a self,
        request: &'a RunRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<StartedRun>, Errors>> {
        Box::pin(async move {
            let (request, project, pauses) = self.prepared(request).await?;
            let mut started = Vec::new();
            for (sync, options) in crate::run::wanted(&request, &project, &pauses) {
                project.sync(&sync)?;
                started.push(self.begin(sync, options, caller).await?);
            }
            Ok(started)
        })
    }

    /// Begins what replays an earlier run.
    ///
    /// # Errors
    /// Those of [`App::replay`] that are found before anything begins. T001: no `serve` is running.
    pub fn start_replay<'a>(
        &'a self,
        request: &'a ReplayRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<StartedReplay, Errors>> {
        Box::pin(async move {
            let (plan, all, _, _) = self.planned(request).await?;
            let mut runs = Vec::new();
            for options in all {
                runs.push(self.begin(plan.sync.clone(), options, caller).await?);
            }
            let ReplayPlan { run, sync, mode, rejected, destinations } = plan;
            Ok(StartedReplay { replays: run, sync, mode, rejected, destinations, runs })
        })
    }

    /// Approves a run, which is delivered from then on.
    ///
    /// # Errors
    /// C011: there is no such run. G001…G006 or E004 where it does not await approval. T001: no
    /// `serve` is running.
    pub fn start_approved<'a>(
        &'a self,
        run: &'a RunName,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<RunListEntry, Errors>> {
        Box::pin(async move {
            let run = look::waiting(&*self.reader().await?.state, run).await?.id;
            self.ask(&Request::Approve { run }, caller).await?.ok_or_else(not_serving)?;
            self.recorded_run(&RunName::Number(run)).await
        })
    }

    /// Has the `serve` that is running begin a run.
    pub(crate) async fn begin(
        &self,
        sync: String,
        options: RunOptions,
        caller: &Caller,
    ) -> Result<StartedRun, Error> {
        let request = Request::Run { sync: sync.clone(), options };
        match self.ask(&request, caller).await?.ok_or_else(not_serving)? {
            Answer::Started(run) => Ok(StartedRun { sync, run: Some(run), queued: false, behind: None }),
            Answer::Queued { behind } => Ok(StartedRun { sync, run: None, queued: true, behind }),
            _ => Err(control::other_answer()),
        }
    }

    /// What is to be replayed, and the runs that do it.
    pub(crate) async fn planned(
        &self,
        request: &ReplayRequest,
    ) -> Result<(ReplayPlan, Vec<RunOptions>, outflow_project::Project, outflow_core::SyncSpec), Errors> {
        let reader = self.reader().await?;
        let record = look::run(&reader, &request.run).await?;
        let project = self.load_for(&record.sync).await?;
        let spec = project.sync(&record.sync)?.clone();
        if let Some(destination) = &request.destination {
            project.known_destination(destination)?;
        }
        let wanted = EngineRequest {
            run: record.id,
            destination: request.destination.clone(),
            code: request.code,
            mode: request.mode,
            force: request.force,
        };
        let all: Vec<RunOptions> = reader.plan_replay(&wanted).await?;
        let plan = ReplayPlan {
            run: record.id,
            rejected: record.rows.rejected,
            sync: record.sync,
            mode: request.mode.unwrap_or_else(|| usual_mode(record.call_type)),
            destinations: all.iter().filter_map(|options| options.destination.clone()).collect(),
        };
        Ok((plan, all, project, spec))
    }
}

fn not_serving() -> Error {
    Error::new(Code::StateUnavailable, "no Outflow is running that could begin it")
        .help("start one that keeps syncs running")
}
