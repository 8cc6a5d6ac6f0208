//! The warehouse clients against a real PostgreSQL, scripted servers and real SQLite files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cancel;
mod check;
mod describe;
mod errors;
mod fake;
mod functions;
mod hostile;
mod iam;
mod login;
mod read_only;
mod redshift;
mod rows;
mod setup;
mod snapshot;
mod sqlite;
mod sshd;
mod tls;
mod transactions;
mod tunnel;
mod types;

use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::warehouse::{OpenTransactions, RowStream, Session, Statement, Warehouse};
use outflow_core::{Column, Error, Result, Row, RowPage, SystemClock};
use outflow_testkit::Postgres;
use outflow_warehouse::{Aws, Login, Server, ServerKind, ServerSettings, Tls, TlsMode};

/// A row as texts; `None` is NULL.
type Texts = Vec<Option<String>>;

/// Settings for the superuser of that server, in plain text.
fn settings(postgres: &Postgres) -> ServerSettings {
    ServerSettings {
        kind: ServerKind::Postgres,
        host: postgres.host().into(),
        port: postgres.port(),
        database: "postgres".into(),
        login: Login::password(postgres.user(), postgres.password()),
        tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
        allow_cleartext_password: true,
        allow_functions: Vec::new(),
        tunnel: None,
        connect_timeout: Duration::from_secs(60),
    }
}

/// The shared server, as superuser.
fn shared() -> Server {
    server(settings(Postgres::shared()))
}

fn server(settings: ServerSettings) -> Server {
    open(settings).unwrap()
}

/// A server that gets no password from AWS.
fn open(settings: ServerSettings) -> Result<Server> {
    Server::new(settings, &Aws::new(|_| None, Arc::new(SystemClock)))
}

fn select(sql: &str) -> Statement {
    Statement { sql: sql.into(), ..Statement::default() }
}

async fn start(warehouse: &dyn Warehouse, statement: Statement) -> Result<Box<dyn RowStream>> {
    warehouse.connect().await?.query(statement).await
}

/// Reads to the end. Every row is checked to hold one field for each column.
async fn read(warehouse: &dyn Warehouse, statement: Statement) -> Result<(Vec<Column>, Vec<Texts>)> {
    let mut stream = start(warehouse, statement).await?;
    let mut page = RowPage::default();
    let mut rows = Vec::new();
    while stream.next(&mut page).await? {
        assert!(!page.rows.is_empty(), "a page has at least one row");
        rows.extend(page.iter().map(|row| texts(row, stream.columns().len())));
    }
    assert!(!stream.next(&mut page).await?, "the end stays the end");
    assert!(page.rows.is_empty(), "the page after the end is empty");
    Ok((stream.columns().to_vec(), rows))
}

fn texts(row: Row<'_>, columns: usize) -> Texts {
    let fields: Texts = row.fields().map(|f| f.map(|t| String::from_utf8_lossy(t).into_owned())).collect();
    assert_eq!(fields.len(), columns);
    fields
}

/// The rows of a query, fields without NULLs.
async fn values(warehouse: &dyn Warehouse, sql: &str) -> Vec<Vec<String>> {
    let (_, rows) = read(warehouse, select(sql)).await.unwrap();
    rows.into_iter()
        .map(|row| row.into_iter().map(|field| field.unwrap_or("NULL".into())).collect())
        .collect()
}

async fn error(warehouse: &dyn Warehouse, sql: &str) -> Error {
    read(warehouse, select(sql)).await.expect_err("this cannot work")
}

/// The open transactions that a new session sees.
async fn open_transactions(warehouse: &dyn Warehouse) -> OpenTransactions {
    let mut session: Box<dyn Session> = warehouse.connect().await.unwrap();
    let clock = session.clock().await.unwrap();
    let open = session.open_transactions().await.unwrap();
    // Redshift's clock shows whole seconds.
    let ahead = |at: outflow_core::Timestamp| at.duration_since(clock).as_secs();
    assert!(open.oldest.is_none_or(|at| ahead(at) < 1), "{open:?} at {clock}");
    // The session serves its query as before.
    session.query(select("SELECT 1")).await.unwrap().cancel().await;
    open
}
