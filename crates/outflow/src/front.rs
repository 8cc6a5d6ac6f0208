//! What does what a command asks for: the installation here, or a server.
//!
//! What always holds: a command calls a method of [`Front`] and prints what comes back, and does
//! not know which of the two it was. What only an installation here can do is refused before
//! anything else is done.

use outflow_app::people::{
    NewToken, NewTokenRequest, NewUserRequest, RevokeTokenRequest, TokenEntry, TokenList, UserChangeRequest,
    UserDocument, UserList,
};
use outflow_app::{
    AlertList, AlertTest, App, ApplyDocument, ApproveRequest, AuditDocument, AuditList, AuditRequest,
    AuditVerification, BackfillRequest, Caller, CancelReport, CancelRequest, DatabaseDocument,
    DeadLetterDocument, DeadLetterList, DeadLetterSummary, DeadLettersRequest, DestinationTest,
    DestinationTestEvent, DestinationTestRequest, Errors, EstimateDocument, EstimateRequest, PauseDocument,
    PauseRequest, PlanDocument, PlanRequest, PreviewDocument, PreviewFailure, PreviewRequest, PurgeReport,
    PurgeRequest, RejectRequest, RejectedRequest, RejectedRows, RejectedSummary, Rejection,
    RemoveSecretRequest, RenameDocument, ReplayReport, ReplayRequest, Rotation, RunDocument, RunList,
    RunListEntry, RunName, RunOutcome, RunRequest, RunsRequest, SecretChange, SecretCheck, SecretList,
    SeenEntry, Selectors, SetSecretRequest, SetupSqlDocument, SetupSqlRequest, SourceTest, SourceTestEvent,
    StateVerification, StatusDocument, SyncList, UsageDocument, UsageRequest, Verification,
};
use outflow_client::Server;
use outflow_core::{Code, Error};

/// Who does what is asked for.
pub enum Front {
    /// The installation here.
    Here(Box<App>),
    /// A server.
    There(Server),
}

/// Methods that both have under the same name.
macro_rules! both {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $gives:ty;)*) => {
        impl Front {
            $(
                #[allow(clippy::missing_docs_in_private_items, reason = "see the method of App")]
                pub async fn $name(&self, $($argument: $kind),*) -> Result<$gives, Errors> {
                    Ok(match self {
                        Self::Here(app) => app.$name($($argument),*).await?,
                        Self::There(server) => server.$name($($argument),*).await?,
                    })
                }
            )*
        }
    };
}

both! {
    status() -> StatusDocument;
    list(which: &Selectors) -> SyncList;
    usage(request: &UsageRequest) -> UsageDocument;
    alerts() -> AlertList;
    test_alerts(caller: &Caller) -> AlertTest;
    reload() -> bool;
    export() -> String;
    rename_sync(from: &str, to: &str, wait: bool, caller: &Caller) -> RenameDocument;
    run(request: &RunRequest, caller: &Caller) -> Vec<RunOutcome>;
    backfill(request: &BackfillRequest, caller: &Caller) -> Vec<RunOutcome>;
    replay(request: &ReplayRequest, caller: &Caller) -> ReplayReport;
    approve(request: &ApproveRequest, caller: &Caller) -> RunOutcome;
    reject(request: &RejectRequest, caller: &Caller) -> RunDocument;
    cancel(request: &CancelRequest, caller: &Caller) -> CancelReport;
    pause(request: &PauseRequest, caller: &Caller) -> PauseDocument;
    resume(request: &PauseRequest, caller: &Caller) -> PauseDocument;
    purge(request: &PurgeRequest, caller: &Caller) -> PurgeReport;
    verify(run: RunName) -> Verification;
    verify_all() -> StateVerification;
    verify_audit(seen: &[SeenEntry]) -> AuditVerification;
    sources() -> Vec<DatabaseDocument>;
    estimate(request: &EstimateRequest) -> EstimateDocument;
    setup_sql(request: SetupSqlRequest) -> SetupSqlDocument;
    secrets() -> SecretList;
    set_secret(request: &SetSecretRequest, caller: &Caller) -> SecretChange;
    remove_secret(request: &RemoveSecretRequest, caller: &Caller) -> SecretChange;
    rotate_secrets(wait: bool, caller: &Caller) -> Rotation;
    check_secrets() -> SecretCheck;
    users() -> UserList;
    create_user(request: &NewUserRequest, caller: &Caller) -> UserDocument;
    change_user(request: &UserChangeRequest, caller: &Caller) -> UserDocument;
    end_sessions(name: &str, id: Option<&str>) -> u64;
    tokens() -> TokenList;
    create_token(request: &NewTokenRequest, caller: &Caller) -> NewToken;
    revoke_token(request: &RevokeTokenRequest, caller: &Caller) -> TokenEntry;
}

