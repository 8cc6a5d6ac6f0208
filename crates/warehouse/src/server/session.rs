//! A session: its settings, the clock, and the one statement that it is for.
//!
//! Settings go out as statements of their own and not at start-up, where Redshift refuses some. The
//! statement is parsed and described first, so that its columns can be judged; it is executed when
//! the first rows are requested. Whoever drops it before has done nothing.

use outflow_core::ports::warehouse::{Expected, OpenTransactions, RowStream, Session, Statement};
use outflow_core::{BoxFuture, Code, Column, Error, References, Result, Timestamp, VolatileFunction};
use outflow_egress::deadline::after;
use postgres_protocol::message::frontend;
use tokio::time::Instant;

use super::cancel::Canceller;
use super::columns::Described;
use super::connector::{Connector, closed};
use super::kind::{Facts, ServerKind};
use super::rows::{GRACE, Rows, too_long};
use super::wire::{Wire, broken_protocol, unexpected, unsendable};
use super::{columns, functions, login, transactions, types};
use crate::credentials::Credentials;
use crate::settings::ServerSettings;

/// Texts that mean the same everywhere: UTC, ISO dates, floats that read back as themselves
/// (Redshift allows at most 2).
const EXACT_TEXTS: &[&str] =
    &["SET timezone TO 'UTC'", "SET datestyle TO 'ISO'", "SET extra_float_digits TO 2"];

/// A question of our own is answered with no more rows than this.
const MOST_ROWS: usize = 2000;

/// Connects, logs in and settles what texts look like.
pub(crate) async fn open(
    settings: &ServerSettings,
    connector: &Connector,
    credentials: &Credentials,
) -> Result<OpenSession> {
    let (socket, address) = connector.open().await?;
    let mut wire = Wire::new(socket);
    wire.kind = Some(settings.kind);
    let key = login::log_in(&mut wire, settings, credentials).await.map_err(too_early)?;
    let canceller = Canceller { connector: connector.clone(), address, key };
    let time_zone = wire.parameter("TimeZone").map(str::to_owned);
    let mut session = OpenSession { wire, canceller, kind: settings.kind, time_zone };
    session.settle().await.map_err(too_early)?;
    Ok(session)
}

/// A connection that ends before there is a session has no result to break.
pub(crate) fn too_early(error: Error) -> Error {
    if error.code() == Code::ConnectionBroken { closed(None).caused_by(error) } else { error }
}

pub(crate) struct OpenSession {
    pub(super) wire: Wire,
    pub(super) canceller: Canceller,
    pub(super) kind: ServerKind,
    /// What the server said at log-in.
    pub(super) time_zone: Option<String>,
}

/// The rows of a question of our own, as texts; `None` is NULL.
pub(crate) type Texts = Vec<Vec<Option<String>>>;

impl Session for OpenSession {
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>> {
        Box::pin(async move {
            let Facts { clock, clock_zone, .. } = self.kind.facts();
            let text = self.run(clock).await?.unwrap_or_default();
            // What Redshift's leader node computes may be padded with NULs.
            let text = format!("{}{clock_zone}", String::from_utf8_lossy(&text).trim_end_matches('\0'));
            text.parse().map_err(|e| broken_protocol("a time that is none").caused_by(e))
        })
    }

