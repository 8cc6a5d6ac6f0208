//! An audit log that somebody changes with the database's own tools.
//!
//! What always holds: the tables refuse it; and where they are made not to, the chain shows it.

use std::path::Path;

use outflow_core::ports::state::{State, StateStore as _};
use outflow_state::SqliteStore;
use outflow_testkit::Postgres;

use crate::conformance::audit::{entry, problems};
use crate::stores::claim;

/// Statements that change the log, and what the check of the chain then says.
const CHANGES: [(&str, &[&str]); 7] = [
    ("UPDATE audit_log SET subject = 'x' WHERE number = 3", &["entry 3 is not what was written"]),
    (
        "UPDATE audit_log SET code = NULL, result = 'done' WHERE number = 5",
        &["entry 5 is not what was written"],
    ),
    ("DELETE FROM audit_log WHERE number = 3", &["entry 3 is missing"]),
    ("DELETE FROM audit_log WHERE number >= 4", &["the last 2 entries are missing: 4 to 5"]),
    (
        "UPDATE audit_log SET action = CASE number WHEN 2 THEN 'a3' ELSE 'a2' END WHERE number IN (2, 3)",
        &["entry 2 is not what was written", "entry 3 is not what was written"],
    ),
    (
        "UPDATE audit_head SET first = 3, anchor = (SELECT hash FROM audit_log WHERE number = 2);
         DELETE FROM audit_log WHERE number < 3",
        &["entries before 3 were removed without an entry"],
    ),
    ("DELETE FROM audit_log", &["the last 5 entries are missing: 1 to 5"]),
];

async fn five_entries(state: &dyn State) {
    let entries: Vec<_> = (1..=5).map(|n| entry(n, &format!("a{n}"))).collect();
    state.record(&entries).await.unwrap();
}

/// Changes the file as somebody does who has taken the triggers away.
fn change(dir: &Path, sql: &str) -> rusqlite::Result<()> {
    let database = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    outflow_state::register_functions(&database).unwrap();
    for name in ["audit_log_stays", "audit_log_kept", "audit_head_moves", "audit_head_stays"] {
        database.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    database.execute_batch(sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_in_a_file_refuses_changes_and_shows_those_that_were_forced() {
    for (sql, expected) in CHANGES {
        let dir = tempfile::tempdir().unwrap();
        let state = claim(&dir.path().to_string_lossy()).await.unwrap();
        five_entries(&*state).await;
        drop(state);
        // Moving the beginning is what retention does: the chain alone says that it was not it.
        if !sql.contains("audit_head") {
            let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
            outflow_state::register_functions(&database).unwrap();
            let refused = database.execute_batch(sql).unwrap_err().to_string();
            assert!(refused.contains("the audit log"), "{sql}: {refused}");
            for sql in [
                "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE number = 5",
                "INSERT INTO audit_log SELECT number + 1, at, actor_kind, actor, request_id, address, action,
                 subject, value_before, value_after, result, code, hash, hash, sum FROM audit_log
                 WHERE number = 5",
                "DELETE FROM audit_head",
                "UPDATE audit_head SET last = 4",
            ] {
                assert!(database.execute_batch(sql).is_err(), "{sql}");
            }
        }
        let reader = SqliteStore::new(dir.path()).reader().await.unwrap();
        assert_eq!(problems(&*reader).await, Vec::<String>::new(), "{sql}");
        change(dir.path(), sql).unwrap();
        assert_eq!(problems(&*reader).await, expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_a_server_refuses_changes_and_shows_those_that_were_forced() {
    let server = Postgres::start();
    for (n, (sql, expected)) in CHANGES.into_iter().enumerate() {
        let schema = format!("tampered_{n}");
        let state = super::postgres::claim(server.port(), &schema).await;
        five_entries(&*state).await;
        let path = format!("SET search_path = {schema}");
        if !sql.contains("audit_head") {
            for sql in [
                sql,
                "TRUNCATE audit_log",
                "TRUNCATE audit_head",
                "DELETE FROM audit_head",
                "UPDATE audit_head SET last = 4",
            ] {
                let refused = server.try_sql_in("postgres", &format!("{path}; {sql}")).unwrap_err();
                assert!(refused.contains("grows at its end"), "{sql}: {refused}");
            }
        }
        assert_eq!(problems(&*state).await, Vec::<String>::new(), "{sql}");
        server.sql(&format!("{path}; SET session_replication_role = replica; {sql}; {}", sums(sql)));
        assert_eq!(problems(&*state).await, expected, "{sql}");
    }
}

/// Sets the checksums right, as somebody would who knows them.
fn sums(sql: &str) -> &'static str {
    match sql.contains("audit_head") {
        true => "UPDATE audit_head SET sum = row_sum(to_jsonb(audit_head))",
        false => "UPDATE audit_log SET sum = row_sum(to_jsonb(audit_log))",
    }
}
