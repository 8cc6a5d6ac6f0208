//! Reading a warehouse.
//!
//! One extraction is: [`Warehouse::connect`], [`Session::clock`], [`Session::query`], then [`RowStream::next`] until it says that the result has ended.
//! A connection serves one extraction. Everything on it is read-only.

use std::time::Duration;

use jiff::Timestamp;

use crate::{BoxFuture, Column, Dialect, Result, RowPage};

/// A statement to read with.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// One reading statement, variables already rendered.
    pub sql: String,
    /// What the database's own lists should call it (Redshift's `query_group`): at most 30 characters of letters, digits, `_` and `-`.
    pub label: String,
    /// The server ends it after this time.
    pub timeout: Option<Duration>,
    /// Read no more rows than this. The server is asked for no more either.
    pub limit: Option<u64>,
}

/// A configured database.
pub trait Warehouse: Send + Sync {
    /// Its SQL.
    fn dialect(&self) -> Dialect;

    /// Opens a connection and makes it a read-only session in UTC. Errors are S001 to S006, S013 to S017 and S020.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>>;
}

/// An open connection that has not been asked for rows yet.
pub trait Session: Send {
    /// The warehouse's clock, read in a statement of its own, to the microsecond if the warehouse tells it.
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>>;

    /// Begins a read-only transaction and the statement in it. Resolves when the columns are known. Errors are S007 to S018.
    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>>;
}

/// The rows of a statement.
pub trait RowStream: Send {
    /// The columns, in order.
    fn columns(&self) -> &[Column];

    /// Replaces the page's rows with the next ones: at least one and about 256 KiB. `false`: the result has ended, which the server said in so many words; the page
    /// is empty. A connection that breaks is the error S012, never the end.
    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>>;

    /// Tells the server to stop the statement and closes the connection. Never fails; waits at most a few seconds.
    fn cancel(self: Box<Self>) -> BoxFuture<'static, ()>;
}
