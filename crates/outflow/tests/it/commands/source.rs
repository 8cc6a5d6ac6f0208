//! `outflow source`: the connection test on a real PostgreSQL and against each thing that can be
//! wrong, and the script for a service account.

use std::fs;

use outflow_testkit::crash::Exit;
use outflow_testkit::{Database, Postgres, Receiver, Reply, free_port};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::{in_all_forms, lines, sqlite_project};
use crate::support::{Project, document, one_source};

/// A project whose one database is set as the lines say; `source: shop.main` of a sync that no test
/// runs.
fn project(settings: &str) -> Project {
    Project::new(&yaml("postgres", &format!("main: {{ {settings} }}")))
}

fn yaml(kind: &str, databases: &str) -> String {
    one_source("shop", kind, databases, "SELECT id AS \"userId\" FROM t")
}

/// The settings of that user, whose password is `secret`, in plain text.
fn settings(database: &Database<'_>, user: &str) -> String {
    let server = database.server();
    format!(
        "host: \"{}\", port: {}, database: \"{}\", user: \"{user}\", password: \"${{env:PG_PASSWORD}}\", ssl: disable",
        server.host(),
        server.port(),
        database.name()
    )
}

fn run(project: &Project, args: &[&str]) -> Exit {
    project.program(args).env("PG_PASSWORD", Postgres::USER_PASSWORD).run()
}

/// A database with a table, which the ready-made users may read.
fn database(name: &str) -> Database<'static> {
    let database = Postgres::shared().database(name);
    database.sql("CREATE TABLE t (id int)");
    database
}