    fn time_zone(&mut self) -> BoxFuture<'_, Result<Option<String>>> {
        Box::pin(async move {
            if self.time_zone.is_none() {
                // Redshift does not say it at log-in.
                const QUESTION: &str = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'";
                let rows = self.ask_if_answered(QUESTION).await?;
                self.time_zone = rows.and_then(|rows| rows.into_iter().next()?.into_iter().next()?);
            }
            Ok(self.time_zone.clone())
        })
    }

    fn open_transactions(&mut self) -> BoxFuture<'_, Result<OpenTransactions>> {
        Box::pin(async move {
            let rows = self.ask_if_answered(transactions::question(self.kind)).await?;
            let sees_all = self.kind == ServerKind::Redshift && self.sees_all_transactions().await?;
            Ok(transactions::answer(self.kind, rows.as_ref(), sees_all))
        })
    }

    fn volatile_functions<'a>(
        &'a mut self,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Vec<VolatileFunction>>> {
        Box::pin(async move {
            let Some(question) = functions::question(self.kind, references) else { return Ok(Vec::new()) };
            Ok(functions::answer(self.ask(&question).await?))
        })
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Vec<Column>>> {
        Box::pin(async move {
            sendable(sql)?;
            let described = self.columns_of(sql.to_owned()).await;
            self.recover(described).await
        })
    }

    fn explain<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Option<Expected>>> {
        Box::pin(async move {
            sendable(sql)?;
            let explained = self.plan(sql).await;
            self.recover(explained).await
        })
    }

    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>> {
        Box::pin(async move {
            let deadline = statement.timeout.map(|timeout| after(timeout.saturating_add(GRACE)));
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
    /// Settles what texts look like.
    pub(super) async fn settle(&mut self) -> Result<()> {
        for statement in EXACT_TEXTS.iter().chain(self.kind.facts().exact_texts) {
            self.run(statement).await?;
        }
        self.check_strings().await
    }

    /// Where strings end decides what a statement is. `query` reads them as the setting says; a
    /// server that reads them otherwise gets no query.
    async fn check_strings(&mut self) -> Result<()> {
        let Some(setting) = self.kind.facts().plain_strings else { return Ok(()) };
        self.run(&format!("SET {setting} TO on")).await?;
        let shown = match self.wire.parameter(setting) {
            Some(reported) => reported.to_owned(),
            None => {
                let shown = self.run(&format!("SHOW {setting}")).await?.unwrap_or_default();
                String::from_utf8_lossy(&shown).into_owned()
            }
        };
        if shown == "on" {
            return Ok(());
        }
        let message =
            format!("the server does not keep to {setting} = on, so queries would not mean what they say");
        Err(Error::new(Code::ProtocolViolation, message).help(
            "look at what stands between Outflow and the server (a proxy, a pooler): it must pass settings of a session on",
        ))
    }

    /// Asks a question of our own, in a transaction of its own. The session serves the next one
    /// after an error that the server reported.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Texts> {
        let asked = self.all_rows(sql).await;
        self.recover(asked).await
    }

    /// The same; `None`: the server refuses to answer it.
    async fn ask_if_answered(&mut self, sql: &str) -> Result<Option<Texts>> {
        match self.ask(sql).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if breaks_the_connection(&error) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Whether the account can see the open transactions of all others.
    pub(super) async fn sees_all_transactions(&mut self) -> Result<bool> {
        let rows = self.ask_if_answered(transactions::sees_all_question(self.kind)).await?;
        Ok(rows.is_some_and(|rows| rows.first().and_then(|row| row.first()?.as_deref()) == Some("t")))
    }

    async fn all_rows(&mut self, sql: &str) -> Result<Texts> {
        self.wire.send(|out| frontend::query(sql, out)).await?;
        let mut rows = Texts::new();
        loop {
            let message = self.wire.receive().await?;
            match message.tag {
                // Questions have their LIMIT; a server that does not keep to it is read on, and
                // forgotten.
                b'D' if rows.len() < MOST_ROWS => {
                    let row = texts(self.wire.body(&message));
                    rows.push(row.ok_or_else(|| broken_protocol("a row that does not add up"))?);
                }
                b'T' | b'D' | b'C' => {}
                b'Z' => return Ok(rows),
                tag => return Err(unexpected(tag)),
            }
        }
    }

    async fn begin(mut self: Box<Self>, statement: Statement, deadline: Option<Instant>) -> Result<Rows> {
        if let Some(sql) = self.labelling(&statement.label) {
            self.run(&sql).await?;
        }
        let begin = if statement.hold { self.kind.facts().begin_snapshot } else { "BEGIN READ ONLY" };
        self.run(begin).await?;
        if let Some(timeout) = statement.timeout {
            let millis = timeout.as_millis().clamp(1, i32::MAX as u128);
            self.run(&format!("SET statement_timeout TO {millis}")).await?;
        }
        let mut described = self.parse(statement.sql.clone()).await?;
        if self.has_catalogue_for(&described) {
            self.ask_types(&mut described).await?;
            // The question has taken the place of the statement.
            self.parse(statement.sql.clone()).await?;
        }
        let columns = described.columns;
        let at_a_time = self.kind.facts().fetch;
        Ok(Rows::prepared(self.wire, self.canceller, columns, at_a_time, &statement, deadline))
    }

    /// The label holds only what can stand in a literal; other characters are dropped.
    fn labelling(&self, label: &str) -> Option<String> {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let label: String = label.chars().filter(plain).take(30).collect();
        let setting = self.kind.facts().label;
        (!label.is_empty()).then(|| format!("SET {setting} TO '{label}'"))
    }

    /// The columns that the statement will give, with their types.
    async fn columns_of(&mut self, sql: String) -> Result<Vec<Column>> {
        let mut described = self.parse(sql).await?;
        if self.has_catalogue_for(&described) {
            self.ask_types(&mut described).await?;
        }
        Ok(described.columns)
    }

    fn has_catalogue_for(&self, described: &Described) -> bool {
        self.kind == ServerKind::Postgres && !described.unknown.is_empty()
    }

    /// Asks the catalogue about the types that are in no table. The statement has to be parsed
    /// again afterwards.
    async fn ask_types(&mut self, described: &mut Described) -> Result<()> {
        let rows = self.all_rows(&types::question(&described.unknown)).await?;
        types::answer(described, &rows);
        Ok(())
    }

    /// Has the statement parsed, and learns what columns it will give.
    async fn parse(&mut self, sql: String) -> Result<Described> {
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
                Code::SyntaxError,
                "the query has a parameter such as $1, which nothing gives a value to",
            )
            .help("use {{last_sync_time}}, or write the value itself"));
        }
        let description = wire.receive().await?;
        let described = match description.tag {
            b'T' => columns::parse(wire.body(&description))?,
            b'n' => {
                return Err(Error::new(Code::QueryNotReadOnly, "the statement gives no rows")
                    .help("a query must be one SELECT, or WITH ... SELECT"));
            }
            tag => return Err(unexpected(tag)),
        };
        wire.expect(b'Z').await?;
        Ok(described)
    }

    /// The top line of the plan. One message holds one statement, so nothing can hide behind the
    /// EXPLAIN.
    async fn plan(&mut self, sql: &str) -> Result<Option<Expected>> {
        self.run("BEGIN READ ONLY").await?;
        let columns = self.parse(format!("EXPLAIN {sql}")).await?;
        if columns.columns.len() != 1 {
            return Err(broken_protocol("a plan of several columns"));
        }
        let sent = self.wire.send(|out| {
            let no_value = |(), _: &mut _| Ok(postgres_protocol::IsNull::Yes);
            frontend::bind("", "", [], [], no_value, [], out)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        });
        sent.await?;
        let top = self.first_field().await?.unwrap_or_default();
        self.run("ROLLBACK").await?;
        Ok(expected(&String::from_utf8_lossy(&top)))
    }

    /// Makes the session fit for the next statement after an error that the server reported: it has
    /// yet to say that it is ready, and a transaction may be open. What broke the connection stays
    /// broken.
    async fn recover<T>(&mut self, outcome: Result<T>) -> Result<T> {
        let Err(error) = outcome else { return outcome };
        if !breaks_the_connection(&error) {
            while self.wire.receive().await?.tag != b'Z' {}
            self.run("ROLLBACK").await?;
        }
        Err(error)
    }

    /// Runs a statement of our own and returns the first field of its first row.
    async fn run(&mut self, sql: &str) -> Result<Option<Vec<u8>>> {
        self.wire.send(|out| frontend::query(sql, out)).await?;
        self.first_field().await
    }

    /// Takes a result to its end and returns the first field of its first row.
    async fn first_field(&mut self) -> Result<Option<Vec<u8>>> {
        let mut first = None;
        loop {
            let message = self.wire.receive().await?;
            match message.tag {
                b'D' if first.is_none() => first = first_field(self.wire.body(&message)),
                b'2' | b'T' | b'D' | b'C' => {}
                b'Z' => return Ok(first),
                tag => return Err(unexpected(tag)),
            }
        }
    }
}

