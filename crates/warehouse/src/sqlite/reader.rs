//! The thread that steps a SQLite statement.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outflow_core::files::{self, ReadFailure};
use outflow_core::ports::warehouse::Statement;
use outflow_core::{Code, Column, Error, Result, RowPage};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::failure::{no_file, of_file, of_statement};
use super::values::Kind;

/// A page with this much in it is sent.
const FULL: usize = 256 << 10;

/// A row may be this large, as on the wire.
const ROW_LIMIT: usize = 64 << 20;

/// No value and no text within SQLite gets larger: what would be refused later is not made first.
const VALUE_LIMIT: i32 = ROW_LIMIT as i32 + 1;

/// How long a writer may hold the file before reading fails.
const BUSY: Duration = Duration::from_secs(5);

/// What the thread has to say.
pub(crate) enum Event {
    Page(RowPage),
    End,
    Failed(Error),
}

/// Opens the file for reading and makes sure that it is a database.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    // Opening a FIFO would wait for a writer. What is missing is reported as SQLite reports it.
    match files::demand_regular(path) {
        Ok(()) | Err(ReadFailure::Missing | ReadFailure::Io(_)) => {}
        Err(failure) => return Err(no_file(&failure, path)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|mut connection| {
        connection.busy_timeout(BUSY)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.pragma_update(None, "query_only", true)?;
        // The first look into the file.
        connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
        restrict(&mut connection)?;
        Ok(connection)
    });
    opened.map_err(|e| of_file(e, path))
}

/// Leaves the connection nothing but reading, whatever a statement, a view or a damaged schema asks
/// for.
fn restrict(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_LIMIT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.authorizer(Some(|context: AuthContext<'_>| authorize(context.action)))
}

/// Functions of other builds of SQLite that do more than compute.
const ACTING: [&str; 8] = [
    "load_extension",
    "fts3_tokenizer",
    "readfile",
    "writefile",
    "edit",
    "eval",
    "sqlite_attach",
    "sqlite_detach",
];

/// Pragmas that describe, as functions in a FROM can ask for them, and the one that full-text
/// tables ask for to be read.
const DESCRIBING: [&str; 13] = [
    "data_version",
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "database_list",
    "collation_list",
    "function_list",
    "module_list",
    "pragma_list",
];

fn authorize(action: AuthAction<'_>) -> Authorization {
    let is_one_of = |known: &[&str], name: &str| known.iter().any(|k| k.eq_ignore_ascii_case(name));
    let is_allowed = match action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Read { .. } => true,
        // The snapshot of a statement that another one follows.
        AuthAction::Transaction { .. } => true,
        AuthAction::Function { function_name } => !is_one_of(&ACTING, function_name),
        AuthAction::Pragma { pragma_name, .. } => is_one_of(&DESCRIBING, pragma_name),
        _ => false,
    };
    if is_allowed { Authorization::Allow } else { Authorization::Deny }
}

/// A statement that only reads.
fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<rusqlite::Statement<'c>> {
    let prepared = connection.prepare(sql).map_err(|e| of_statement(e, sql))?;
    if !prepared.readonly() || prepared.column_count() == 0 {
        return Err(Error::new(Code::QueryNotReadOnly, "the statement does not only read")
            .help("a query must be one SELECT, or WITH ... SELECT"));
    }
    Ok(prepared)
}

/// Names and declared types of a statement's columns.
fn declared(prepared: &rusqlite::Statement<'_>) -> Vec<(String, Option<String>)> {
    prepared.columns().map(|c| (c.name().to_owned(), c.decl_type().map(str::to_owned))).collect()
}

fn column(((name, declared), kind): ((String, Option<String>), &Kind)) -> Column {
    Column { name, ty: kind.column_type(), declared: declared.unwrap_or_else(|| "no declared type".into()) }
}

/// The columns of a statement, as far as their declarations say.
pub(crate) fn describe(connection: &Connection, sql: &str) -> Result<Vec<Column>> {
    let declared = declared(&prepare(connection, sql)?);
    let kinds: Vec<Kind> = declared.iter().map(|(_, declared)| Kind::of(declared.as_deref())).collect();
    Ok(declared.into_iter().zip(&kinds).map(column).collect())
}

/// The far end: what the thread works with.
pub(crate) struct Reader {
    pub connection: Connection,
    /// Taken when the columns are known.
    pub columns: Option<oneshot::Sender<Result<Vec<Column>>>>,
    pub out: mpsc::Sender<Event>,
    pub empty: std::sync::mpsc::Receiver<RowPage>,
    /// Further statements on the same snapshot.
    pub asked: std::sync::mpsc::Receiver<String>,
    pub stop: Arc<AtomicBool>,
}

