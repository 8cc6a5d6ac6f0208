//! The application layer: everything that Outflow can do, as typed functions.
//!
//! Each use case is a method of [`App`]: it takes a typed request and returns a typed document that
//! serialises to the JSON of `docs/reference/documents.md`. A use case that takes long reports
//! [`Event`]s while it runs. The command line, the control socket and every later front end call
//! these methods.
//!
//! What always holds:
//! - Use cases return boxed futures: their code is made once, here, and not once more in each front
//!   end that awaits them.
//! - Only this crate wires adapters to the engine, opens the state, and walks the
//!   spool for a front end.
//! - Work that waits for the disk runs off the async threads.
//! - What a person can do about an error is a fact ([`outflow_core::NextStep`]); a front end names
//!   the command.
//!
//! What it does not do: read arguments, print, choose exit codes, or handle signals. A front end
//! does.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod access;
mod alerts;
mod approval;
mod audit;
mod backfill;
mod beside;
mod cancel;
mod catalogue;
mod check;
mod connections;
pub mod control;
mod dead_letters;
mod definitions;
mod destination;
mod estimate;
mod findings;
mod folder;
mod follow;
pub mod front;
mod gaps;
mod holder;
mod init;
mod leftovers;
mod list;
pub mod live;
mod loaded;
mod look;
mod making;
pub mod metrics;
mod outcome;
mod pause;
mod paused;
pub mod people;
mod preview;
mod preview_requests;
mod purge;
mod recorded;
mod rejected;
mod renamed;
mod replay;
mod run;
mod runs;
mod schedule;
mod schema;
mod second_ids;
mod secret_documents;
mod secrets;
mod serve;
mod serving;
mod slot;
mod source;
mod start;
mod status;
mod surroundings;
mod usage;
mod user;
mod validate;
mod verify;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::StateStore;
use outflow_core::{Actor, BoxFuture, Code, Error, RunId, Secret, Timestamp};
use outflow_engine::RunReader;
pub use outflow_project::FILE as PROJECT_FILE;
pub use outflow_project::field_of;
use outflow_project::{Origin, Part, Project, StoredDefinition};
use tokio::sync::watch;

