//! A session after the login: statements in, PostgreSQL's answers out, made Redshift's on the way.
//!
//! Messages are served one at a time: what PostgreSQL says to one has been passed on before the next is looked at, so the session always knows how things
//! stand. What is refused fails in PostgreSQL, too (by a statement that is no SQL), so that a transaction is aborted as it would be. Rows stream: the
//! simulator reads no further than the client does.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::client::{Client, FULL};
use super::conditions::Condition;
use super::failures::{Failure, restored, terminated};
use super::prepared::{Portal, Prepared};
use super::report::Report;
use super::rows::{self, Column, Look, Origin};
use super::settings::is_on;
use super::statement::{Cursor, Statement, prepare};
use super::types::{OwnTypes, Shape};
use super::upstream::Upstream;
use super::view::View;
use super::wire::{Fields, body, broken, frame, text};
use super::{Redshift, lock};

/// What a login leads to.
pub(super) struct Begin {
    pub upstream: Upstream,
    pub user: String,
    pub database: String,
    /// What the client has to cancel with.
    pub key: (i32, i32),
    /// Redshift's own protocol; 0 for clients that do not ask.
    pub protocol: i32,
    pub own: OwnTypes,
    pub superuser: bool,
}

/// Settings that the simulator itself heeds.
#[derive(Clone, Copy)]
struct Flags {
    case_sensitive: bool,
    uppercase: bool,
}

pub(super) struct Session {
    pub client: Client,
    pub begin: Begin,
    flags: Flags,
    /// What the flags go back to at the end of the transaction.
    flags_after: Option<Flags>,
    cursor_open: bool,
    /// The number of the query that runs or ran last.
    pub query: u64,
    last_query: u64,
    /// A second connection, to look up where columns come from.
    catalogue: Option<Upstream>,
    origins: HashMap<(u32, i16), Origin>,
    pub prepared: HashMap<String, Prepared>,
    pub portals: HashMap<String, Portal>,
    /// A named portal has given a part of its rows.
    pub suspended: bool,
    /// After an error in the extended protocol nothing is done until Sync.
    pub skipping: bool,
}

/// How a relayed answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relayed {
    /// The tag of the last message.
    pub tag: u8,
    /// Whether there was an error among them.
    pub failed: bool,
}

/// What is passed on, and until when.
pub(super) struct Relay<'a> {
    pub statement: &'a Statement,
    /// The formats that the client asked for.
    pub formats: &'a [i16],
    pub shapes: Vec<Shape>,
    /// The tags that end it.
    pub until: &'static [u8],
    /// A failure that strikes after so many rows.
    pub strike: Option<(Failure, u64)>,
}

impl Session {
    pub fn new(client: Client, begin: Begin) -> Session {
        let case_sensitive = client.shared.options.case_sensitive;
        Session {
            client,
            begin,
            flags: Flags { case_sensitive, uppercase: false },
            flags_after: None,
            cursor_open: false,
            query: 0,
            last_query: 0,
            catalogue: None,
            origins: HashMap::new(),
            prepared: HashMap::new(),
            portals: HashMap::new(),
            suspended: false,
            skipping: false,
        }
    }

    /// Serves the client until it goes, or until the cluster does.
    pub async fn run(mut self) -> io::Result<()> {
        let mut conditions = self.client.shared.condition.subscribe();
        loop {
            let next = tokio::select! {
                biased;
                () = over(&mut conditions) => None,
                next = self.client.next() => Some(next?.map(|(tag, frame)| (tag, body(frame).to_vec()))),
            };
            match next {
                None => return self.end(terminated()).await,
                Some(None | Some((b'X', _))) => return Ok(()),
                Some(Some((b'Q', body))) => self.simple(Fields(&body).text()?).await?,
                Some(Some((tag, body))) => self.extended(tag, &body).await?,
            }
        }
    }

    /// Says why, and closes.
    pub async fn end<T>(&mut self, report: Report) -> io::Result<T> {
        report.write(&mut self.client.out);
        self.client.flush().await?;
        Err(broken("the session was to end here"))
    }

    async fn simple(&mut self, sql: String) -> io::Result<()> {
        self.skipping = false;
        let statement =
            match self.understand(sql, false).and_then(|statement| statement.plan().map(|()| statement)) {
                Ok(statement) => statement,
                Err(report) => return self.refuse_simple(report).await,
            };
        let strike = self.strike(&statement);
        if let Some((failure, 0)) = strike {
            return self.refuse_simple(failure.report(&self.begin.user, self.query)).await;
        }
        let mut question = Vec::new();
        text(&mut question, &statement.behind);
        self.begin.upstream.send(b'Q', &question).await?;
        let relay = Relay { statement: &statement, formats: &[], shapes: Vec::new(), until: b"Z", strike };
        if !self.relay(relay).await?.failed {
            self.done(&statement);
        }
        self.after_ready();
        Ok(())
    }

