//! Redshift and PostgreSQL over wire protocol 3.0.
//!
//! A connection goes through [`dial`] (address, TCP or [`tunnel`], TLS), [`login`] (start-up and
//! authentication), [`session`] (settings, clock, the statement) and [`rows`] (the result), over
//! the frames of [`wire`]; [`check`] goes the same way for a person to watch. [`cancel`] stops a
//! statement from outside; [`functions`] asks the catalogue which functions a query can run,
//! [`transactions`] which transactions are open; [`failure`] turns what the server says into coded
//! errors.
//!
//! What always holds: results come as text, one statement goes into one Parse message, and it runs
//! in a read-only transaction. A Redshift is never asked for anything that it is not known to take;
//! see the module of each step.

mod cancel;
mod check;
mod columns;
mod connector;
mod failure;
mod functions;
pub(crate) mod kind;
mod login;
mod rows;
mod session;
mod transactions;
mod transport;
mod tunnel;
mod types;
mod wire;

use std::time::Duration;

use outflow_core::ports::warehouse::{Check, Session, Warehouse};
use outflow_core::{BoxFuture, Code, Dialect, Error, Result};
use outflow_egress::AddressPolicy;

use crate::credentials::Credentials;
use crate::{Aws, Iam, Login, ServerSettings};
use connector::Connector;
use failure::Waking;
pub use kind::ServerKind;
use session::OpenSession;

/// A Redshift or PostgreSQL database.
pub struct Server {
    settings: ServerSettings,
    aws: Aws,
    connector: Connector,
}

impl Server {
    /// Checks the settings and reads the CA file. Nothing is sent yet. `aws` is asked for passwords
    /// if the login is [`Login::Iam`].
    ///
    /// # Errors
    /// C005 for a setting that cannot be right, and for a CA file that cannot be used.
    pub fn new(settings: ServerSettings, aws: &Aws) -> Result<Server> {
        settings.check()?;
        let connector = Connector::new(&settings)?;
        Ok(Server { settings, aws: aws.clone(), connector })
    }

    /// Connects to no address that this policy refuses.
    #[must_use]
    pub fn within(mut self, policy: &AddressPolicy) -> Server {
        self.connector.policy = policy.clone();
        self
    }
}

impl Warehouse for Server {
    fn dialect(&self) -> Dialect {
        self.settings.kind.facts().dialect
    }

    fn source_id(&self) -> String {
        format!("{}/{}", self.settings.address(), self.settings.database)
    }

    fn allow_functions(&self) -> &[String] {
        &self.settings.allow_functions
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>> {
        Box::pin(async move {
            let session = match &self.settings.login {
                Login::Password { user, password } => {
                    let (user, password) = (user.clone(), password.clone());
                    self.open(&Credentials { user, password }).await?
                }
                Login::Iam(iam) => self.open_with(iam).await?,
            };
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }

    fn test<'a>(&'a self, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // What failed has been reported.
            let _ = check::run(&self.settings, &self.aws, &self.connector, report).await;
        })
    }
}

impl Server {
    async fn open(&self, credentials: &Credentials) -> Result<OpenSession> {
        let limit = self.settings.connect_timeout;
        let opened = tokio::time::timeout(limit, self.open_awake(credentials)).await;
        opened.unwrap_or_else(|_| Err(no_answer(limit))).map_err(|error| match error.place() {
            // A tunnel's errors happen elsewhere.
            Some(_) => error,
            None => error.at(self.settings.address()),
        })
    }

    /// Opens a session, and retries while the server says that it is waking up.
    async fn open_awake(&self, credentials: &Credentials) -> Result<OpenSession> {
        loop {
            match session::open(&self.settings, &self.connector, credentials).await {
                Err(error) if Waking::is_behind(&error) => tokio::time::sleep(AWAKE_SOON).await,
                opened => return opened,
            }
        }
    }

    /// Logs in with credentials from AWS. Kept ones that the server refuses are replaced once: they
    /// may have been revoked.
    async fn open_with(&self, iam: &Iam) -> Result<OpenSession> {
        let database = &self.settings.database;
        let (credentials, new) = self.aws.credentials(iam, database, None).await?;
        let opened = match self.open(&credentials).await {
            Err(error) if error.code() == Code::SourceAuthFailed && !new => {
                let (credentials, _) = self.aws.credentials(iam, database, Some(&credentials)).await?;
                self.open(&credentials).await
            }
            opened => opened,
        };
        opened
            .map_err(|error| if error.code() == Code::SourceAuthFailed { error.help(REFUSED) } else { error })
    }
}

/// The pause between attempts while a server is waking up.
const AWAKE_SOON: Duration = Duration::from_secs(1);

/// What helps when a password that AWS has just given is refused.
const REFUSED: &str = "AWS gave a password and the server refused it: the user may not exist in the database (create it, or set \
    `auto_create: true` in `iam`), or `cluster` or `workgroup` in `iam` is not the one behind this host";

fn no_answer(after: Duration) -> Error {
    let after = match after.as_secs() {
        0 => format!("{} ms", after.as_millis()),
        _ => format!("{} s", after.as_secs_f64().round()),
    };
    Error::new(Code::SourceTimeout, format!("the server did not answer within {after}")).help(
        "a security group or a firewall may drop packets from this machine: allow its address on the server's port. A paused \
         cluster does not answer until it is resumed, and a serverless workgroup takes up to a minute to wake: try again or raise connect_timeout",
    )
}
