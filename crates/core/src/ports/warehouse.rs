//! Reading a warehouse.
//!
//! One extraction is: [`Warehouse::connect`], [`Session::clock`], [`Session::open_transactions`],
//! [`Session::volatile_functions`], [`Session::query`], then [`RowStream::next`] until it says that
//! the result has ended. The first `next` runs the statement: whoever refuses it before has done
//! nothing. A connection serves one extraction. Everything on it is read-only.

use std::time::Duration;

use jiff::Timestamp;

pub use super::check::{Check, Step};
use crate::{BoxFuture, Column, Dialect, References, Result, RowPage, VolatileFunction};

/// A statement to read with.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// One reading statement, variables already rendered.
    pub sql: String,
    /// What the database's own lists should call it (Redshift's `query_group`): at most 30
    /// characters of letters, digits, `_` and `-`.
    pub label: String,
    /// The server ends it after this time.
    pub timeout: Option<Duration>,
    /// Read no more rows than this. The server returns no more either.
    pub limit: Option<u64>,
    /// Another statement may follow that must see the same rows ([`RowStream::requery_snapshot`]):
    /// the snapshot stays open until the stream is cancelled or dropped.
    pub hold: bool,
}

/// A configured database.
pub trait Warehouse: Send + Sync {
    /// Its SQL.
    fn dialect(&self) -> Dialect;

    /// Identifies the clock that its sessions read and the data: the server's address and database,
    /// or the file. The clocks of two ids may differ.
    fn source_id(&self) -> String;

    /// Functions that queries may call although the catalogue marks them as volatile: `name`, or
    /// `schema.name`. The operator vouches for them.
    fn allow_functions(&self) -> &[String] {
        &[]
    }

    /// Opens a connection and makes it a read-only session in UTC. Errors are S001 to S006, S013 to
    /// S017, S020 and S025.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>>;

    /// Runs the steps of [`Warehouse::connect`] one by one, checks what the account may read and
    /// do, and reports each step as it ends, in the order of [`Step`]. A step that fails is
    /// reported with its error, and is the last one; all else that is found is a warning (S101 to
    /// S107). Changes nothing.
    fn test<'a>(&'a self, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()>;
}

/// What a database expects of a statement, from its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Rows of the result.
    pub rows: u64,
    /// Bytes of a row, as the database counts them.
    pub width: u32,
}

/// What a database tells of transactions that may have stamped rows and are not committed.
///
/// Times are those of the warehouse's clock. A row's stamp is taken to be no earlier than the begin
/// of its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenTransactions {
    /// When the oldest one that can be seen began.
    pub oldest: Option<Timestamp>,
    /// When the oldest prepared one was prepared. It began at an unknown time before that.
    pub prepared: Option<Timestamp>,
    /// Of a replica: when its primary committed the newest transaction that is here.
    pub replayed: Option<Timestamp>,
    /// Which ones could be seen.
    pub seen: Visibility,
}

/// Which open transactions a session can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// None, or the database was not asked.
    #[default]
    None,
    /// Those of some accounts.
    Some,
    /// All that may write rows which a later snapshot shows.
    All,
}

/// An open connection that has read no rows yet. After an error of a statement it serves
/// the next one all the same.
pub trait Session: Send {
    /// The warehouse's clock, read in a statement of its own, to the microsecond if the warehouse
    /// tells it.
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>>;

    /// What can be seen of transactions that are open now. Asked after [`Session::clock`] and
    /// before [`Session::query`], so that one that neither this nor the query's snapshot shows
    /// began after the clock was read. What the database refuses to say is no error.
    fn open_transactions(&mut self) -> BoxFuture<'_, Result<OpenTransactions>>;

    /// The time zone that the session would have if Outflow had not set UTC: as a rule the one
    /// whose local time the database's columns without a zone hold. `None`: there is none, or the
    /// database does not say.
    fn time_zone(&mut self) -> BoxFuture<'_, Result<Option<String>>> {
        Box::pin(async { Ok(None) })
    }

    /// The functions that the catalogue marks as volatile, among those that a statement with these
    /// names can run: by name, by an operator, in a view, in a row policy. A database whose
    /// functions only compute (SQLite) has none. An error that does not break the connection means
    /// that the catalogue cannot be read.
    fn volatile_functions<'a>(
        &'a mut self,
        references: &'a References,
    ) -> BoxFuture<'a, Result<Vec<VolatileFunction>>>;

    /// Lets the server parse a statement, without running it, and returns its columns. Errors are
    /// S008 to S018.
    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Vec<Column>>>;

    /// What the database's plan (`EXPLAIN`) expects of a statement, without running it. `None`:
    /// this database does not say. Errors as for `describe`.
    fn explain<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Option<Expected>>>;

    /// Begins a read-only transaction and lets the server parse the statement in it. Resolves when
    /// the columns are known; the first [`RowStream::next`] runs it. Errors are S007 to S018.
    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>>;
}

/// The rows of a statement.
pub trait RowStream: Send {
    /// The columns, in order.
    fn columns(&self) -> &[Column];

    /// Runs the statement, the first time; then replaces the page's rows with the next ones: at
    /// least one and about 256 KiB. `false`: the result has ended, confirmed by the server; the
    /// page is empty. A connection that breaks is the error S012, never the end.
    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>>;

    /// Begins another statement on the snapshot that this result was read from, once it has ended;
    /// its columns must be the same. Only for a statement that [holds](Statement::hold) it. Errors
    /// are those of [`Session::query`].
    fn requery_snapshot<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Tells the server to stop the statement and closes the connection. Never fails; waits at most
    /// a few seconds.
    fn cancel(self: Box<Self>) -> BoxFuture<'static, ()>;
}
