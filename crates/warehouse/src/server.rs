//! Redshift and PostgreSQL over wire protocol 3.0.
//!
//! A connection goes through [`dial`] (address, TCP, TLS), [`login`] (start-up and authentication), [`session`] (settings, clock, the statement) and
//! [`rows`] (the result), over the frames of [`wire`]. [`cancel`] stops a statement from outside; [`failure`] turns what the server says into coded errors.
//!
//! What always holds: results come as text, one statement goes into one Parse message, and it runs in a read-only transaction. A Redshift is never asked
//! for anything that it is not known to take; see the module of each step.

mod cancel;
mod columns;
mod dial;
mod failure;
mod login;
mod rows;
mod session;
mod wire;

use std::time::Duration;

use outflow_core::ports::warehouse::{Session, Warehouse};
use outflow_core::{BoxFuture, Code, Dialect, Error, Result};

use crate::ServerSettings;
use dial::Door;

/// A Redshift or PostgreSQL database.
pub struct Server {
    settings: ServerSettings,
    door: Door,
}

impl Server {
    /// Checks the settings and reads the CA file. Nothing is sent yet.
    ///
    /// # Errors
    /// C005 for a setting that cannot be right, and for a CA file that cannot be used.
    pub fn new(settings: ServerSettings) -> Result<Server> {
        settings.check()?;
        let door = Door::new(&settings)?;
        Ok(Server { settings, door })
    }
}

impl Warehouse for Server {
    fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    fn place(&self) -> String {
        format!("{}/{}", self.settings.address(), self.settings.database)
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>> {
        Box::pin(async move {
            let limit = self.settings.connect_timeout;
            let opened = tokio::time::timeout(limit, session::open(&self.settings, &self.door)).await;
            match opened.unwrap_or_else(|_| Err(no_answer(limit))) {
                Ok(session) => Ok(Box::new(session) as Box<dyn Session>),
                Err(error) => Err(error.at(self.settings.address())),
            }
        })
    }
}

fn no_answer(after: Duration) -> Error {
    Error::new(Code::S003, format!("the server did not answer within {after:?}")).help(
        "a security group or a firewall may drop packets from this machine: allow its address on the server's port. A paused \
         cluster does not answer until somebody resumes it, and a serverless workgroup takes up to a minute to wake: try again or raise connect_timeout",
    )
}
