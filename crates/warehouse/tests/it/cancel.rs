//! A cancelled statement really stops at the server.

use std::time::{Duration, Instant};

use outflow_core::RowPage;
use outflow_core::ports::warehouse::Statement;
use outflow_testkit::Postgres;

use crate::{select, shared, start};

fn labelled(sql: &str, label: &str) -> Statement {
    Statement { label: label.into(), ..select(sql) }
}

pub fn sessions(label: &str, condition: &str) -> String {
    Postgres::shared().sql(&format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{label}' AND {condition}"
    ))
}

#[tokio::test]
async fn a_statement_that_runs_is_stopped() {
    let mut stream = start(&shared(), labelled("SELECT pg_sleep(120)", "cancel-running")).await.unwrap();
    let asleep = || while sessions("cancel-running", "wait_event = 'PgSleep'") == "0" {};
    let mut page = RowPage::default();
    tokio::select! {
        _ = stream.next(&mut page) => panic!("there is no row yet"),
        asleep = tokio::task::spawn_blocking(asleep) => asleep.unwrap(),
    }
    let begun = Instant::now();
    stream.cancel().await;
    assert_eq!(sessions("cancel-running", "true"), "0");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The request may reach the server before the statement does.
#[tokio::test]
async fn a_statement_that_has_only_just_been_sent_is_stopped() {
    for _ in 0..10 {
        let stream = start(&shared(), labelled("SELECT pg_sleep(120)", "cancel-early")).await.unwrap();
        stream.cancel().await;
        assert_eq!(sessions("cancel-early", "true"), "0");
    }
}

#[tokio::test]
async fn a_statement_whose_rows_are_not_read_is_stopped() {
    let sql = "SELECT g, repeat('x', 1000) FROM generate_series(1, 100000000) g";
    let mut stream = start(&shared(), labelled(sql, "cancel-rows")).await.unwrap();
    let mut page = RowPage::default();
    assert!(stream.next(&mut page).await.unwrap());
    while sessions("cancel-rows", "wait_event = 'ClientWrite'") == "0" {}
    stream.cancel().await;
    assert_eq!(sessions("cancel-rows", "true"), "0");
}

#[tokio::test]
async fn cancelling_what_has_ended_does_nothing() {
    let mut stream = start(&shared(), select("SELECT 1")).await.unwrap();
    let mut page = RowPage::default();
    while stream.next(&mut page).await.unwrap() {}
    let begun = Instant::now();
    stream.cancel().await;
    assert!(begun.elapsed() < Duration::from_secs(1));
}
