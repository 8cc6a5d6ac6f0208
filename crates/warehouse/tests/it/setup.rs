//! The script for a service account, run on a real PostgreSQL: it suffices, and nothing of it can
//! be left out.

use outflow_core::ports::warehouse::Warehouse;
use outflow_testkit::{Database, Postgres};
use outflow_warehouse::{Login, PASSWORD_PLACE, ServerKind, ServerSettings, ServiceAccount};

use crate::check::{codes, test};
use crate::{read, select, server, settings};

const USER: &str = "outflow \"reader\"";
const SCHEMA: &str = "Sales. \"EU\"";

/// What is promised of the account. Each is true or false of a database on which a script was run.
#[derive(Debug, Default, PartialEq)]
struct Promises {
    logs_in: bool,
    reads: bool,
    reads_the_single_table: bool,
    reads_what_is_made_later: bool,
    reads_no_more: bool,
    begins_read_only: bool,
    makes_no_table: bool,
    makes_no_temporary_table: bool,
    passes_the_test: bool,
}

const ALL: Promises = Promises {
    logs_in: true,
    reads: true,
    reads_the_single_table: true,
    reads_what_is_made_later: true,
    reads_no_more: true,
    begins_read_only: true,
    makes_no_table: true,
    makes_no_temporary_table: true,
    passes_the_test: true,
};

/// A database as careful administrators and old versions leave it: not everybody may connect,
/// everybody may create in schema public.
fn prepare() -> Database<'static> {
    let database = Postgres::shared().database("setup");
    database.sql(
        r#"DROP ROLE IF EXISTS "outflow ""reader""";
           REVOKE CONNECT ON DATABASE setup FROM PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC;
           CREATE SCHEMA "Sales. ""EU"""; CREATE TABLE "Sales. ""EU""".now (id int);
           CREATE SCHEMA crm; CREATE TABLE crm.people (id int); CREATE TABLE crm.secrets (id int)"#,
    );
    database
}

fn statements() -> Vec<String> {
    let account = ServiceAccount {
        kind: ServerKind::Postgres,
        database: "setup".into(),
        user: USER.into(),
        schemas: vec![SCHEMA.into()],
        tables: vec![("crm".into(), "people".into())],
        revoke_public: true,
    };
    let script = account.script();
    let code: Vec<&str> = script.lines().filter(|line| !line.starts_with("--")).collect();
    let statements = code.join("\n");
    statements.split(";\n").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// Runs the statements on a fresh database and looks at what is true then.
async fn promises_after(statements: &[String]) -> Promises {
    let database = prepare();
    for statement in statements {
        // Without the account, what is granted to it fails.
        let _ = database.server().try_sql_in("setup", &statement.replace(PASSWORD_PLACE, "'secret'"));
    }
    database.sql(r#"CREATE TABLE "Sales. ""EU""".later (id int)"#);
    let account = server(ServerSettings {
        database: "setup".into(),
        login: Login::password(USER, "secret"),
        ..settings(Postgres::shared())
    });
    let reads = async |sql: &str| read(&account, select(sql)).await.is_ok();
    let (says, may) = (|sql: &str| database.sql(sql), |sql: &str| database.sql(sql) == "t");
    if account.connect().await.is_err() {
        return Promises::default();
    }
    let user = r#"'outflow "reader"'"#;
    Promises {
        logs_in: true,
        reads: reads(r#"SELECT id FROM "Sales. ""EU""".now"#).await,
        reads_the_single_table: reads("SELECT id FROM crm.people").await,
        reads_what_is_made_later: reads(r#"SELECT id FROM "Sales. ""EU""".later"#).await,
        reads_no_more: !reads("SELECT id FROM crm.secrets").await,
        begins_read_only: says(&format!("SELECT rolconfig FROM pg_roles WHERE rolname = {user}"))
            == "{default_transaction_read_only=on}",
        makes_no_table: !may(&format!("SELECT has_schema_privilege({user}, 'public', 'create')")),
        makes_no_temporary_table: !may(&format!("SELECT has_database_privilege({user}, 'setup', 'temp')")),
        passes_the_test: codes(&test(&account).await).is_empty(),
    }
}

#[tokio::test]
async fn the_script_suffices_and_no_statement_can_be_left_out() {
    let all = statements();
    assert_eq!(promises_after(&all).await, ALL, "{all:#?}");
    for left_out in 0..all.len() {
        let mut some = all.clone();
        let statement = some.remove(left_out);
        let after = promises_after(&some).await;
        assert_ne!(after, ALL, "nothing is missing without {statement}");
    }
}

#[test]
fn a_script_in_which_the_password_was_forgotten_makes_no_account() {
    let database = Postgres::shared().database("setup_forgotten");
    let error = database.server().try_sql_in("setup_forgotten", &statements()[0]).unwrap_err();
    assert!(error.contains("syntax error"), "{error}");
}
