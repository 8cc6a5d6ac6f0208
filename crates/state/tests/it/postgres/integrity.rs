//! A value that changed on the server's disk.

use outflow_core::Code;
use outflow_core::ports::state::RunFilter;
use outflow_testkit::Postgres;

use super::claim;
use crate::made::delivering;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_an_error_of_the_read_and_is_named_by_the_check() {
    let server = Postgres::start();
    for (n, (table, set)) in [
        ("runs", "spec = replace(spec, 'SELECT', 'select')"),
        ("syncs", "watermark_us = watermark_us + 1"),
        ("deliveries", "settled = '{\"low\":9,\"ranges\":[]}'"),
        ("segments", "first = 1"),
        ("schedules", "fired = fired + 1"),
        ("installation", "id = decode('00000000000000000000000000000001', 'hex')"),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("damaged_{n}");
        let state = claim(server.port(), &schema).await;
        let run = delivering(&*state, "users", 10).await;
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
            state.installation_id().await
        };
        let error = found.await.expect_err(table);
        assert_eq!(error.code(), Code::StateDamaged, "{table}: {error}");
        let problems = state.check_integrity().await.unwrap();
        assert!(problems[0].starts_with(&format!("a row of {table} fails its checksum")), "{problems:?}");
    }
}
