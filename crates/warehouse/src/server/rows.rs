//! The result: rows as they come off the socket, with as little between the kernel and the page as
//! there can be.
//!
//! A page's buffer is what the socket is read into. The rows are marked where they lie, between the
//! frames' heads, and only the cut frame at the end is copied, to the beginning of the next page.
//! So a row costs one look at its lengths and no allocation. Nothing is read ahead: who does not
//! ask for the next page lets the socket fill up, and the server waits.
//!
//! Without a limit the unnamed portal is executed once and the server sends everything. With a
//! limit the portal has a name, as Redshift heeds row counts only there, and is executed for as
//! many rows as are wanted (on Redshift at most 1,000 at a time: one node alone gives no more).
//!
//! The statement has been parsed before; it is executed by the first request for rows.
//!
//! What always holds: the result has ended when CommandComplete (or, with a limit, PortalSuspended)
//! and then ReadyForQuery have come, and as many rows have come as CommandComplete counts (Redshift
//! counts none). What it does not do: look into fields beyond their lengths.

use std::time::Duration;

use outflow_core::ports::warehouse::{RowStream, Statement};
use outflow_core::{BoxFuture, Code, Column, Error, Result, Row, RowPage};
use outflow_egress::deadline::after;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::cancel::Canceller;
use super::failure;
use super::wire::{Frame, Next, Wire, broken, broken_protocol, frame, is_aside, read, unexpected};

/// How long after its statement time-out a server may take to say so.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// A page's buffer.
const PAGE: usize = 256 << 10;

/// A page with this much in it is handed on, so that each read has room for 64 KiB.
const FULL: usize = 192 << 10;

/// The state of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Parsed and described; nothing has been executed.
    Prepared,
    /// ParseComplete is due, and then BindComplete.
    Parsed,
    /// BindComplete is due.
    Bound,
    /// Rows are due, or their end.
    Rows,
    /// The result has ended; ReadyForQuery is due.
    Complete,
    /// The portal has given as many rows as were requested; ReadyForQuery is due.
    Suspended,
    /// More rows have to be requested.
    Again,
    /// Over.
    Ended,
    /// A read failed or was given up half-way.
    Lost,
}

pub(crate) struct Rows {
    wire: Wire,
    canceller: Canceller,
    columns: Vec<Column>,
    phase: Phase,
    /// Rows that have come since the last execution began.
    received: u64,
    limited: Option<Limited>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    /// Another statement may follow on the same snapshot: the connection stays open at the end.
    hold: bool,
}

/// A result that is read up to a limit of rows.
struct Limited {
    left: u64,
    at_a_time: u64,
}

impl Limited {
    const PORTAL: &str = "outflow";

    fn next(&self) -> i32 {
        self.left.min(self.at_a_time) as i32
    }
}

impl Rows {
    /// The statement that has been parsed last.
    pub fn prepared(
        wire: Wire,
        canceller: Canceller,
        columns: Vec<Column>,
        at_a_time: u64,
        statement: &Statement,
        deadline: Option<Instant>,
    ) -> Rows {
        let limited = statement.limit.map(|left| Limited { left, at_a_time });
        let (timeout, hold, phase) = (statement.timeout, statement.hold, Phase::Prepared);
        Rows { wire, canceller, columns, phase, received: 0, limited, timeout, deadline, hold }
    }

    /// Executes the statement.
    async fn execute(&mut self) -> Result<()> {
        let (portal, count) = match &self.limited {
            Some(limited) => (Limited::PORTAL, limited.next()),
            None => ("", 0),
        };
        let sent = self.wire.send(|out| {
            // No result formats: every column comes as text.
            let no_value = |(), _: &mut _| Ok(postgres_protocol::IsNull::Yes);
            frontend::bind(portal, "", [], [], no_value, [], out)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?;
            frontend::execute(portal, count, out)?;
            frontend::sync(out);
            Ok(())
        });
        sent.await
    }

    async fn fill(&mut self, page: &mut RowPage) -> Result<bool> {
        page.clear();
        match self.phase {
            Phase::Ended => return Ok(false),
            Phase::Lost => return Err(broken(None)),
            _ => {}
        }
        // If this future is dropped, what lies in the page is lost to the stream.
        let mut phase = std::mem::replace(&mut self.phase, Phase::Lost);
        if phase == Phase::Prepared {
            // A row count of 0 would mean all rows.
            if self.limited.as_ref().is_some_and(|limited| limited.left == 0) {
                self.phase = Phase::Ended;
                return Ok(false);
            }
            self.execute().await?;
            phase = Phase::Bound;
        }
        prepare(&mut page.data);
        self.wire.unload(&mut page.data);
        let mut at = 0;
        loop {
            let missing = self.take(page, &mut at, &mut phase)?;
            match phase {
                Phase::Ended => break,
                Phase::Again => {
                    self.ask_again().await?;
                    phase = Phase::Rows;
                    continue;
                }
                _ => {}
            }
            if page.rows.is_empty() {
                page.data.drain(..at);
                at = 0;
            } else if page.data.len() >= FULL {
                self.wire.keep(&page.data[at..]);
                page.data.truncate(at);
                self.phase = phase;
                return Ok(true);
            }
            read(&mut self.wire.socket, &mut page.data, missing).await?;
        }
        self.phase = Phase::Ended;
        if !self.hold {
            self.say_goodbye().await;
        }
        Ok(!page.rows.is_empty())
    }

