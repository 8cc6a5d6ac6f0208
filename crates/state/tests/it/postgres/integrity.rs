//! A value that changed on the server's disk.

use outflow_core::Code;
use outflow_core::ports::state::{AuditFilter, Pausable, PauseKind, RunFilter, StateStore as _};
use outflow_testkit::Postgres;

use super::{claim, store};
use crate::conformance::audit::entry;
use crate::conformance::people;
use crate::made::{at, delivering};

/// A state as a version wrote it that had the first four migrations, with a sync and a run.
fn of_format_4(server: &Postgres, schema: &str) {
    let mut sql = format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TABLE migrations (number bigint PRIMARY KEY, name text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT now());"
    );
    for (number, migration) in (1..).zip([
        include_str!("../../../migrations/postgres/0001_initial.sql"),
        include_str!("../../../migrations/postgres/0002_gaps.sql"),
        include_str!("../../../migrations/postgres/0003_clocks.sql"),
        include_str!("../../../migrations/postgres/0004_checksums.sql"),
    ]) {
        sql += &format!("{migration}; INSERT INTO migrations (number, name) VALUES ({number}, 'x');");
    }
    sql += "INSERT INTO installation (id, last_run) VALUES (decode('00000000000000000000000000000007', 'hex'), 1);
            INSERT INTO syncs (name, watermark_us) VALUES ('users', 5000000);";
    server.sql(&sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_an_older_state_is_not_hidden_by_an_upgrade() {
    let server = Postgres::start();
    of_format_4(&server, "whole");
    let state = claim(server.port(), "whole").await;
    assert_eq!(state.check_integrity().await.unwrap(), Vec::<String>::new());
    let sync = state.sync("users").await.unwrap();
    assert_eq!(sync.watermark.map(|watermark| watermark.clock_us), Some(5_000_000));
    for (table, value) in [("syncs", "watermark_us = 6000000"), ("installation", "last_run = 3")] {
        let schema = format!("older_{table}");
        of_format_4(&server, &schema);
        let update = format!("UPDATE {schema}.{table} SET {value}");
        server.sql(&format!("SET session_replication_role = replica; {update}"));
        for _ in 0..2 {
            let error = store(server.port(), &schema).claim(None).await.err().expect(table);
            assert_eq!(error.code(), Code::StateDamaged, "{error}");
            assert!(error.message().contains(&format!("a row of {table} fails its checksum")), "{error}");
        }
        let last = server.sql(&format!("SELECT max(number) FROM {schema}.migrations"));
        assert_eq!(last, "4", "nothing was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_an_error_of_the_read_and_is_named_by_the_check() {
    let server = Postgres::start();
    for (n, (table, set)) in [
        ("runs", "spec = replace(spec, 'SELECT', 'select')"),
        ("syncs", "watermark_us = watermark_us + 1"),
        ("deliveries", "settled = '{\"low\":9,\"ranges\":[]}'"),
        ("segments", "first = 1"),
        ("schedules", "fired = fired + 1"),
        ("pauses", "since = since + 1"),
        ("audit_log", "subject = 'x'"),
        ("audit_head", "last = 2"),
        ("users", "role = 'viewer'"),
        ("sessions", "expires_at = expires_at + 1"),
        ("browsers", "used_at = used_at + 1"),
        ("tokens", "scope = '{\"role\":\"admin\"}'"),
        ("installation", "id = decode('00000000000000000000000000000001', 'hex')"),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("damaged_{n}");
        let state = claim(server.port(), &schema).await;
        let run = delivering(&*state, "users", 10).await;
        let paused = Pausable { kind: PauseKind::Sync, name: "users".to_owned() };
        state.pause(&[paused], at(3), &[entry(3, "sync.pause")]).await.unwrap();
        people::some(&*state).await;
        assert_eq!(state.check_integrity().await.unwrap(), Vec::<String>::new());
        let update = format!("UPDATE {schema}.{table} SET {set}");
        // As the server itself would not do it: without the trigger.
        server.sql(&format!("SET session_replication_role = replica; {update}"));
        let found = async {
            state.runs(&RunFilter::default()).await?;
            state.sync("users").await?;
            state.deliveries(run).await?;
            state.segments(run).await?;
            state.fired("users").await?;
            state.pauses().await?;
            state.audit_log(&AuditFilter::default(), None, 9).await?;
            state.audit_head().await?;
            people::everything(&*state).await?;
            state.installation_id().await
        };
        let error = found.await.expect_err(table);
        assert_eq!(error.code(), Code::StateDamaged, "{table}: {error}");
        let problems = state.check_integrity().await.unwrap();
        assert!(problems[0].starts_with(&format!("a row of {table} fails its checksum")), "{problems:?}");
    }
}