#[test]
fn a_good_connection_is_a_line_for_each_step() {
    let database = database("source_good");
    let project = project(&settings(&database, "scramuser"));
    let people = run(&project, &["source", "test", "shop"]);
    people.assert_code(0);
    assert_eq!(people.stderr, "");
    let steps: Vec<&str> =
        people.stdout.lines().filter_map(|l| l.strip_prefix("✓ ")?.split_whitespace().next()).collect();
    let expected = [
        "name",
        "tcp",
        "tls",
        "authentication",
        "database",
        "server",
        "clock",
        "transactions",
        "schemas",
        "privileges",
        "syncs",
    ];
    assert_eq!(steps, expected, "{}", people.stdout);
    assert!(people.stdout.starts_with("shop.main  127.0.0.1:"), "{}", people.stdout);
    assert_eq!(run(&project, &["source", "test", "shop", "--quiet"]).stdout, "");

    let exit = run(&project, &["source", "test", "shop.main", "--output", "ndjson"]);
    exit.assert_code(0);
    let told = lines(&exit.stdout);
    assert_eq!(told.iter().map(|l| l["step"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    for line in &told {
        assert_eq!(
            (&line["format_version"], &line["source"], &line["database"]),
            (&json!(3), &json!("shop"), &json!("main"))
        );
        assert_eq!((&line["outcome"], &line["problems"]), (&json!("ok"), &json!([])), "{line}");
        assert!(
            line["seconds"].is_number() && line["details"].is_object() && line["summary"].is_string(),
            "{line}"
        );
    }
    assert_eq!(told[3]["details"]["method"], "scram-sha-256");

    let exit = run(&project, &["source", "test", "shop", "--output", "json"]);
    let whole = document(&exit);
    assert_eq!((&whole["format_version"], &whole["ok"]), (&json!(3), &json!(true)));
    let main = &whole["databases"][0];
    assert_eq!(
        (&main["source"], &main["database"], &main["ok"]),
        (&json!("shop"), &json!("main"), &json!(true))
    );
    assert_eq!(main["checks"].as_array().unwrap().len(), told.len());
}

#[test]
fn the_lines_come_as_the_steps_end() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    // A server that takes connections and never answers: the first two steps are printed while the
    // third still waits.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let project = project(&format!(
        "host: 127.0.0.1, port: {port}, database: d, user: u, ssl: require, connect_timeout: 1h"
    ));
    let mut child = Command::new(env!("CARGO_BIN_EXE_outflow"))
        .args(["source", "test", "shop", "--output", "ndjson"])
        .current_dir(project.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for step in ["name", "tcp"] {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["step"], step);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

/// Demands that the test ends at this step with this code and exit code 5, in every form; gives
/// what it says to people.
#[track_caller]
fn assert_fails(project: &Project, password: &str, step: &str, code: &str) -> String {
    let test = |more: &[&str]| {
        let args = [&["source", "test", "shop"], more].concat();
        project.program(&args).env("PG_PASSWORD", password).run()
    };
    let people = test(&[]);
    people.assert_code(5);
    let last = people.stdout.lines().last().unwrap();
    assert!(last.starts_with(&format!("✗ {step} ")), "{people:?}");
    assert!(
        people.stderr.contains(&format!("error[{code}]")) && people.stderr.contains("help:"),
        "{people:?}"
    );
    assert!(people.stderr.contains(&format!("outflow explain {code}")), "{people:?}");

    let machine = test(&["--output", "json"]);
    machine.assert_code(5);
    assert_eq!(machine.stderr, "");
    let document = document(&machine);
    let checks = document["databases"][0]["checks"].as_array().unwrap();
    let last = checks.last().unwrap();
    assert_eq!(
        (&last["step"], &last["outcome"], &last["problems"][0]["code"]),
        (&json!(step), &json!("failed"), &json!(code))
    );
    assert!(checks.iter().rev().skip(1).all(|check| check["outcome"] != "failed"), "{document}");
    assert_eq!(document["ok"], false);
    if step != "name" {
        assert_eq!(last["details"]["local_address"], "127.0.0.1", "{last}");
        let advises = people.stderr.contains("this machine connects from 127.0.0.1");
        assert_eq!(advises, step == "tcp", "{people:?}");
    }
    assert!(!people.stderr.contains(password) && !machine.stdout.contains(password), "the password shows");
    people.stderr
}

#[test]
fn each_step_that_fails_says_its_code_its_cure_and_our_address() {
    let database = database("source_failing");
    let good = settings(&database, "scramuser");
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} is not in {good}");
        project(&good.replace(from, to))
    };
    let port = format!("port: {}", database.server().port());
    assert_fails(&replaced("127.0.0.1", "warehouse.invalid"), "the-password", "name", "S001");
    assert_fails(&replaced(&port, &format!("port: {}", free_port())), "the-password", "tcp", "S002");
    assert_fails(&replaced("ssl: disable", "ssl: require"), "the-password", "tls", "S005");
    assert_fails(&replaced("source_failing", "nowhere"), Postgres::USER_PASSWORD, "database", "S007");
    assert_fails(&project(&good), "not-the-password", "authentication", "S006");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("port: {}", silent.local_addr().unwrap().port());
    let silent_server =
        project(&good.replace(&port, &there).replace("ssl: disable", "ssl: disable, connect_timeout: 1s"));
    let said = assert_fails(&silent_server, "the-password", "authentication", "S003");
    assert!(said.contains("security group") && said.contains("paused"), "{said}");
}