    /// Notes a statement and parses it. A session that was just restored has its first statement cancelled.
    pub fn understand(&mut self, sql: String, extended: bool) -> Result<Statement, Report> {
        let shared = Arc::clone(&self.client.shared);
        lock(&shared.statements).push(sql.clone());
        self.last_query = self.query;
        self.query = shared.next_query();
        let woke = shared.condition.send_if_modified(|(condition, _)| {
            let waking = *condition == Condition::Waking;
            if waking {
                *condition = Condition::Normal;
            }
            waking
        });
        if woke {
            return Err(restored());
        }
        let view = View {
            options: &shared.options,
            case_sensitive: self.flags.case_sensitive,
            superuser: self.begin.superuser,
            cursor_open: self.cursor_open,
            extended,
            last_query: self.last_query,
        };
        prepare(&sql, &view)
    }

    /// The failure that strikes this statement, and after how many rows.
    pub fn strike(&self, statement: &Statement) -> Option<(Failure, u64)> {
        if !statement.is_query {
            return None;
        }
        if let Condition::Fail(failure) = self.client.shared.condition.borrow().0 {
            return (!failure.at_login()).then_some((failure, 0));
        }
        let mut waiting = lock(&self.client.shared.failures);
        let at = waiting.iter().position(|(failure, _)| !failure.at_login())?;
        waiting.remove(at)
    }

    /// The statement was carried out.
    pub fn done(&mut self, statement: &Statement) {
        if statement.ends_transaction {
            self.transaction_ended();
        }
        match statement.cursor {
            Some(Cursor::Opens) => self.cursor_open = true,
            Some(Cursor::Closes) => self.cursor_open = false,
            None => {}
        }
        for change in &statement.changes {
            let cluster = self.client.shared.options.case_sensitive;
            let before = self.flags;
            let on = |default| change.value.as_deref().map_or(default, is_on);
            match change.name.as_str() {
                "enable_case_sensitive_identifier" => self.flags.case_sensitive = on(cluster),
                "describe_field_name_in_uppercase" => self.flags.uppercase = on(false),
                _ => continue,
            }
            if change.local {
                self.flags_after.get_or_insert(before);
            }
        }
    }

    /// After ReadyForQuery, which says whether a transaction goes on.
    pub fn after_ready(&mut self) {
        if self.begin.upstream.status == b'I' {
            self.transaction_ended();
        }
    }

    /// What lives as long as a transaction has gone.
    fn transaction_ended(&mut self) {
        self.cursor_open = false;
        self.suspended = false;
        self.portals.clear();
        if let Some(flags) = self.flags_after.take() {
            self.flags = flags;
        }
    }

    /// An error in answer to a simple query.
    async fn refuse_simple(&mut self, report: Report) -> io::Result<()> {
        if report.is_fatal() {
            return self.end(report).await;
        }
        let _ = self.begin.upstream.query("!").await?;
        report.write(&mut self.client.out);
        self.client.put(b'Z', &[self.begin.upstream.status]);
        self.after_ready();
        Ok(())
    }

    /// Passes PostgreSQL's answer on.
    pub async fn relay(&mut self, mut relay: Relay<'_>) -> io::Result<Relayed> {
        let mut conditions = self.client.shared.condition.subscribe();
        let mut failed = false;
        let mut rows = 0;
        let mut plain = rows::are_plain(&relay.shapes);
        loop {
            let Session { client, begin, .. } = self;
            if client.out.len() >= FULL || !begin.upstream.is_ready() {
                client.flush().await?;
                if conditions.borrow().0.ends_sessions() {
                    return self.end(terminated()).await;
                }
            }
            let (tag, frame) = tokio::select! {
                biased;
                next = begin.upstream.next() => next?,
                () = over(&mut conditions) => return self.end(terminated()).await,
            };
            match tag {
                b'D' => {
                    if let Some((failure, _)) = relay.strike.filter(|(_, after)| *after <= rows) {
                        return self.stop(failure, relay.until, false).await;
                    }
                    rows += 1;
                    if plain {
                        client.out.extend_from_slice(frame);
                    } else {
                        rows::row(body(frame), &relay.shapes, &mut client.out)?;
                    }
                }
                b'T' => {
                    let columns = rows::columns(body(frame))?;
                    relay.shapes = rows::shapes(&columns, relay.formats, relay.statement, begin.own);
                    plain = rows::are_plain(&relay.shapes);
                    self.describe(&columns, relay.formats).await?;
                }
                b'C' => match relay.strike {
                    Some((failure, _)) => return self.stop(failure, relay.until, true).await,
                    None => put_tag(body(frame), &mut client.out),
                },
                b'S' => put_status(frame, &mut client.out)?,
                b'N' => put_notice(body(frame), &mut client.out)?,
                b'E' => {
                    failed = true;
                    let Statement { sql, behind, .. } = relay.statement;
                    let report = Report::translate(body(frame), self.query, sql, behind)?;
                    if report.is_fatal() {
                        return self.end(report).await;
                    }
                    report.write(&mut client.out);
                }
                // Whatever else it may be means the same.
                _ => client.out.extend_from_slice(frame),
            }
            if relay.until.contains(&tag) {
                return Ok(Relayed { tag, failed });
            }
        }
    }

