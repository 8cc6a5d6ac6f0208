//! The connection test against a real PostgreSQL, a replica, and a scripted Redshift.

use outflow_core::Code;
use outflow_core::ports::warehouse::{Check, Step, Visibility, Warehouse};
use outflow_testkit::{Database, Postgres};
use outflow_warehouse::{Login, Server, ServerSettings, Sqlite};

use crate::{fake, open_transactions, server, settings};

/// All lines of a test.
pub async fn test(warehouse: &dyn Warehouse) -> Vec<Check> {
    let mut lines = Vec::new();
    warehouse.test(&mut |line| lines.push(line)).await;
    lines
}

/// The settings for that user of a database; its password is `secret`.
pub fn user(database: &Database<'_>, name: &str) -> ServerSettings {
    ServerSettings {
        database: database.name().into(),
        login: Login::password(name, "secret"),
        ..settings(database.server())
    }
}

pub fn line(lines: &[Check], step: Step) -> &Check {
    lines.iter().find(|line| line.step == step).unwrap_or_else(|| panic!("no {step:?} in {lines:?}"))
}

fn detail(line: &Check, name: &str) -> serde_json::Value {
    line.details.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

pub fn codes(lines: &[Check]) -> Vec<Code> {
    lines.iter().flat_map(|line| &line.problems).map(outflow_core::Error::code).collect()
}

/// Messages and cures of the findings of a step.
fn findings(lines: &[Check], step: Step) -> Vec<(&str, &str)> {
    let problems = &line(lines, step).problems;
    problems.iter().map(|e| (e.message(), e.help_text().unwrap_or_default())).collect()
}

#[tokio::test]
async fn each_step_has_a_line_in_order() {
    let database = Postgres::shared().database("check_steps");
    database.sql(
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (id int); CREATE VIEW sales.totals AS SELECT 1 AS a;
         DROP ROLE IF EXISTS check_reader; CREATE ROLE check_reader LOGIN PASSWORD 'secret';
         GRANT USAGE ON SCHEMA sales TO check_reader; GRANT SELECT (id) ON sales.orders TO check_reader; GRANT SELECT ON sales.totals TO check_reader",
    );
    let lines = test(&server(user(&database, "check_reader"))).await;
    let steps: Vec<Step> = lines.iter().map(|line| line.step).collect();
    use Step::{Authentication, Clock, Database, Name, Privileges, Schemas, Server, Tcp, Tls, Transactions};
    let expected =
        [Name, Tcp, Tls, Authentication, Database, Server, Clock, Transactions, Schemas, Privileges];
    assert_eq!(steps, expected);
    assert_eq!(codes(&lines), [], "{lines:?}");

    let port = database.server().port();
    assert_eq!(line(&lines, Tcp).summary, format!("127.0.0.1:{port} from 127.0.0.1"));
    assert_eq!(line(&lines, Tls).summary, "not encrypted");
    assert_eq!(line(&lines, Authentication).summary, "SCRAM-SHA-256 as check_reader");
    assert_eq!(line(&lines, Database).summary, "check_steps");
    assert!(line(&lines, Server).summary.starts_with("PostgreSQL "), "{lines:?}");
    assert!(detail(line(&lines, Clock), "difference_seconds").as_f64().unwrap().abs() < 1.0);
    assert!(line(&lines, Transactions).summary.starts_with("sees none of other accounts"), "{lines:?}");
    assert_eq!(line(&lines, Schemas).summary, "2 tables in 1 schema: sales (2)");
    assert_eq!(line(&lines, Privileges).summary, "reads only, but may make temporary tables");
    assert_eq!(detail(line(&lines, Privileges), "not_told"), serde_json::json!([]));
}

#[tokio::test]
async fn each_way_of_logging_in_has_its_word() {
    let database = Postgres::shared().database("check_ways");
    for (name, word) in
        [("plain", "cleartext"), ("md5user", "md5"), ("scramuser", "scram-sha-256"), ("trusted", "trust")]
    {
        let lines = test(&server(user(&database, name))).await;
        assert_eq!(detail(line(&lines, Step::Authentication), "method"), word);
    }
}

#[tokio::test]
async fn each_right_beyond_reading_is_reported_with_the_statement_that_revokes_it() {
    let database = Postgres::shared().database("check_rights");
    database.sql(
        "DROP ROLE IF EXISTS check_writer; DROP ROLE IF EXISTS \"check \"\"etl\"; DROP ROLE IF EXISTS check_owners;
         CREATE ROLE check_writer LOGIN PASSWORD 'secret' CREATEDB CREATEROLE;
         CREATE ROLE \"check \"\"etl\" NOLOGIN; CREATE ROLE check_owners NOLOGIN;
         GRANT \"check \"\"etl\", check_owners, pg_write_all_data TO check_writer;
         ALTER ROLE check_writer NOINHERIT;
         CREATE SCHEMA s; CREATE TABLE s.a (id int); CREATE TABLE s.b (id int); CREATE TABLE s.c (id int); CREATE TABLE public.mine (id int);
         CREATE TABLE s.read (id int); GRANT USAGE ON SCHEMA s TO check_writer; GRANT SELECT ON s.read TO check_writer;
         GRANT INSERT, DELETE ON s.a, s.b TO check_writer; GRANT TRUNCATE ON s.c TO \"check \"\"etl\"; ALTER TABLE public.mine OWNER TO check_owners;
         GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT CREATE ON DATABASE check_rights TO check_writer",
    );
    let lines = test(&server(user(&database, "check_writer"))).await;
    let found = findings(&lines, Step::Privileges);
    let cures = [
        "ALTER USER \"check_writer\" NOCREATEDB;",
        "ALTER USER \"check_writer\" NOCREATEROLE;",
        "REVOKE \"pg_write_all_data\" FROM \"check_writer\";",
        "REVOKE CREATE ON DATABASE \"check_rights\" FROM \"check_writer\";",
        "REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC;",
        "ALTER TABLE \"public\".\"mine\" OWNER TO another_user;",
        "REVOKE INSERT, DELETE ON ALL TABLES IN SCHEMA \"s\" FROM \"check_writer\";",
        "REVOKE TRUNCATE ON TABLE \"s\".\"c\" FROM \"check \"\"etl\";",
    ];
    for cure in cures {
        assert!(found.iter().any(|(_, help)| help.contains(cure)), "{cure} is not in {found:#?}");
    }
    assert!(codes(&lines).iter().all(|code| *code == Code::ExcessPrivileges), "{lines:?}");

    // Each cure is a statement that works, and together they leave nothing to say.
    for (_, help) in &found {
        if let Some(start) = ["ALTER ", "REVOKE "].iter().filter_map(|word| help.find(word)).min() {
            let statement = &help[start..=start + help[start..].find(';').unwrap()];
            database.sql(&statement.replace("another_user", "postgres"));
        }
    }
    let lines = test(&server(user(&database, "check_writer"))).await;
    assert_eq!(codes(&lines), [], "{:#?}", findings(&lines, Step::Privileges));
}

#[tokio::test]
async fn what_the_account_can_do_to_the_server_is_measured() {
    let database = Postgres::shared().database("check_powers");
    database.sql(
        "DROP ROLE IF EXISTS check_power; CREATE ROLE check_power LOGIN PASSWORD 'secret';
         CREATE TABLE t (id int); GRANT SELECT ON t TO check_power; CREATE EXTENSION dblink; CREATE EXTENSION pg_surgery;
         CREATE EXTENSION pgcrypto; CREATE EXTENSION tablefunc;
         GRANT pg_signal_backend, pg_read_server_files TO check_power;
         GRANT EXECUTE ON FUNCTION pg_read_file(text) TO check_power; GRANT EXECUTE ON FUNCTION heap_force_kill TO check_power",
    );
    let lines = test(&server(user(&database, "check_power"))).await;
    let privileges = line(&lines, Step::Privileges);
    for (name, held) in [
        ("ends_sessions", true),
        ("reads_server_files", true),
        ("writes_server_files", false),
        ("runs_programs", false),
    ] {
        assert_eq!(detail(privileges, name), held, "{name}");
    }
    let functions = detail(privileges, "acting_functions");
    let origins: Vec<&String> = functions.as_object().unwrap().keys().collect();
    assert_eq!(origins, ["extension dblink", "extension pg_surgery", "the server"]);
    let found = findings(&lines, Step::Privileges);
    for part in [
        "\"pg_signal_backend\", which may end sessions of other users",
        "\"pg_read_server_files\", which may read every file",
        "functions of extension dblink that act beyond their transaction, dblink(text) among them",
        "function heap_force_kill(regclass,tid[]) of extension pg_surgery",
        "function pg_read_file(text) of the server",
    ] {
        assert!(found.iter().any(|(message, _)| message.contains(part)), "{part} is not in {found:#?}");
    }
    // Each cure works, and together they leave nothing to say.
    for (_, help) in &found {
        let statement = &help[help.find("REVOKE").unwrap()..=help.rfind(';').unwrap()];
        database.sql(statement);
    }
    let lines = test(&server(user(&database, "check_power"))).await;
    assert_eq!(codes(&lines), [], "{:#?}", findings(&lines, Step::Privileges));
    assert_eq!(detail(line(&lines, Step::Privileges), "ends_sessions"), false);

    let settings = ServerSettings { database: database.name().into(), ..settings(database.server()) };
    let lines = test(&server(settings)).await;
    assert_eq!(detail(line(&lines, Step::Privileges), "runs_programs"), true, "a superuser may");
}

#[tokio::test]
async fn a_superuser_is_reported_and_nothing_else() {
    let database = Postgres::shared().database("check_superuser");
    database.sql("CREATE TABLE t (id int)");
    let settings = ServerSettings { database: database.name().into(), ..settings(database.server()) };
    let lines = test(&server(settings)).await;
    assert_eq!(codes(&lines), [Code::ExcessPrivileges]);
    assert!(findings(&lines, Step::Privileges)[0].1.contains("NOSUPERUSER"));
}

#[tokio::test]
async fn an_account_that_ends_soon_and_reads_nothing_is_reported() {
    let database = Postgres::shared().database("check_end");
    database.sql(
        "DROP ROLE IF EXISTS check_ending; CREATE ROLE check_ending LOGIN PASSWORD 'secret';
         DO $$ BEGIN EXECUTE format('ALTER ROLE check_ending VALID UNTIL %L', now() + interval '3 days 1 hour'); END $$",
    );
    let lines = test(&server(user(&database, "check_ending"))).await;
    assert_eq!(codes(&lines), [Code::NoReadableTable, Code::CredentialsExpiring]);
    assert!(line(&lines, Step::Privileges).problems[0].message().ends_with("3 days from now"), "{lines:?}");

    database.sql("ALTER ROLE check_ending VALID UNTIL 'infinity'; CREATE TABLE t (id int); GRANT SELECT ON t TO check_ending");
    assert_eq!(codes(&test(&server(user(&database, "check_ending"))).await), []);
}

#[tokio::test]
async fn a_step_that_fails_is_the_last_and_says_where_we_connect_from() {
    let database = Postgres::shared().database("check_failures");
    let good = user(&database, "scramuser");
    let cases = [
        (
            ServerSettings { host: "nowhere.invalid".into(), ..good.clone() },
            Step::Name,
            Code::HostNotResolved,
        ),
        (
            ServerSettings { port: outflow_testkit::free_port(), ..good.clone() },
            Step::Tcp,
            Code::ConnectionRefused,
        ),
        (
            ServerSettings { login: Login::password("scramuser", "wrong"), ..good.clone() },
            Step::Authentication,
            Code::SourceAuthFailed,
        ),
        (
            ServerSettings { database: "no such".into(), ..good.clone() },
            Step::Database,
            Code::UnknownDatabase,
        ),
    ];
    for (settings, step, code) in cases {
        let place = format!("{}:{}", settings.host, settings.port);
        let lines = test(&server(settings)).await;
        let last = lines.last().unwrap();
        assert_eq!((last.step, codes(&lines)), (step, vec![code]), "{lines:?}");
        assert_eq!(last.problems[0].place(), Some(place.as_str()));
        if step != Step::Name {
            assert_eq!(detail(last, "local_address"), "127.0.0.1");
            // Advice on lists of addresses only where one can be in the way.
            let advises =
                last.problems[0].help_text().unwrap().contains("this machine connects from 127.0.0.1");
            assert_eq!(advises, step == Step::Tcp, "{last:?}");
        }
    }
    database.sql("REVOKE CONNECT ON DATABASE check_failures FROM PUBLIC");
    let lines = test(&server(good)).await;
    assert_eq!((lines.last().unwrap().step, codes(&lines)), (Step::Database, vec![Code::PermissionDenied]));
    assert!(findings(&lines, Step::Database)[0].1.contains("CONNECT"));
}

#[tokio::test]
async fn a_question_that_is_refused_is_a_line_and_spoils_no_other() {
    let database = Postgres::shared().database("check_refused");
    database.sql(
        "CREATE TABLE t (id int); GRANT INSERT, SELECT ON t TO scramuser;
         REVOKE SELECT ON pg_catalog.pg_database FROM PUBLIC; REVOKE pg_read_all_data FROM scramuser",
    );
    let lines = test(&server(user(&database, "scramuser"))).await;
    Postgres::shared().sql("GRANT pg_read_all_data TO scramuser");
    let privileges = line(&lines, Step::Privileges);
    assert!(
        privileges.summary.contains("unknown: rights on the database (permission denied"),
        "{privileges:?}"
    );
    assert!(findings(&lines, Step::Privileges)[0].1.starts_with("REVOKE INSERT"), "{privileges:?}");
    assert_eq!(codes(&lines), [Code::ExcessPrivileges]);
}

#[tokio::test]
async fn a_replica_says_how_far_it_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    // The test kit's servers do not wait for their log otherwise, and a kill would lose the
    // transaction.
    let primary =
        Postgres::options().with_setting("synchronous_commit", "on").in_folder(folder.path()).start();
    primary.sql("CREATE TABLE t (id int)");
    // What the power cut leaves is replayed by the replica, so there is a last transaction.
    primary.kill();
    drop(primary);
    std::fs::write(folder.path().join("data/standby.signal"), "").unwrap();
    let replica = Postgres::options().in_folder(folder.path()).start();
    // A replica takes queries before it has replayed all that there is.
    while replica.sql("SELECT pg_last_xact_replay_timestamp() IS NULL").trim() == "t" {}
    let lines = test(&server(settings(&replica))).await;
    assert!(line(&lines, Step::Server).summary.ends_with(", a read replica"), "{lines:?}");
    let behind = detail(line(&lines, Step::Lag), "lag_seconds");
    assert!(behind.as_f64().unwrap() > 0.0, "{lines:?}");
    assert!(line(&lines, Step::Transactions).summary.starts_with("those of the primary"), "{lines:?}");
    // The newest transaction that is here, and no sessions: none of the replica writes.
    let open = open_transactions(&server(settings(&replica))).await;
    assert!(
        open.replayed.is_some_and(|at| at < outflow_core::Clock::now(&outflow_core::SystemClock)),
        "{open:?}"
    );
    assert_eq!((open.oldest, open.seen), (None, Visibility::None));
}