#[test]
fn each_bad_certificate_is_distinguished() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let server = |until: i32| {
        let mut params = CertificateParams::new(vec!["warehouse.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Postgres::options().with_tls(&certificate.pem(), &key.serialize_pem()).start()
    };
    let with = |server: &Postgres, ssl: &str| {
        server.sql_in("postgres", "CREATE TABLE IF NOT EXISTS t (id int)");
        let project = project(&format!(
            "host: 127.0.0.1, port: {}, database: postgres, user: scramuser, password: \"${{env:PG_PASSWORD}}\", ssl: {ssl}",
            server.port()
        ));
        project.write("ca.pem", &ca);
        project
    };
    let fresh = server(2090);
    let good = run(
        &with(&fresh, "{ mode: verify-full, ca: ca.pem, server_name: warehouse.test }"),
        &["source", "test", "shop"],
    );
    good.assert_code(0);
    assert!(
        good.stdout.contains("TLS 1.3, certificate for warehouse.test") && good.stderr.is_empty(),
        "{good:?}"
    );

    // The machine's own authorities are trusted, too.
    let with_name = with(&fresh, "{ mode: verify-full, server_name: warehouse.test }");
    let test = |file: &str| {
        let file = with_name.path().join(file).display().to_string();
        let program =
            with_name.program(&["source", "test", "shop"]).env("PG_PASSWORD", Postgres::USER_PASSWORD);
        program.env("SSL_CERT_FILE", &file).run()
    };
    test("ca.pem").assert_code(0);
    let untrusted = test("outflow.yaml");
    untrusted.assert_code(5);
    assert!(untrusted.stderr.contains("is not trusted here"), "{untrusted:?}");
    let told = with_name.program(&["validate"]).env("SSL_CERT_FILE", "/nowhere.pem").run();
    assert!(told.stderr.contains("warning[D103]: SSL_CERT_FILE names /nowhere.pem"), "{told:?}");

    let expired = server(2024);
    let cases = [
        (&fresh, "verify-full", "not trusted"),
        (&fresh, "{ mode: verify-full, ca: ca.pem }", "another host name: warehouse.test"),
        (&expired, "{ mode: verify-ca, ca: ca.pem }", "has expired, on 2024-12-31"),
    ];
    for (server, ssl, why) in cases {
        let said = assert_fails(&with(server, ssl), Postgres::USER_PASSWORD, "tls", "S004");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn warnings_stand_under_their_lines_and_leave_the_exit_code_alone() {
    let database = database("source_warnings");
    let superuser = project(&settings(&database, "postgres"));
    let exit = superuser.program(&["source", "test", "shop", "--quiet"]).run();
    exit.assert_code(0);
    assert!(exit.stderr.contains("warning[S101]: the account is a superuser"), "{exit:?}");
    assert_eq!(
        exit.stdout.lines().count(),
        1,
        "with --quiet, lines without a problem are not shown: {exit:?}"
    );
    assert!(exit.stdout.starts_with("! privileges"), "{exit:?}");

    // What the account may not read is no warning for the sync that reads it.
    let stranger = project(&settings(&database, "stranger"));
    let exit = run(&stranger, &["source", "test", "shop", "--output", "ndjson"]);
    exit.assert_code(5);
    let syncs = lines(&exit.stdout).into_iter().find(|line| line["step"] == "syncs").unwrap();
    assert_eq!((&syncs["outcome"], &syncs["problems"][0]["code"]), (&json!("failed"), &json!("S008")));
    let grant = "GRANT SELECT ON TABLE \"t\" TO \"stranger\";";
    assert!(syncs["problems"][0]["help"].as_str().unwrap().contains(grant), "{syncs}");
    let checked = run(&stranger, &["validate", "--connect"]);
    checked.assert_code(5);
    assert!(checked.stderr.contains("error[S008]") && checked.stderr.contains(grant), "{checked:?}");
    let schemas = lines(&exit.stdout).into_iter().find(|line| line["step"] == "schemas").unwrap();
    assert_eq!((&schemas["outcome"], &schemas["problems"][0]["code"]), (&json!("warning"), &json!("S106")));
}

#[test]
fn a_source_tests_all_of_its_databases_and_a_replica_by_its_name() {
    let database = database("source_several");
    let good = settings(&database, "scramuser");
    let bad = good.replace("source_several", "nowhere");
    let databases = format!("main: {{ {good} }}\n      replica: {{ {bad} }}");
    let project = Project::new(&yaml("postgres", &databases));
    let exit = run(&project, &["source", "test", "shop", "--output", "json"]);
    exit.assert_code(5);
    let told = document(&exit);
    let oks: Vec<(&Value, &Value)> =
        told["databases"].as_array().unwrap().iter().map(|d| (&d["database"], &d["ok"])).collect();
    assert_eq!(oks, [(&json!("main"), &json!(true)), (&json!("replica"), &json!(false))]);
    run(&project, &["source", "test", "shop.main"]).assert_code(0);

    let listed = in_all_forms(&project, &["source", "list"], 0);
    assert_eq!(listed[1]["database"], "replica");
    assert_eq!(listed[0]["type"], "postgres");

    let ambiguous = run(&project, &["source", "setup-sql", "shop"]);
    ambiguous.assert_code(2);
    assert!(ambiguous.stderr.contains("shop.main, shop.replica"), "{ambiguous:?}");
}

#[test]
fn a_name_that_is_none_is_told_with_the_nearest() {
    let project = project("host: h, database: d, user: u");
    for (name, near) in [("shpo", "\"shop\""), ("shop.mian", "\"shop.main\"")] {
        let exit = run(&project, &["source", "test", name]);
        exit.assert_code(2);
        assert!(exit.stderr.contains("error[C007]") && exit.stderr.contains(near), "{exit:?}");
    }
}

#[test]
fn a_sqlite_file_is_tested_and_has_no_accounts() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[1]");
    let told = project.json(&["source", "test", "shop"], 0);
    let steps: Vec<&Value> =
        told["databases"][0]["checks"].as_array().unwrap().iter().map(|c| &c["step"]).collect();
    assert_eq!(steps, ["database", "server", "schemas", "syncs"]);

    let refused = project.run(&["source", "setup-sql", "shop"]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("error[C012]") && refused.stdout.is_empty(), "{refused:?}");

    fs::remove_file(project.path().join("shop.db")).unwrap();
    let exit = project.run(&["source", "test", "shop"]);
    exit.assert_code(5);
    assert!(exit.stdout.contains("✗ database") && exit.stderr.contains("error[S017]"), "{exit:?}");
}

#[test]
fn the_script_needs_no_secrets_and_gives_an_account_that_runs_a_sync() {
    let database = Postgres::shared().database("source_setup");
    database.sql(
        "DROP ROLE IF EXISTS outflow_reader; GRANT CREATE ON SCHEMA public TO PUBLIC;
         CREATE SCHEMA sales; CREATE TABLE sales.t AS SELECT 7 AS id; CREATE TABLE public.t (id int)",
    );
    let settings = settings(&database, "outflow_reader").replace("PG_PASSWORD", "OUTFLOW_READER_PASSWORD");
    let project = project(&settings);
    let careful = project.run(&["source", "setup-sql", "shop", "--schemas", "sales"]);
    careful.assert_code(0);
    assert!(!careful.stdout.contains("PUBLIC"), "nobody else loses a right unasked: {careful:?}");
    let script = project.run(&["source", "setup-sql", "shop", "--schemas", "sales", "--revoke-public"]);
    script.assert_code(0);
    database.sql(&script.stdout.replace("PASSWORD <password>", "PASSWORD 'the-secret'"));

    project.write(
        "outflow.yaml",
        &yaml("postgres", &format!("main: {{ {settings} }}")).replace("FROM t", "FROM sales.t"),
    );
    let with = |args: &[&str]| project.program(args).env("OUTFLOW_READER_PASSWORD", "the-secret").run();
    let test = with(&["source", "test", "shop"]);
    test.assert_code(0);
    assert_eq!(test.stderr, "");
    assert!(
        test.stdout.contains("1 table in 1 schema: sales (1)") && test.stdout.contains("reads only "),
        "{test:?}"
    );
    let run = with(&["run", "users", "--output", "json"]);
    run.assert_code(0);
    assert_eq!(document(&run)["rows"]["calls"], 1);

    // By name, single tables, and another user.
    let more = project
        .json(&["source", "setup-sql", "shop.main", "--tables", "sales.t", "--user", "Other \"one\""], 0);
    let sql = more["sql"].as_str().unwrap();
    assert!(sql.contains("GRANT SELECT ON TABLE \"sales\".\"t\" TO \"Other \"\"one\"\"\";"), "{sql}");
    assert!(!sql.contains("ALL TABLES") && !sql.contains("the-secret"), "{sql}");
    for wrong in [["--tables", "t"], ["--schemas", "a.b"], ["--schemas", "\"a"]] {
        project.run(&[&["source", "setup-sql", "shop"], &wrong[..]].concat()).assert_code(2);
    }
}

#[test]
fn a_user_that_is_not_known_yet_makes_no_script() {
    let project =
        project("host: h, database: d, user: \"${env:NO_SUCH_USER}\", password: \"${env:NO_SUCH_PASSWORD}\"");
    let exit = run(&project, &["source", "setup-sql", "shop"]);
    exit.assert_code(2);
    assert!(exit.stderr.contains("error[C008]") && exit.stderr.contains("NO_SUCH_USER"), "{exit:?}");
    let named = run(&project, &["source", "setup-sql", "shop", "--user", "reader"]);
    named.assert_code(0);
    assert!(named.stdout.contains("CREATE USER \"reader\""), "{named:?}");
}

#[test]
fn keys_of_aws_come_from_the_file_beside_the_project_too() {
    let aws = Receiver::start_blocking();
    aws.always(Reply::status(403));
    let project = Project::new(&yaml(
        "redshift",
        "main: { host: 127.0.0.1, database: d, iam: { cluster: c-1, region: eu-central-1 } }",
    ));
    let env =
        "AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY='s3cret key'\nAWS_EC2_METADATA_DISABLED=true\n";
    project.write(".env", &format!("{env}AWS_ENDPOINT_URL={}\n", aws.url()));
    let refused = project.run(&["source", "test", "shop"]);
    refused.assert_code(5);
    assert!(refused.stderr.contains("S022"), "{refused:?}");
    let request = aws.requests().remove(0);
    assert!(request.header("authorization").unwrap().contains("AKIAEXAMPLE"), "{request:?}");
    assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
    // The environment wins.
    let program = project.program(&["source", "test", "shop"]).env("AWS_ACCESS_KEY_ID", "AKIAOTHER");
    program.run().assert_code(5);
    assert!(aws.requests().pop().unwrap().header("authorization").unwrap().contains("AKIAOTHER"));
}

#[test]
fn the_tables_of_a_database_are_those_that_the_account_can_read() {
    let database = database("source_tables");
    database.sql(
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (id int NOT NULL, at timestamptz, total numeric(9,2));
         CREATE VIEW sales.open AS SELECT id FROM sales.orders; CREATE TABLE sales.secret (id int);
         CREATE TABLE hidden (x int); GRANT USAGE ON SCHEMA sales TO stranger;
         GRANT SELECT ON sales.open TO stranger; GRANT SELECT (id, total) ON sales.orders TO stranger",
    );
    let project = project(&settings(&database, "stranger"));
    let found = document(&run(&project, &["source", "tables", "shop", "--output", "json"]));
    let sales = found["schemas"].as_array().unwrap().iter().find(|s| s["schema"] == "sales").unwrap();
    assert_eq!(
        sales["tables"],
        json!([
            { "table": "open", "type": "view",
              "columns": [{ "column": "id", "type": "integer", "nullable": true }] },
            { "table": "orders", "type": "table",
              "columns": [{ "column": "id", "type": "integer", "nullable": false },
                          { "column": "total", "type": "numeric(9,2)", "nullable": true }] },
        ])
    );
    let people = run(&project, &["source", "tables", "shop", "--schema", "sales"]);
    assert!(people.stdout.contains("sales.orders") && !people.stdout.contains("secret"), "{people:?}");
    let people = run(&project, &["source", "tables", "shop", "--table", "orders"]);
    assert!(people.stdout.contains("numeric(9,2)"), "{people:?}");
}
