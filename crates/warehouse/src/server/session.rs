//! A session: its settings, the clock, and the one statement that it is for.
//!
//! Settings go out as statements of their own and not at start-up, where Redshift refuses some. The statement is described before it is executed, so that
//! columns are known at once and the execution can be cancelled from then on.

use outflow_core::ports::warehouse::{RowStream, Session, Statement};
use outflow_core::{BoxFuture, Code, Column, Dialect, Error, Result, Timestamp};
use postgres_protocol::message::frontend;
use tokio::time::Instant;

use super::cancel::Canceller;
use super::dial::{Door, closed};
use super::rows::{GRACE, Rows, too_long};
use super::wire::{Wire, broken_protocol, unexpected};
use super::{columns, login};
use crate::settings::ServerSettings;

/// Texts that mean the same everywhere: UTC, ISO dates, floats that read back as themselves (Redshift allows at most 2).
const EXACT_TEXTS: &[&str] =
    &["SET timezone TO 'UTC'", "SET datestyle TO 'ISO'", "SET extra_float_digits TO 2"];

/// What else decides on PostgreSQL's texts.
const EXACT_TEXTS_POSTGRES: &[&str] = &["SET bytea_output TO 'hex'", "SET intervalstyle TO 'postgres'"];

/// Connects, logs in and settles what texts look like.
pub(crate) async fn open(settings: &ServerSettings, door: &Door) -> Result<OpenSession> {
    let (socket, address) = door.open().await?;
    let mut wire = Wire::new(socket);
    let key = login::log_in(&mut wire, settings).await.map_err(too_early)?;
    let canceller = Canceller { door: door.clone(), address, key };
    let mut session = OpenSession { wire, canceller, dialect: settings.dialect };
    let postgres = if settings.dialect == Dialect::Postgres { EXACT_TEXTS_POSTGRES } else { &[] };
    for statement in EXACT_TEXTS.iter().chain(postgres) {
        session.run(statement).await.map_err(too_early)?;
    }
    Ok(session)
}

/// A connection that ends before there is a session has no result to break.
fn too_early(error: Error) -> Error {
    if error.code() == Code::S012 { closed(None).caused_by(error) } else { error }
}

pub(crate) struct OpenSession {
    wire: Wire,
    canceller: Canceller,
    dialect: Dialect,
}

impl Session for OpenSession {
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>> {
        Box::pin(async move {
            // GETDATE() knows whole seconds; that is what `last_sync_time` is rounded down to anyway.
            let (sql, zone) = match self.dialect {
                Dialect::Redshift => ("SELECT GETDATE()", "Z"),
                _ => ("SELECT clock_timestamp()", ""),
            };
            let text = self.run(sql).await?.unwrap_or_default();
            // What Redshift's leader node computes may be padded with NULs.
            let text = format!("{}{zone}", String::from_utf8_lossy(&text).trim_end_matches('\0'));
            text.parse().map_err(|e| broken_protocol("a time that is none").caused_by(e))
        })
    }

    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>> {
        Box::pin(async move {
            let deadline = statement.timeout.map(|timeout| Instant::now() + timeout + GRACE);
            let begun = self.begin(statement, deadline);
            let rows = match deadline {
                None => begun.await?,
                Some(deadline) => {
                    tokio::time::timeout_at(deadline, begun).await.unwrap_or_else(|_| Err(too_long()))?
                }
            };
            Ok(Box::new(rows) as Box<dyn RowStream>)
        })
    }
}

impl OpenSession {
    async fn begin(mut self: Box<Self>, statement: Statement, deadline: Option<Instant>) -> Result<Rows> {
        if let Some(sql) = self.labelling(&statement.label) {
            self.run(&sql).await?;
        }
        self.run("BEGIN READ ONLY").await?;
        if let Some(timeout) = statement.timeout {
            let millis = timeout.as_millis().clamp(1, i32::MAX as u128);
            self.run(&format!("SET statement_timeout TO {millis}")).await?;
        }
        let columns = self.describe(statement.sql).await?;
        Rows::start(self.wire, self.canceller, columns, self.dialect, statement.limit, deadline).await
    }

    /// The label holds only what can stand in a literal; other characters are dropped.
    fn labelling(&self, label: &str) -> Option<String> {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let label: String = label.chars().filter(plain).take(30).collect();
        let setting = if self.dialect == Dialect::Redshift { "query_group" } else { "application_name" };
        (!label.is_empty()).then(|| format!("SET {setting} TO '{label}'"))
    }

    /// Has the statement parsed, and learns what columns it will give.
    async fn describe(&mut self, sql: String) -> Result<Vec<Column>> {
        let wire = &mut self.wire;
        let sent = wire.send(|out| {
            frontend::parse("", &sql, [], out)?;
            frontend::describe(b'S', "", out)?;
            frontend::sync(out);
            Ok(())
        });
        sent.await?;
        wire.sql = sql;
        wire.expect(b'1').await?;
        let parameters = wire.expect(b't').await?;
        if wire.body(&parameters) != [0, 0] {
            return Err(Error::new(
                Code::S018,
                "the query has a parameter such as $1, which nothing gives a value to",
            )
            .help("use {{last_sync_time}}, or write the value itself"));
        }
        let description = wire.receive().await?;
        let columns = match description.tag {
            b'T' => columns::parse(wire.body(&description))?,
            b'n' => {
                return Err(Error::new(Code::Q001, "the statement gives no rows")
                    .help("a query must be one SELECT, or WITH ... SELECT"));
            }
            tag => return Err(unexpected(tag)),
        };
        wire.expect(b'Z').await?;
        Ok(columns)
    }

    /// Runs a statement of our own and returns the first field of its first row.
    async fn run(&mut self, sql: &str) -> Result<Option<Vec<u8>>> {
        self.wire.send(|out| frontend::query(sql, out)).await?;
        let mut first = None;
        loop {
            let message = self.wire.receive().await?;
            match message.tag {
                b'D' if first.is_none() => first = first_field(self.wire.body(&message)),
                b'T' | b'D' | b'C' => {}
                b'Z' => return Ok(first),
                tag => return Err(unexpected(tag)),
            }
        }
    }
}

fn first_field(row: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = row.get(2..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    rest.get(..length).map(<[u8]>::to_vec)
}