impl Front {
    /// The installation here, for a command that needs one.
    ///
    /// # Errors
    /// C043: a server is asked.
    pub fn here(&self, command: &str) -> Result<&App, Error> {
        let server = match self {
            Self::Here(app) => return Ok(app),
            Self::There(server) => server,
        };
        let message = format!("`outflow {command}` does not work over a server");
        Err(Error::new(Code::NotOverServer, message)
            .at(server.url())
            .help("run it where the project is, without --server and without OUTFLOW_SERVER"))
    }

    /// Whether nothing has run yet. Of a server it is not known.
    pub async fn is_new(&self) -> Result<bool, Errors> {
        match self {
            Self::Here(app) => Ok(app.is_new().await?),
            Self::There(_) => Ok(false),
        }
    }

    /// The first rows of a run.
    pub async fn preview(&self, request: &PreviewRequest) -> Result<PreviewDocument, PreviewFailure> {
        match self {
            Self::Here(app) => app.preview(request).await,
            Self::There(server) => server.preview(request).await,
        }
    }

    /// What would change if a project were moved into the server.
    pub async fn plan(&self, request: &PlanRequest) -> Result<Planned, Errors> {
        Ok(match self {
            Self::Here(app) => Planned::Here(app.plan(request).await?),
            Self::There(server) => Planned::There(server.plan(request).await?),
        })
    }

    /// Makes the changes of a plan that was made here or there before.
    pub async fn apply(&self, plan: &Planned, wait: bool, caller: &Caller) -> Result<ApplyDocument, Errors> {
        match (self, plan) {
            (Self::Here(app), Planned::Here(plan)) => app.apply(plan, wait, caller).await,
            (Self::There(server), Planned::There(plan)) => server.apply(plan, wait, caller).await,
            _ => Err(Error::new(Code::TaskFailed, "the plan is that of another installation").into()),
        }
    }