/// A Redshift that answers what it is asked for from a table of beginnings, and refuses all else.
async fn redshift(answers: Vec<(&'static str, Vec<u8>)>) -> Server {
    let (listener, settings) = fake::listen().await;
    tokio::spawn(async move {
        let mut peer = fake::accept(&listener).await;
        peer.start_up().await;
        peer.send(&[fake::authentication(3, b"")].concat()).await;
        peer.receive().await;
        peer.send(&[fake::authentication(0, b""), fake::welcome()].concat()).await;
        while let Some((tag, body)) = peer.receive().await {
            if tag != b'Q' {
                break;
            }
            let sql = String::from_utf8_lossy(&body).into_owned();
            let answer = answers.iter().find(|(start, _)| sql.contains(start));
            let refusal = [fake::message(b'E', b"SERROR\0C0A000\0Mnot here\0\0"), fake::ready()].concat();
            let settings = sql.starts_with("SET ") || sql.starts_with("ROLLBACK");
            let bytes =
                if settings { fake::done() } else { answer.map_or(refusal, |(_, bytes)| bytes.clone()) };
            peer.send(&bytes).await;
        }
    });
    server(settings)
}

fn rows(columns: usize, rows: &[&[&str]]) -> Vec<u8> {
    let names = vec![("x", 25); columns];
    let mut bytes = fake::columns(&names);
    for row in rows {
        bytes.extend(fake::row(&row.iter().map(|text| Some(*text)).collect::<Vec<_>>()));
    }
    [bytes, fake::message(b'C', b"SELECT\0"), fake::ready()].concat()
}

#[tokio::test]
async fn a_redshift_is_asked_in_its_own_words() {
    let server = redshift(vec![
        (
            "SELECT version()",
            fake::one_text("PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.117891\0\0"),
        ),
        ("GETDATE()", fake::one_text("2020-01-01 00:00:00\0\0")),
        ("AS readable", rows(2, &[&["sales", "120"], &["empty", "0"]])),
        ("svv_external_schemas", rows(1, &[&["spectrum"]])),
        ("usesuper", rows(4, &[&["reader", "f", "t", "infinity"]])),
        ("pg_group", rows(2, &[&["etl", "f"]])),
        ("svv_user_grants", rows(2, &[&["sys:dba", "t"], &["analyst", "f"]])),
        ("has_database_privilege", rows(5, &[&["dev", "rdsdb", "=T/rdsdb", "f", "t"]])),
        (
            "AND has_schema_privilege(n.nspname, 'create')",
            rows(3, &[&["public", "rdsdb", "rdsdb=UC/rdsdb\n=UC/rdsdb"]]),
        ),
        (
            "WHERE ins OR",
            rows(9, &[&["sales", "owner", "group etl=rw/owner", "3", "orders", "f", "t", "f", "f"]]),
        ),
    ])
    .await;
    let lines = test(&server).await;
    assert_eq!(line(&lines, Step::Server).summary, "Redshift 1.0.117891");
    assert_eq!(line(&lines, Step::Clock).problems[0].code(), Code::ClockSkew, "that clock stands at 2020");
    assert_eq!(
        line(&lines, Step::Schemas).summary,
        "120 tables in 2 schemas: sales (120), spectrum (external)"
    );
    let cures: Vec<&str> = findings(&lines, Step::Privileges).into_iter().map(|(_, help)| help).collect();
    assert_eq!(cures[..2], ["ALTER USER \"reader\" NOCREATEDB;", "REVOKE ROLE \"sys:dba\" FROM \"reader\";"]);
    assert!(cures[2].starts_with("REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC;"));
    assert_eq!(cures[3..], ["REVOKE UPDATE ON ALL TABLES IN SCHEMA \"sales\" FROM GROUP \"etl\";"]);
    assert!(lines.iter().all(|line| line.step != Step::Lag), "{lines:?}");
}

#[tokio::test]
async fn a_redshift_that_answers_little_still_passes() {
    let server = redshift(vec![
        ("SELECT version()", fake::one_text("")),
        ("GETDATE()", fake::one_text("2020-01-01 00:00:00")),
        ("usesuper", rows(4, &[&["reader", "f", "f", "infinity"]])),
    ])
    .await;
    let lines = test(&server).await;
    assert_eq!(codes(&lines), [Code::ClockSkew], "{lines:?}");
    assert_eq!(
        line(&lines, Step::Schemas).summary,
        "unknown: the database reported an error (SQLSTATE 0A000): not here"
    );
    assert_eq!(detail(line(&lines, Step::Privileges), "not_told").as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn the_wrong_kind_of_server_is_a_mistake_of_the_configuration() {
    let database = Postgres::shared().database("check_kind");
    let kind = outflow_warehouse::ServerKind::Redshift;
    let lines = test(&server(ServerSettings { kind, ..user(&database, "scramuser") })).await;
    assert_eq!((lines.last().unwrap().step, codes(&lines)), (Step::Server, vec![Code::InvalidValue]));
    assert!(findings(&lines, Step::Server)[0].1.contains("type: postgres"));
}

#[tokio::test]
async fn a_file_is_opened_and_its_tables_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let lines = test(&Sqlite::new(path.clone())).await;
    assert_eq!(
        (lines.len(), lines[0].step, codes(&lines)),
        (1, Step::Database, vec![Code::SqliteUnreadable])
    );

    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA user_version = 1").unwrap();
    assert_eq!(codes(&test(&Sqlite::new(path.clone())).await), [Code::NoReadableTable]);
    database.execute_batch("CREATE TABLE t (id); CREATE VIEW v AS SELECT 1").unwrap();
    let lines = test(&Sqlite::new(path)).await;
    assert_eq!(codes(&lines), []);
    assert_eq!(line(&lines, Step::Schemas).summary, "2 tables");
}