    /// Breaks a result off with a failure, or puts the failure in the place of its end.
    async fn stop(&mut self, failure: Failure, until: &'static [u8], at_end: bool) -> io::Result<Relayed> {
        let report = failure.report(&self.begin.user, self.query);
        if report.is_fatal() {
            return self.end(report).await;
        }
        if !at_end {
            Upstream::cancel(self.client.shared.upstream, self.begin.upstream.key).await?;
        }
        // In the extended protocol, CommandComplete was the last that PostgreSQL had to say.
        let mut tag = b'C';
        while !(at_end && until.contains(&b'C')) {
            tag = self.begin.upstream.next().await?.0;
            if until.contains(&tag) {
                break;
            }
        }
        match tag {
            b'Z' => self.refuse_simple(report).await?,
            // PostgreSQL has failed already, and hears nothing more until Sync.
            b'E' => {
                report.write(&mut self.client.out);
                self.skipping = true;
            }
            _ => self.refuse(report).await?,
        }
        Ok(Relayed { tag, failed: true })
    }

    /// Puts a RowDescription among what is to be sent.
    pub async fn describe(&mut self, columns: &[Column], formats: &[i16]) -> io::Result<()> {
        if self.begin.protocol >= 1 {
            self.look_up_origins(columns).await?;
        }
        let look = Look {
            own: self.begin.own,
            protocol: self.begin.protocol,
            uppercase: self.flags.uppercase,
            database: &self.begin.database,
            origins: &self.origins,
        };
        rows::describe(columns, formats, &look, &mut self.client.out);
        Ok(())
    }

    async fn look_up_origins(&mut self, columns: &[Column]) -> io::Result<()> {
        let tables: HashSet<u32> = columns
            .iter()
            .filter(|column| {
                column.table != 0 && !self.origins.contains_key(&(column.table, column.attribute))
            })
            .map(|column| column.table)
            .collect();
        if tables.is_empty() {
            return Ok(());
        }
        let catalogue = match &mut self.catalogue {
            Some(catalogue) => catalogue,
            empty => {
                let (port, login) = (self.client.shared.upstream, (Redshift::USER, Redshift::PASSWORD));
                let opened = Upstream::connect(port, login, &self.begin.database, &[]).await?;
                empty.insert(opened.map_err(|_| broken("the catalogue cannot be asked"))?)
            }
        };
        let tables: Vec<String> = tables.iter().map(u32::to_string).collect();
        let question = format!(
            "SELECT c.oid, a.attnum, n.nspname, c.relname, a.attname, a.attnotnull, a.attidentity <> '' FROM pg_attribute a \
             JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({})",
            tables.join(", ")
        );
        for row in catalogue.query(&question).await?.unwrap_or_default() {
            let field = |at: usize| row[at].clone().unwrap_or_default();
            let key = (field(0).parse().unwrap_or(0), field(1).parse().unwrap_or(0));
            let (not_null, auto_increment) = (field(5) == "t", field(6) == "t");
            let origin =
                Origin { schema: field(2), table: field(3), column: field(4), not_null, auto_increment };
            self.origins.insert(key, origin);
        }
        Ok(())
    }
}

/// Until the cluster is in a condition in which sessions end.
async fn over(conditions: &mut watch::Receiver<(Condition, Instant)>) {
    let _ = conditions.wait_for(|(condition, _)| condition.ends_sessions()).await;
}

/// A result's tag has no count on Redshift.
fn put_tag(tag: &[u8], out: &mut Vec<u8>) {
    frame(out, b'C', if tag.starts_with(b"SELECT") { b"SELECT\0" } else { tag });
}

/// PostgreSQL reports settings that Redshift does not have.
fn put_status(status: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    const KNOWN: &[&str] = &[
        "application_name",
        "client_encoding",
        "DateStyle",
        "is_superuser",
        "session_authorization",
        "TimeZone",
    ];
    if KNOWN.contains(&Fields(body(status)).text()?.as_str()) {
        out.extend_from_slice(status);
    }
    Ok(())
}

/// A notice has the fields that the protocol of 8.0 knows.
fn put_notice(notice: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut fields = Fields(notice);
    let mut kept = Vec::new();
    loop {
        let tag = fields.byte()?;
        if tag == 0 {
            kept.push(0);
            frame(out, b'N', &kept);
            return Ok(());
        }
        let value = fields.text()?;
        if b"SCMDH".contains(&tag) {
            kept.push(tag);
            text(&mut kept, &value);
        }
    }
}
