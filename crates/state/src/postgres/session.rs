//! One connection to the server, set up the same way each time, with its prepared statements.
//!
//! What always holds: a session is one that can write, of a server that is new enough, with durable
//! commits and with the state's schema as the only one that names are looked up in. Both sides
//! notice within about 20 seconds that the other machine is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::{Result, hash};
use outflow_egress::client_config;
use tokio::sync::watch;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::address::Address;
use super::fault::{Fault, too_old, unreadable, wrong_encoding};
use super::tls::Tls;

/// How long a connection may take until it can be used.
const CONNECTING: Duration = Duration::from_secs(10);
/// After this much silence each side probes the other, and gives up after three
/// unanswered questions.
const SILENCE: Duration = Duration::from_secs(5);
const OLDEST: i32 = 140_000;

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<Box<str>, Statement>>,
    end: watch::Receiver<()>,
    /// A setting of this session alone: see [`Session::is_own`].
    name: String,
}

impl Session {
    /// Connects and sets the session up.
    pub(super) async fn connect(address: &Address) -> Result<Arc<Self>, Fault> {
        let connecting = async {
            let session = open(address).await?;
            session.check(address).await?;
            session.set_up(address).await?;
            Ok(Arc::new(session))
        };
        tokio::time::timeout(CONNECTING, connecting).await.unwrap_or(Err(Fault::Silence))
    }

    async fn check(&self, address: &Address) -> Result<(), Fault> {
        let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                   current_setting('server_encoding')";
        let row = self.one(sql, &[]).await?.ok_or_else(|| unreadable("no version"))?;
        check_server(address, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
        Ok(())
    }

    /// `synchronous_commit` stays as the administrator chose it, unless a commit would not be
    /// durable.
    async fn set_up(&self, address: &Address) -> Result<(), Fault> {
        let (schema, seconds, name) = (&address.schema, SILENCE.as_secs(), &self.name);
        self.batch(&format!(
            "SET search_path TO {schema}; SET outflow.session TO '{name}';
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') = 'off';
             SET default_transaction_isolation TO 'read committed';
             SET statement_timeout TO 0; SET lock_timeout TO 0; SET idle_session_timeout TO 0;
             SET idle_in_transaction_session_timeout TO '60s'; SET client_min_messages TO warning;
             SET tcp_keepalives_idle TO {seconds}; SET tcp_keepalives_interval TO {seconds};
             SET tcp_keepalives_count TO 3; SET tcp_user_timeout TO '20s'"
        ))
        .await
    }

    /// Whether the server's session is still the one that was set up. It is not if a pooler lends
    /// the same one to several clients.
    pub(super) async fn is_own(&self) -> Result<bool, Fault> {
        let row = self.one("SELECT current_setting('outflow.session', true)", &[]).await?;
        let name: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(name.as_ref() == Some(&self.name))
    }

    /// Whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for the end of the connection.
    pub(super) async fn end(&self) {
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
    }

    /// Statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Every row, through `read`.
    pub(super) async fn all<T>(
        &self,
        sql: &str,
        values: Values<'_>,
        read: fn(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, values).await?.iter().map(read).collect()
    }

    /// The first row.
    pub(super) async fn one(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Fault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, values).await?.into_iter().next())
    }

    /// How many rows the statement touched.
    pub(super) async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Fault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, values).await?)
    }

    /// Each text is parsed and planned once in a session.
    async fn statement(&self, sql: &str) -> Result<Statement, Fault> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

async fn open(address: &Address) -> Result<Session, Fault> {
    let mut config = Config::new();
    for (host, port) in &address.hosts {
        config.host(host).port(*port);
    }
    config
        .user(&address.user)
        .dbname(&address.database)
        .application_name("outflow")
        .ssl_mode(if address.tls.is_some() { SslMode::Require } else { SslMode::Disable })
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .connect_timeout(CONNECTING)
        .keepalives_idle(SILENCE)
        .keepalives_interval(SILENCE)
        .keepalives_retries(3)
        .tcp_user_timeout(4 * SILENCE);
    if let Some(password) = address.password()? {
        config.password(password.expose());
    }
    let (over, end) = watch::channel(());
    let client = match address.tls {
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(async move {
                let _ended = connection.await;
                drop(over);
            });
            client
        }
        Some(verify) => {
            let tls = Tls(client_config(verify, address.root_certificate.as_deref())?);
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(async move {
                let _ended = connection.await;
                drop(over);
            });
            client
        }
    };
    Ok(Session { client, statements: Mutex::default(), end, name: format!("{:032x}", hash::random()?) })
}

fn check_server(address: &Address, number: i32, version: &str, encoding: &str) -> Result<()> {
    if number < OLDEST {
        return Err(too_old(address, version));
    }
    if encoding != "UTF8" {
        return Err(wrong_encoding(address, encoding));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use outflow_core::Code;

    use super::*;

    #[test]
    fn an_old_server_or_another_encoding_is_refused() {
        let address = Address::parse("postgres://me@db/state").unwrap();
        let check = |number, version, encoding| check_server(&address, number, version, encoding);
        check(140_000, "14.0", "UTF8").unwrap();
        let old = check(130_014, "13.14", "UTF8").unwrap_err();
        assert_eq!(old.code(), Code::StateUnavailable);
        assert!(old.message().ends_with("is PostgreSQL 13.14; the state needs 14 or newer"), "{old}");
        assert_eq!(check(150_000, "15.0", "LATIN1").unwrap_err().code(), Code::StateUnavailable);
    }
}