/// The receiver of the rows is gone.
struct ReceiverGone;

impl Reader {
    /// Runs the statement to its end, or until the receiver is gone; then those that are requested
    /// on the same snapshot.
    pub fn run(mut self, statement: &Statement) {
        let mut columns = self.columns.take();
        let mut statement = statement.clone();
        loop {
            let last = match self.snapshot(&statement).and_then(|()| self.read(&statement, &mut columns)) {
                Ok(Ok(())) => Event::End,
                Ok(Err(ReceiverGone)) => return,
                Err(error) => match columns.take() {
                    Some(columns) => return drop(columns.send(Err(error))),
                    None => Event::Failed(error),
                },
            };
            if self.out.blocking_send(last).is_err() || !statement.hold {
                return;
            }
            match self.asked.recv() {
                Ok(sql) => statement.sql = sql,
                Err(_) => return,
            }
        }
    }

    /// Holds the snapshot that the first statement will see.
    fn snapshot(&self, statement: &Statement) -> Result<()> {
        if !statement.hold || !self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("BEGIN").map_err(|e| of_statement(e, "BEGIN"))
    }

    fn read(
        &self,
        statement: &Statement,
        tell: &mut Option<oneshot::Sender<Result<Vec<Column>>>>,
    ) -> Result<Result<(), ReceiverGone>> {
        let failed = |e| of_statement(e, &statement.sql);
        let mut prepared = prepare(&self.connection, &statement.sql)?;
        let declared = declared(&prepared);

        if self.stop.load(Ordering::Relaxed) {
            return Ok(Err(ReceiverGone));
        }
        let mut left = statement.limit.unwrap_or(u64::MAX);
        let mut rows = prepared.query(()).map_err(failed)?;
        let mut row = if left == 0 { None } else { rows.next().map_err(failed)? };
        let kinds: Vec<Kind> = declared.iter().map(|(_, declared)| Kind::of(declared.as_deref())).collect();
        let columns = declared.into_iter().zip(&kinds).map(column);
        if tell.take().is_some_and(|tell| tell.send(Ok(columns.collect())).is_err()) {
            return Ok(Err(ReceiverGone));
        }

        let mut page = RowPage::default();
        while let Some(current) = row {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Err(ReceiverGone));
            }
            push(&mut page, current, &kinds, &statement.sql)?;
            if page.data.len() >= FULL && self.send(&mut page).is_err() {
                return Ok(Err(ReceiverGone));
            }
            left -= 1;
            row = if left == 0 { None } else { rows.next().map_err(failed)? };
        }
        Ok(if page.rows.is_empty() { Ok(()) } else { self.send(&mut page) })
    }

    /// Sends the page and leaves an empty one, used before if there is one.
    fn send(&self, page: &mut RowPage) -> Result<(), ReceiverGone> {
        let mut next = self.empty.try_recv().unwrap_or_default();
        if next.data.capacity() > 4 * FULL {
            next = RowPage::default();
        }
        next.clear();
        self.out.blocking_send(Event::Page(std::mem::replace(page, next))).map_err(|_| ReceiverGone)
    }
}

fn push(page: &mut RowPage, row: &rusqlite::Row<'_>, kinds: &[Kind], sql: &str) -> Result<()> {
    let too_large = || {
        Error::new(Code::RowTooLarge, format!("a row of the result has more than {} MiB", ROW_LIMIT >> 20))
            .help("leave the large column out, or shorten it in the query")
    };
    let start = page.data.len();
    for (i, kind) in kinds.iter().enumerate() {
        let value = row.get_ref(i).map_err(|e| of_statement(e, sql))?;
        if value.as_bytes_or_null().is_ok_and(|bytes| bytes.is_some_and(|b| b.len() > ROW_LIMIT)) {
            return Err(too_large());
        }
        let head = page.data.len();
        page.data.extend_from_slice(&[0xff; 4]);
        if kind.write(value, &mut page.data) {
            let length = (page.data.len() - head - 4) as i32;
            page.data[head..head + 4].copy_from_slice(&length.to_be_bytes());
        }
        if page.data.len() - start > ROW_LIMIT {
            return Err(too_large());
        }
    }
    page.rows.push((start as u32, page.data.len() as u32));
    Ok(())
}