pub use alerts::{AlertDocument, AlertList, AlertTest, ReceiverList, ReceiverTest};
pub use approval::{ApproveRequest, RejectRequest};
pub use audit::{AuditDocument, AuditList, AuditPage, AuditRequest, AuditVerification, SeenEntry};
pub use backfill::BackfillRequest;
pub use cancel::CancelRequest;
pub use catalogue::{
    CatalogueColumnDocument, CatalogueDocument, CatalogueRequest, CatalogueSchema, CatalogueTable,
};
pub use check::CheckDocument;
pub use connections::{ConnectionDocument, ConnectionList};
pub use dead_letters::{
    DeadLetterDocument, DeadLetterList, DeadLetterSummary, DeadLettersRequest, LetterPlace,
};
pub use definitions::{
    ApplyDocument, Comparison, DefinitionDocument, DefinitionEdit, DefinitionRequest, DraftProblem,
    DraftProblems, KeyDifference, PlanDocument, PlanRequest, PlannedAction, PlannedChange, RenameDocument,
    VersionList,
};
pub use destination::{
    DestinationDocument, DestinationTest, DestinationTestEvent, DestinationTestRequest, TestedDestination,
};
pub use estimate::{EstimateDocument, EstimateRequest};
pub use findings::Finding;
pub use folder::find_project;
pub use front::{FrontEnd, Listening, Network, ServerSettings, TlsFiles};
pub use gaps::GapList;
pub use init::{InitDocument, InitRequest, init, write_file};
pub use list::{Selectors, SyncDetail, SyncDocument, SyncList, SyncSlot};
pub use look::RunName;
pub use outcome::RunOutcome;
pub use outflow_core::ports::spool::Rejection;
pub use outflow_core::ports::state::RowsRead;
pub use outflow_core::ports::state::{AuditFilter, DeadLetter};
pub use outflow_core::ports::state::{
    DefinitionFilter, DefinitionId, DefinitionKind, DefinitionStatus, Owner,
};
pub use outflow_core::ports::state::{Pausable, PauseKind};
pub use outflow_core::run::ReplayMode;
pub use outflow_engine::authoring::estimate::{EstimatedBy, Share};
pub use outflow_engine::authoring::preview::PreviewStart;
pub use outflow_engine::operations::cancel::{CancelReport, CancelledCalls};
pub use outflow_engine::operations::causes::Cause;
pub use outflow_engine::operations::purge::{PurgeReport, PurgedRun};
pub use outflow_engine::operations::verify::Verification;
pub use outflow_engine::operations::verify_all::{StateProblem, StateVerification};
pub use outflow_engine::serve::TaskStatus;
pub use outflow_engine::{
    DeliveryDocument, EarlierDocument, Errors, Event as RunEvent, FORMAT_VERSION, LeftOutDocument,
    MissingDocument, Reason, RunDocument, RunListEntry, UnsentDocument,
};
pub use outflow_state::Location as StateLocation;
pub use outflow_warehouse::{SourceKind, kinds as source_kinds, parse_names};
pub use pause::{PauseDocument, PauseRequest};
pub use paused::PauseEntry;
pub use preview::{PreviewCall, PreviewDocument, PreviewFailure, PreviewRequest, PreviewRow, PreviewShown};
pub use preview_requests::{PreviewHeader, PreviewHttp, PreviewOfDestination, PreviewRefused};
pub use purge::PurgeRequest;
pub use rejected::{FindingGroup, RejectedRequest, RejectedRows, RejectedSummary};
pub use replay::{ReplayPlan, ReplayReport, ReplayRequest};
pub use run::{RunRequest, Selection};
pub use runs::{RunList, RunPage, RunsRequest};
pub use schedule::SchedulePreview;
pub use schema::{destination_kinds, schema};
pub use secret_documents::{IntendedUse, Rotation, SecretChange};
pub use secrets::{
    LONGEST_SECRET, RemoveSecretRequest, SecretCheck, SecretDocument, SecretList, SetSecretRequest,
};
pub use serve::ServeRequest;
pub use serving::{DestinationStatus, Serving};
pub use source::{
    DatabaseDocument, DatabaseTest, SetupSqlDocument, SetupSqlRequest, SourceTest, SourceTestEvent,
};
pub use start::{StartedReplay, StartedRun};
pub use status::{
    Change, HeldRun, LastRun, NotLoaded, PausedDestination, StatusDocument, SyncStatus, WaitingCalls,
};
pub use usage::{UsageDocument, UsageEntry, UsageRequest};
pub use validate::{ExpectedRows, ExpectedRuns, Rows, ValidationDocument};

/// The files of a project are read within this time.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// One installation: a project's folder, its state, and the folder of its spool and its socket.
#[derive(Clone, Debug)]
pub struct App {
    origin: Origin,
    state: Option<StateLocation>,
    folder: PathBuf,
    /// Who acts.
    actor: Actor,
    people: people::Shared,
    slot: slot::Slot,
    keys: secrets::KeyCache,
    catalogues: catalogue::Cache,
    loaded: loaded::Loaded,
}

impl App {
    /// The installation with `outflow.yaml` in this folder. The state is where the project says, or
    /// in `.outflow` beside it, unless named here. A state in a folder has spool and socket with
    /// it; with any other they are in `.outflow`.
    pub fn new(project: PathBuf, state: Option<StateLocation>) -> Self {
        let folder = match &state {
            Some(StateLocation::Folder(folder)) => folder.clone(),
            _ => project.join(".outflow"),
        };
        let origin = Origin { dir: project, target: None, ..Origin::default() };
        let (people, slot, keys, catalogues, loaded) = Default::default();
        Self { origin, state, folder, actor: user::local(), people, slot, keys, catalogues, loaded }
    }

    /// The same installation, for this actor: the audit log names them for what they change.
    /// Without this it is the user of the process.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// The same project as one of its targets changes it. A target has a state of its own, in
    /// `.outflow/targets`, unless one is named: what was sent for one environment was not sent for
    /// another.
    #[must_use]
    pub fn with_target(mut self, target: Option<String>) -> Self {
        if let Some(target) = &target
            && !matches!(self.state, Some(StateLocation::Folder(_)))
        {
            self.folder = self.origin.dir.join(".outflow/targets").join(target);
        }
        self.origin.target = target;
        self
    }