    /// Takes the whole frames from `at` on. Returns how many bytes at least are missing to the next
    /// one.
    fn take(&mut self, page: &mut RowPage, at: &mut usize, phase: &mut Phase) -> Result<usize> {
        loop {
            let found = match frame(&page.data, *at)? {
                Next::Whole(found) => found,
                Next::Missing(missing) => return Ok(missing),
            };
            *at = found.body.end;
            if found.tag == b'D' && *phase == Phase::Rows {
                let row = checked(&page.data, &found, self.columns.len())?;
                if let Some(limited) = &mut self.limited {
                    if limited.left == 0 {
                        // The server gives more than was requested; the rest is not needed.
                        *phase = Phase::Ended;
                        return Ok(0);
                    }
                    limited.left -= 1;
                }
                self.received += 1;
                page.rows.push(row);
                continue;
            }
            *phase = match (found.tag, *phase) {
                (b'1', Phase::Parsed) => Phase::Bound,
                (b'2', Phase::Bound) => Phase::Rows,
                (b'C', Phase::Rows) => {
                    counted(&page.data[found.body], self.received)?;
                    Phase::Complete
                }
                (b's', Phase::Rows) if self.limited.is_some() => Phase::Suspended,
                (b'Z', Phase::Complete) => Phase::Ended,
                (b'Z', Phase::Suspended) => match &self.limited {
                    Some(Limited { left: 1.., .. }) => Phase::Again,
                    _ => Phase::Ended,
                },
                (b'E', _) => return Err(failure::of(&page.data[found.body], &self.wire.sql, self.wire.kind)),
                (tag, same) if is_aside(tag) => same,
                (tag, _) => return Err(unexpected(tag)),
            };
            if matches!(phase, Phase::Ended | Phase::Again) {
                return Ok(0);
            }
        }
    }

    async fn ask_again(&mut self) -> Result<()> {
        self.received = 0;
        let count = self.limited.as_ref().map_or(0, Limited::next);
        let sent = self.wire.send(|out| {
            frontend::execute(Limited::PORTAL, count, out)?;
            frontend::sync(out);
            Ok(())
        });
        sent.await
    }

    async fn begin_again(&mut self, sql: &str) -> Result<()> {
        if self.phase != Phase::Ended || !self.hold {
            return Err(broken(None));
        }
        self.phase = Phase::Lost;
        let sent = self.wire.send(|out| {
            let no_value = |(), _: &mut _| Ok(postgres_protocol::IsNull::Yes);
            frontend::parse("", sql, [], out)?;
            frontend::bind("", "", [], [], no_value, [], out)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        });
        sent.await?;
        sql.clone_into(&mut self.wire.sql);
        self.limited = None;
        self.received = 0;
        self.deadline = self.timeout.map(|timeout| after(timeout.saturating_add(GRACE)));
        self.phase = Phase::Parsed;
        Ok(())
    }

    /// So that the server does not log a lost connection. Whether it arrives does not matter.
    async fn say_goodbye(&mut self) {
        let sent = self.wire.send(|out| {
            frontend::terminate(out);
            Ok(())
        });
        let _ = sent.await;
        let _ = self.wire.socket.shutdown().await;
    }
}

impl RowStream for Rows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(deadline) = self.deadline else { return self.fill(page).await };
            match tokio::time::timeout_at(deadline, self.fill(page)).await {
                Ok(filled) => filled,
                Err(_) => {
                    self.canceller.stop(&mut self.wire).await;
                    Err(too_long())
                }
            }
        })
    }

    fn requery_snapshot<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.begin_again(sql))
    }

    fn cancel(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            match self.phase {
                Phase::Prepared => self.say_goodbye().await,
                Phase::Ended if self.hold => self.say_goodbye().await,
                Phase::Ended => {}
                _ => self.canceller.stop(&mut self.wire).await,
            }
        })
    }
}

/// Compares the rows of an execution with what CommandComplete says: `SELECT 5000`. Redshift says
/// `SELECT` and no number.
fn counted(tag: &[u8], received: u64) -> Result<()> {
    let text = String::from_utf8_lossy(tag);
    let number = text.trim_end_matches('\0').rsplit_once(' ').and_then(|(_, n)| n.parse::<u64>().ok());
    match number {
        Some(said) if said != received => Err(Error::new(
            Code::ConnectionBroken,
            format!("the server counted {said} rows of the result, and {received} arrived"),
        )
        .help("run it again; if it comes back, look at what stands between Outflow and the server (a proxy, a pooler)")),
        _ => Ok(()),
    }
}

/// The server kept silent past the statement's time-out.
pub(crate) fn too_long() -> Error {
    Error::new(
        Code::StatementCancelled,
        "the statement took longer than its time-out, and the server did not say so",
    )
    .help("raise the sync's query time-out, or make the query faster")
}

/// Gives the page its usual memory: more if it is new, less if a very large row has been in it.
fn prepare(data: &mut Vec<u8>) {
    if data.capacity() > 4 * PAGE {
        *data = Vec::new();
    }
    data.reserve(PAGE);
}

/// Where the row of this DataRow lies, if it has one well-formed field for each column.
#[inline]
fn checked(data: &[u8], found: &Frame, columns: usize) -> Result<(u32, u32)> {
    let body = &data[found.body.clone()];
    let row = body.split_first_chunk::<2>().and_then(|(count, fields)| {
        (usize::from(u16::from_be_bytes(*count)) == columns).then_some(())?;
        Row::checked(fields, columns)
    });
    match row {
        Some(_) => Ok((found.body.start as u32 + 2, found.body.end as u32)),
        None => Err(broken_protocol("a row whose fields do not add up")),
    }
}