    /// Tests databases, step by step.
    pub async fn test_source(
        &self,
        name: &str,
        report: impl Fn(SourceTestEvent<'_>) + Send + Sync,
    ) -> Result<SourceTest, Errors> {
        match self {
            Self::Here(app) => app.test_source(name, report).await,
            Self::There(server) => server.test_source(name, report).await,
        }
    }

    /// Tests destinations, step by step.
    pub async fn test_destinations(
        &self,
        request: &DestinationTestRequest,
        report: impl Fn(DestinationTestEvent<'_>) + Send + Sync,
    ) -> Result<DestinationTest, Errors> {
        match self {
            Self::Here(app) => app.test_destinations(request, report).await,
            Self::There(server) => server.test_destinations(request, report).await,
        }
    }

    /// Lists runs.
    pub async fn runs(&self, request: &RunsRequest) -> Result<Listed<RunList, outflow_client::Runs>, Errors> {
        Ok(match self {
            Self::Here(app) => Listed::Here(app.runs(request).await?),
            Self::There(server) => Listed::There(server.runs(request).await?),
        })
    }

    /// The rejected rows of a run.
    pub async fn rejected(
        &self,
        request: &RejectedRequest,
    ) -> Result<Listed<RejectedRows, outflow_client::RejectedRows>, Errors> {
        Ok(match self {
            Self::Here(app) => Listed::Here(app.rejected(request).await?),
            Self::There(server) => Listed::There(server.rejected(request).await?),
        })
    }

    /// The dead letters of a run.
    pub async fn dead_letters(
        &self,
        request: &DeadLettersRequest,
    ) -> Result<Listed<DeadLetterList, outflow_client::DeadLetters>, Errors> {
        Ok(match self {
            Self::Here(app) => Listed::Here(app.dead_letters(request).await?),
            Self::There(server) => Listed::There(server.dead_letters(request).await?),
        })
    }

    /// Entries of the audit log, the newest first.
    pub async fn audit(
        &self,
        request: &AuditRequest,
    ) -> Result<Listed<AuditList, outflow_client::AuditEntries>, Errors> {
        Ok(match self {
            Self::Here(app) => Listed::Here(app.audit(request).await?),
            Self::There(server) => Listed::There(server.audit(request).await?),
        })
    }

    /// The whole audit log, the oldest entry first.
    pub async fn export_audit(&self) -> Result<Listed<AuditList, outflow_client::AuditEntries>, Errors> {
        Ok(match self {
            Self::Here(app) => Listed::Here(app.export_audit().await?),
            Self::There(server) => Listed::There(server.export_audit().await?),
        })
    }
}

/// A plan that was made here, or by a server.
pub enum Planned {
    /// Here.
    Here(PlanDocument),
    /// By a server.
    There(outflow_client::Plan),
}

impl Planned {
    /// The plan itself.
    pub fn document(&self) -> &PlanDocument {
        match self {
            Self::Here(document) => document,
            Self::There(plan) => &plan.document,
        }
    }
}

/// A list that comes page by page, from here or from a server.
pub enum Listed<H, T> {
    /// From here.
    Here(H),
    /// From a server.
    There(T),
}

impl Listed<RunList, outflow_client::Runs> {
    /// The next runs; none: there are no more.
    pub async fn next(&mut self) -> Result<Vec<RunListEntry>, Error> {
        match self {
            Self::Here(list) => list.next().await,
            Self::There(list) => list.next().await,
        }
    }

    /// What is to be said of syncs that skip often. A server says it by its alerts.
    pub async fn warnings(&self) -> Result<Vec<Error>, Error> {
        match self {
            Self::Here(list) => list.warnings().await,
            Self::There(_) => Ok(Vec::new()),
        }
    }
}

impl Listed<RejectedRows, outflow_client::RejectedRows> {
    /// What they have in common.
    pub fn summary(&self) -> &RejectedSummary {
        match self {
            Self::Here(rows) => &rows.summary,
            Self::There(rows) => &rows.summary,
        }
    }

    /// The next rows; none: there are no more.
    pub async fn next(&mut self) -> Result<Vec<Rejection>, Error> {
        match self {
            Self::Here(rows) => rows.next().await,
            Self::There(rows) => rows.next().await,
        }
    }
}

impl Listed<DeadLetterList, outflow_client::DeadLetters> {
    /// What they have in common.
    pub fn summary(&self) -> &DeadLetterSummary {
        match self {
            Self::Here(letters) => &letters.summary,
            Self::There(letters) => &letters.summary,
        }
    }

    /// The next dead letter. `None`: there are no more.
    pub async fn next(&mut self) -> Result<Option<DeadLetterDocument>, Error> {
        match self {
            Self::Here(letters) => letters.next().await,
            Self::There(letters) => letters.next().await,
        }
    }
}

impl Listed<AuditList, outflow_client::AuditEntries> {
    /// The next entries; none: there are no more.
    pub async fn next(&mut self) -> Result<Vec<AuditDocument>, Error> {
        match self {
            Self::Here(list) => list.next().await,
            Self::There(list) => list.next().await,
        }
    }
}