/// Reads `… (cost=0.00..1.5 rows=200 width=8)`, the end of the first line of a plan on PostgreSQL
/// and on Redshift.
fn expected(line: &str) -> Option<Expected> {
    let (_, estimate) = line.rsplit_once("(cost=")?;
    let number = |name: &str| {
        let (_, rest) = estimate.split_once(name)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    Some(Expected { rows: number("rows=")?, width: number("width=")?.try_into().ok()? })
}

/// What is not sent gets no answer to recover with.
fn sendable(sql: &str) -> Result<()> {
    if sql.contains('\0') { Err(unsendable()) } else { Ok(()) }
}

/// Whether nothing can be asked after this error. After any other the server waits for the next
/// statement.
pub(crate) fn breaks_the_connection(error: &Error) -> bool {
    matches!(error.code(), Code::ConnectionBroken | Code::ProtocolViolation | Code::SourceUnavailable)
}

/// The fields of a row. What Redshift's leader node computes may be padded with NULs.
fn texts(row: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = row.split_first_chunk::<2>()?;
    let mut fields = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        fields.push(match i32::from_be_bytes(*length) {
            -1 => None,
            length => {
                let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                rest = after;
                Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
            }
        });
    }
    rest.is_empty().then_some(fields)
}

fn first_field(row: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = row.get(2..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    rest.get(..length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_plan_says_rows_and_width() {
        let read = |line| expected(line).map(|e| (e.rows, e.width));
        assert_eq!(read("Seq Scan on users  (cost=0.00..35.50 rows=2550 width=4)"), Some((2550, 4)));
        assert_eq!(
            read("XN Hash Join DS_DIST_NONE  (cost=1.2..3.4 rows=12000000000 width=112)"),
            Some((12_000_000_000, 112))
        );
        assert_eq!(read("Result"), None);
        assert_eq!(read("x (cost=rows=width="), None);
    }
}
