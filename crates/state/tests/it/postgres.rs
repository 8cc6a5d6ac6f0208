//! The state on a real PostgreSQL server: what goes beyond what both stores promise.
//!
//! Each test has its own server (one per process), so a file has few tests with many checks.

mod claims;
mod faults;
mod integrity;
mod opening;

use std::sync::Arc;
use std::time::Duration;

use outflow_core::RunId;
use outflow_core::ports::state::{State, StateStore as _};
use outflow_state::{Address, PostgresStore};
use outflow_testkit::{Postgres, Report};

use crate::conformance::{a_stale_claim_writes_nothing, suite};
use crate::made::progress;
use crate::model::random_histories;

/// The URL of a schema in the database `postgres`, over this port.
fn url(port: u16, schema: &str) -> String {
    format!("postgres://{}:{}@127.0.0.1:{port}/postgres?schema={schema}", Postgres::USER, Postgres::PASSWORD)
}

fn store_at(url: &str) -> PostgresStore {
    PostgresStore::new(Address::parse(url).unwrap()).patience(Duration::from_secs(20))
}

fn store(port: u16, schema: &str) -> PostgresStore {
    store_at(&url(port, schema))
}

pub async fn claim(port: u16, schema: &str) -> Arc<dyn State> {
    store(port, schema).claim(None).await.unwrap()
}

/// Settles the next `calls` calls of both deliveries of a run in one transaction.
async fn settle_next(state: &dyn State, run: RunId, calls: u64) -> outflow_core::Result<()> {
    let records = state.deliveries(run).await?;
    let next: Vec<_> = records.into_iter().map(|mut record| progress(run, &mut record, calls)).collect();
    state.settle(&next).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    let server = Postgres::start();
    let fresh = async |number: usize| claim(server.port(), &format!("check_{number}")).await;
    println!("{} checks of PostgreSQL", suite(fresh).await);

    // A process that lost its lock to another one.
    let stale = claim(server.port(), "stale").await;
    let sessions = "FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()";
    let terminate = format!("SELECT pg_terminate_backend(pid) {sessions}");
    let owner = loop {
        // The first takes its lock again before long: this is a race.
        server.sql(&terminate);
        if let Ok(owner) = store(server.port(), "stale").claim(None).await {
            break owner;
        }
    };
    a_stale_claim_writes_nothing(&*stale, &*owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_steps_and_reopenings_leave_what_the_model_has() {
    let server = Postgres::start();
    let (cases, steps) = random_histories(|case| url(server.port(), &format!("case_{case}"))).await;
    Report::new(
        "postgres::random_steps_and_reopenings_leave_what_the_model_has",
        "random steps of the state on PostgreSQL, right and wrong ones, and reopenings",
        steps,
    )
    .with("cases", cases)
    .with("divergences", 0)
    .print();
}
