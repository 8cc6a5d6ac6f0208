//! SQLite as a warehouse: a file, opened read-only and read on a separate thread.
//!
//! A reader thread steps the statement and sends pages through a channel that holds two; pages that
//! have been read come back to be filled again. The file is opened read-only, `query_only` is on,
//! and a statement that SQLite itself does not call read-only is refused. `"name"` in double quotes
//! is a name and never a text: an unknown one is an error and not a constant.
//!
//! What always holds: the async threads never wait for the disk while rows are read. What it does
//! not do: create files or tables.

mod check;
mod failure;
mod reader;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outflow_core::ports::warehouse::{
    Check, Expected, OpenTransactions, RowStream, Session, Statement, Visibility, Warehouse,
};
use outflow_core::{
    BoxFuture, Clock, Code, Column, Dialect, Error, References, Result, RowPage, SystemClock, Timestamp,
    VolatileFunction,
};
use outflow_egress::deadline::after;
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use reader::{Event, Reader};

/// A SQLite file.
pub struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// The database in this file. Nothing is opened yet.
    pub fn new(path: PathBuf) -> Sqlite {
        Sqlite { path }
    }
}

impl Warehouse for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn source_id(&self) -> String {
        self.path.display().to_string()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>> {
        let path = self.path.clone();
        Box::pin(async move {
            let opened = tokio::task::spawn_blocking(move || reader::open(&path)).await;
            let connection = opened.map_err(|e| gone().caused_by(e))??;
            Ok(Box::new(OpenFile { connection }) as Box<dyn Session>)
        })
    }

    fn test<'a>(&'a self, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        let path = self.path.clone();
        let (lines, mut reported) = mpsc::unbounded_channel();
        // A reader that is gone needs no more lines.
        tokio::task::spawn_blocking(move || check::run(&path, &mut |line| drop(lines.send(line))));
        Box::pin(async move {
            while let Some(line) = reported.recv().await {
                report(line);
            }
        })
    }
}

struct OpenFile {
    connection: Connection,
}

impl Session for OpenFile {
    /// The machine's clock: the file has none.
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>> {
        Box::pin(async { Ok(SystemClock.now()) })
    }

    /// A file has one writer at a time. When it began is unknown: its rows bear later stamps than
    /// those of all that committed before, and are as late as its transaction is long.
    fn open_transactions(&mut self) -> BoxFuture<'_, Result<OpenTransactions>> {
        Box::pin(async { Ok(OpenTransactions { seen: Visibility::All, ..OpenTransactions::default() }) })
    }

    /// Its functions only compute.
    fn volatile_functions<'a>(
        &'a mut self,
        _: &'a References,
    ) -> BoxFuture<'a, Result<Vec<VolatileFunction>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Vec<Column>>> {
        // Preparing reads the schema, which is in memory by now.
        Box::pin(async move { reader::describe(&self.connection, sql) })
    }

    /// SQLite's plans hold no numbers.
    fn explain<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Option<Expected>>> {
        Box::pin(async move { reader::describe(&self.connection, sql).map(|_| None) })
    }

    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>> {
        Box::pin(async move {
            let deadline = statement.timeout.map(after);
            let (reader, mut rows, columns) = Rows::start(self.connection, &statement, deadline);
            let run = move || reader.run(&statement);
            std::thread::Builder::new()
                .name("sqlite-reader".into())
                .spawn(run)
                .map_err(|e| gone().caused_by(e))?;
            let found = match deadline {
                None => columns.await,
                Some(deadline) => {
                    tokio::time::timeout_at(deadline, columns).await.map_err(|_| rows.give_up())?
                }
            };
            match found {
                Ok(columns) => rows.columns = columns?,
                Err(_) => return Err(gone()),
            }
            Ok(Box::new(rows) as Box<dyn RowStream>)
        })
    }
}

/// The near end of the reader thread. Dropping it stops the thread.
struct Rows {
    columns: Vec<Column>,
    pages: mpsc::Receiver<Event>,
    used: std::sync::mpsc::Sender<RowPage>,
    stop: Arc<AtomicBool>,
    interrupt: InterruptHandle,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    ended: bool,
    /// Where further statements go, if the reader waits for any.
    further: Option<std::sync::mpsc::Sender<String>>,
}

impl Rows {
    fn start(
        connection: Connection,
        statement: &Statement,
        deadline: Option<Instant>,
    ) -> (Reader, Rows, oneshot::Receiver<Result<Vec<Column>>>) {
        let interrupt = connection.get_interrupt_handle();
        let stop = Arc::new(AtomicBool::new(false));
        let (columns, columns_found) = oneshot::channel();
        let (out, pages) = mpsc::channel(2);
        let (used, empty) = std::sync::mpsc::channel();
        let (further, asked) = std::sync::mpsc::channel();
        let further = statement.hold.then_some(further);
        let timeout = statement.timeout;
        let reader =
            Reader { connection, columns: Some(columns), out, empty, asked, stop: Arc::clone(&stop) };
        let columns = Vec::new();
        let rows = Rows { columns, pages, used, stop, interrupt, timeout, deadline, ended: false, further };
        (reader, rows, columns_found)
    }

    /// Takes the next page. If this future is dropped, no page is lost.
    async fn advance(&mut self, page: &mut RowPage) -> Result<bool> {
        page.clear();
        if self.ended {
            return Ok(false);
        }
        match self.pages.recv().await {
            Some(Event::Page(filled)) => {
                // A reader that has ended needs no more pages.
                let _ = self.used.send(std::mem::replace(page, filled));
                Ok(true)
            }
            Some(Event::End) => {
                self.ended = true;
                Ok(false)
            }
            Some(Event::Failed(error)) => Err(error),
            None => Err(gone()),
        }
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.interrupt.interrupt();
    }

    fn give_up(&self) -> Error {
        self.stop();
        Error::new(Code::StatementCancelled, "the statement took longer than its time-out")
            .help("raise the sync's query time-out, or make the query faster")
    }
}

impl RowStream for Rows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(deadline) = self.deadline else { return self.advance(page).await };
            match tokio::time::timeout_at(deadline, self.advance(page)).await {
                Ok(advanced) => advanced,
                Err(_) => Err(self.give_up()),
            }
        })
    }

    fn requery_snapshot<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sent = self.further.as_ref().map(|further| further.send(sql.to_owned()));
            if !matches!(sent, Some(Ok(()))) {
                return Err(gone());
            }
            self.ended = false;
            self.deadline = self.timeout.map(after);
            Ok(())
        })
    }

    fn cancel(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.further = None;
            // An interrupt between two steps is not noticed by SQLite, so it is repeated until the
            // thread has gone.
            for _ in 0..50 {
                self.stop();
                let gone = async { while self.pages.recv().await.is_some() {} };
                if tokio::time::timeout(Duration::from_millis(100), gone).await.is_ok() {
                    return;
                }
            }
        })
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The reader thread could not be started, or broke down.
fn gone() -> Error {
    Error::new(Code::ConnectionBroken, "reading the SQLite file broke off")
        .help("run it again; if it comes back, check the file with PRAGMA integrity_check")
}