    /// Whether nothing has run yet. A state that was named and is not there is another matter: its
    /// name may be wrong.
    ///
    /// # Errors
    /// What is wrong with the URL of the state.
    pub fn is_new<'a>(&'a self) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            if self.state.is_some() || self.slot.get().is_some() {
                return Ok(false);
            }
            Ok(match self.location().await? {
                StateLocation::Folder(folder) => {
                    let looked = tokio::task::spawn_blocking(move || outflow_state::is_empty(&folder));
                    looked.await.unwrap_or(false)
                }
                StateLocation::Postgres(_) => false,
            })
        })
    }

    /// The events of this process, if it serves.
    pub fn live(&self) -> Option<live::Live> {
        self.slot.get().map(|serves| serves.live.clone())
    }

    /// Whether this process serves and can read its state.
    pub fn is_ready<'a>(&'a self) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(serves) = self.slot.get() else { return false };
            serves.reader.state.pauses().await.is_ok()
        })
    }

    /// Where the state is.
    async fn location(&self) -> Result<StateLocation, Error> {
        if let Some(named) = &self.state {
            return Ok(named.clone());
        }
        let url = self.read_as_written(Project::state_url, Arc::default()).await??;
        url.map_or_else(|| Ok(StateLocation::Folder(self.folder.clone())), |url| wiring::location(&url))
    }

    /// The state, not opened yet.
    async fn store(&self) -> Result<Arc<dyn StateStore>, Error> {
        Ok(outflow_state::open(&self.location().await?))
    }

    /// The project as its files say now.
    ///
    /// # Errors
    /// Every problem of the files.
    pub fn load<'a>(&'a self) -> BoxFuture<'a, Result<Project, Errors>> {
        Box::pin(async move { Ok(self.read_project(Project::load).await??) })
    }

    /// Has the running `serve`, if there is one, read the project again.
    ///
    /// # Errors
    /// Why it goes on with the old project.
    pub fn reload<'a>(&'a self) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.ask(&control::Request::Reload, &Caller::silent()).await?.is_some()) })
    }

    /// As [`App::load`], for use cases that need no secret, or not all of them.
    async fn load_partly(&self) -> Result<Project, Errors> {
        Ok(self.read_project(Project::load_partly).await??)
    }

    /// As [`App::load_partly`], for whoever will need some secrets: if there is a problem, all of
    /// them are reported, missing secrets too.
    async fn load_to_use(&self, stored: Arc<[StoredDefinition]>) -> Result<Project, Errors> {
        match self.read_files(Project::load_partly, stored.clone()).await? {
            Ok(project) => Ok(project),
            Err(_) => Ok(self.read_files(Project::load, stored).await??),
        }
    }

    /// Whether the project could not be loaded as its state is not there yet, or was written by an
    /// older version, so that its secrets could not be read. Then it is made or brought up to date,
    /// and loading is tried again.
    async fn has_made_state(&self, errors: &Errors, wait: bool, caller: &Caller) -> Result<bool, Error> {
        if errors.0.iter().all(|error| error.code() != Code::StateUnavailable) {
            return Ok(false);
        }
        holder::open_state(self, wait, caller).await.map(|_| true)
    }

    /// As [`App::load_partly`], with all that a sync needs.
    async fn load_for(&self, sync: &str) -> Result<Project, Errors> {
        let project = self.load_to_use(self.look_for_stored().await).await?;
        // A name that is not there is reported by whoever looks for it.
        let parts = project.sync(sync).map(Project::parts_of).unwrap_or_default();
        Ok(project.require(&parts)?)
    }

    /// As [`App::load_for`], where a draft of the sync's name is taken as enabled.
    async fn load_draft_for(&self, sync: &str, needs: Needs) -> Result<Project, Errors> {
        let project = self.load_to_use(self.look_for_stored_with(sync).await).await?;
        let mut parts = project.sync(sync).map(Project::parts_of).unwrap_or_default();
        parts.retain(|part| needs == Needs::All || matches!(part, Part::Database { .. }));
        Ok(project.require(&parts)?)
    }

    /// The sources of a project whose other parts may be unfinished: the one that is named, or all.
    async fn load_sources(&self, named: Option<&str>) -> Result<Project, Errors> {
        let source = named.map(|named| named.split('.').next().unwrap_or(named).to_owned());
        Ok(self.read_project(move |origin| Project::load_sources(origin, source.as_deref())).await??)
    }

    /// The destinations of a project whose other parts may be unfinished.
    async fn load_destinations(&self) -> Result<Project, Errors> {
        Ok(self.read_project(Project::load_destinations).await??)
    }

    /// Reads the project with the server's definitions.
    async fn read_project<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Origin) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.read_files(read, self.look_for_stored().await).await
    }

    /// Reads files of the project with the secrets that they use. Definitions of the server stand
    /// beside them.
    async fn read_files<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Origin) -> T + Send + 'static,
        stored: Arc<[StoredDefinition]>,
    ) -> Result<T, Error> {
        let secrets = self.kept_secrets(&stored).await;
        self.read_as_written(move |origin| read(&Origin { secrets, ..origin.clone() }), stored).await
    }

    /// Reads files of the project off the async threads, in bounded time: they may be on a mount
    /// that hangs. Secrets that Outflow keeps are not there.
    async fn read_as_written<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Origin) -> T + Send + 'static,
        stored: Arc<[StoredDefinition]>,
    ) -> Result<T, Error> {
        let origin = Origin { stored, ..self.origin.clone() };
        let reading = tokio::task::spawn_blocking(move || read(&origin));
        let failed = |what: String| {
            Error::new(Code::ProjectFileUnreadable, what).at(self.origin.dir.display().to_string())
        };
        match tokio::time::timeout(READ_WITHIN, reading).await {
            Ok(read) => read.map_err(|e| failed("reading the project broke down".to_owned()).caused_by(e)),
            Err(_) => Err(failed(format!("the project was not read within {READ_WITHIN:?}"))
                .help("a mount that its files are on may hang")),
        }
    }

    /// Reads the state and the spool. Needs no project and holds nothing.
    async fn reader(&self) -> Result<RunReader, Error> {
        match self.slot.get() {
            Some(serves) => Ok(serves.reader.clone()),
            None => wiring::reader(&self.location().await?, &self.folder).await,
        }
    }
}

/// Of which parts of a sync the secrets are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// The database that it reads, and where its calls go.
    All,
    /// The database alone.
    Database,
}

/// How the caller of a use case stops it and hears of its progress.
#[derive(Clone)]
pub struct Caller {
    /// Turns true when the use case is to stop.
    pub stop: watch::Receiver<bool>,
    /// Takes the events.
    pub listener: Listener,
}

impl Caller {
    /// A caller that never stops a use case and hears nothing of it.
    pub fn silent() -> Self {
        let (_, stop) = watch::channel(false);
        Self { stop, listener: Arc::new(|_| {}) }
    }
}

/// Takes the events of a use case. It is called from several tasks and must not block.
pub type Listener = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// What happens while a use case runs.
pub enum Event<'a> {
    /// Another process holds the state; this one waits for it.
    WaitingForState,
    /// The API is served and there is no user yet: this token makes the first one.
    SetUp {
        /// The token. It belongs on the terminal, and not in a log that is kept.
        token: &'a Secret,
        /// When it ends.
        until: Timestamp,
    },
    /// The API answers, here.
    Listening(SocketAddr),
    /// The running `serve` has begun a run.
    HandedOver {
        /// The sync.
        sync: &'a str,
        /// Its run.
        run: RunId,
    },
    /// The running `serve` runs the sync after a run that is in progress.
    Queued {
        /// The sync.
        sync: &'a str,
        /// The run in progress, if it is one.
        behind: Option<RunId>,
    },
    /// The caller stops; the running `serve` goes on with the run.
    LeftRunning {
        /// The sync.
        sync: &'a str,
        /// The run.
        run: RunId,
    },
    /// The running `serve` delivers an approved run.
    Approved {
        /// The sync.
        sync: &'a str,
        /// The run.
        run: RunId,
    },
    /// A backfill reads from where the destination's gap begins.
    BackfillFrom {
        /// The sync.
        sync: &'a str,
        /// The destination.
        destination: &'a str,
        /// The start.
        start: String,
    },
    /// The destination has missed nothing of the sync.
    NothingMissed {
        /// The sync.
        sync: &'a str,
        /// The destination.
        destination: &'a str,
    },
    /// Something waits for what the project no longer has.
    LeftOver(&'a Error),
    /// A replay begins.
    Replaying(&'a ReplayPlan),
    /// Something is not as it should be, and runs go on.
    Warning(&'a Error),
    /// A run goes on.
    Run {
        /// The sync.
        sync: &'a str,
        /// What happened.
        event: RunEvent,
    },
    /// A sync's run is over, or could not be made.
    Ended(&'a RunOutcome),
}
