//! Ways in to Redshift: TLS that is demanded, temporary credentials, and the connection test.

use outflow_testkit::redshift::{Auth, Redshift};
use outflow_testkit::{Postgres, Receiver, Reply};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

use super::{Login, Warehouse, shared};
use crate::support::{Project, one_source};

const USERS: (&str, &str, &str) = ("users", "identify", "SELECT id AS userId, plan FROM users");

/// The certificate of an authority, and one of its for `cluster.test` with the key.
fn certificates() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["cluster.test".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (ca, certificate.pem(), key.serialize_pem())
}

const VERIFIED: &str = "ssl: { mode: verify-full, ca: ca.pem, server_name: cluster.test }";

#[test]
fn a_cluster_that_demands_tls_is_met_with_tls() {
    let (ca, certificate, key) = certificates();
    let redshift = Redshift::options().over(Postgres::shared()).require_ssl(&certificate, &key).start();
    super::traps::many(&redshift, "demands_tls", 3);
    let warehouse =
        Warehouse::new(&redshift, "demands_tls", &Login { settings: VERIFIED, ..Login::default() }, &[USERS]);
    warehouse.project.write("ca.pem", &ca);
    assert_eq!(warehouse.calls("users").len(), 3);
    assert!(redshift.startups().iter().all(|startup| startup.tls));

    let plain = Warehouse::new(&redshift, "demands_tls", &Login::default(), &[USERS]);
    let exit = plain.program(&["run", "users"]).run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("error[S026]") && exit.stderr.contains("ssl: require"), "{exit:?}");
}

#[test]
fn temporary_credentials_log_in_over_tls_and_are_renewed_once_when_refused() {
    let (ca, certificate, key) = certificates();
    let redshift = Redshift::options()
        .over(Postgres::shared())
        .with_tls(&certificate, &key)
        .with_user("IAMR:reader", "temporary/+=&", Auth::Cleartext)
        .start();
    let database = redshift.database("temporary");
    database.sql("CREATE TABLE users AS SELECT 1 AS id, 'pro' AS plan");
    redshift.postgres().sql_in("temporary", "GRANT SELECT ON users TO \"IAMR:reader\"");
    let aws = Receiver::start_blocking();
    let gives = |password: &str| {
        let name = "GetClusterCredentialsWithIAM";
        Reply::status(200).header("content-type", "text/xml").body(format!(
            "<{name}Response><{name}Result><DbUser>IAMR:reader</DbUser><DbPassword>{password}</DbPassword><Expiration>2090-01-01T00:00:00Z</Expiration></{name}Result></{name}Response>"
        ))
    };
    aws.always(gives("temporary/+=&amp;"));
    let database = format!(
        "main: {{ host: 127.0.0.1, port: {}, database: temporary, {VERIFIED}, iam: {{ cluster: c-1, region: eu-central-1 }} }}",
        redshift.port()
    );
    let project = Project::new(&one_source("warehouse", "redshift", &database, USERS.2));
    project.write("ca.pem", &ca);
    let program = |args: &[&str]| {
        project
            .program(args)
            .env("AWS_ENDPOINT_URL", aws.url())
            .env("AWS_ACCESS_KEY_ID", "ID")
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret")
    };
    program(&["run", "users"]).run().assert_code(0);
    assert_eq!(redshift.startups().last().unwrap().get("user"), Some("IAMR:reader"));

    aws.always(gives("revoked"));
    let exit = program(&["run", "users"]).run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("error[S006]"), "{exit:?}");
    assert!(!exit.stderr.contains("canary-secret") && !exit.stderr.contains("revoked"), "{exit:?}");

    project.write(
        "outflow.yaml",
        &std::fs::read_to_string(project.path().join("outflow.yaml"))
            .unwrap()
            .replace(VERIFIED, "ssl: disable"),
    );
    let exit = program(&["validate"]).run();
    exit.assert_code(2);
    assert!(exit.stderr.contains("error[C005]"), "{exit:?}");
}

/// 12: no savepoints, so each question of the test is a transaction of its own; one that this
/// account may not ask spoils no other.
#[test]
fn each_question_of_the_connection_test_stands_by_itself() {
    let database = shared().database("connection_test");
    database.sql("CREATE SCHEMA sales; CREATE TABLE sales.orders (id INTEGER); CREATE TABLE users (id INTEGER, plan TEXT); GRANT SELECT ON users TO digest_user; GRANT USAGE ON SCHEMA sales TO digest_user; GRANT SELECT ON sales.orders TO digest_user; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let steps = |login: &Login<'_>, code: i32| {
        let warehouse = Warehouse::new(shared(), "connection_test", login, &[USERS]);
        let exit = warehouse.program(&["source", "test", "warehouse", "--output", "ndjson"]).run();
        exit.assert_code(code);
        let lines: Vec<Value> = exit.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines
    };
    let reader = steps(&Login { user: "digest_user", password: "Secret-1", ..Login::default() }, 0);
    let names: Vec<&str> = reader.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
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
            "syncs"
        ]
    );
    let text = format!("{reader:?}");
    assert!(text.contains("SHA-256") && text.contains("Redshift 1.0.") && !text.contains("S101"), "{text}");
    let administrator = format!("{:?}", steps(&Login::default(), 0));
    assert!(administrator.contains("S101"), "{administrator}");
    let wrong = format!("{:?}", steps(&Login { password: "wrong", ..Login::default() }, 5));
    assert!(wrong.contains("S006"), "{wrong}");
}

/// Functions of users are judged by the catalogue, in words that Redshift takes; those of the
/// server are not, and a query of those alone asks nothing.
#[test]
fn a_volatile_function_of_a_user_is_refused_and_others_pass() {
    let database = shared().database("functions");
    database.sql("CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (1)");
    shared().postgres().sql_in(
        "functions",
        "CREATE FUNCTION public.f_volatile(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1';
         CREATE FUNCTION public.f_stable(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'",
    );
    let run = |query: &str, settings: &str| {
        let settings = format!("ssl: disable, allow_cleartext_password: true{settings}");
        let login = Login { settings: &settings, ..Login::default() };
        let warehouse = Warehouse::new(shared(), "functions", &login, &[("users", "identify", query)]);
        warehouse.program(&["run", "users"]).run()
    };
    let refused = run("SELECT F_Volatile(id) AS userId FROM users", "");
    refused.assert_code(2);
    assert!(
        refused.stderr.contains("error[Q012]") && refused.stderr.contains("public.f_volatile"),
        "{refused:?}"
    );
    run("SELECT f_volatile(id) AS userId FROM users", ", allow_functions: [public.f_volatile]")
        .assert_code(0);
    run("SELECT f_stable(id) AS userId, random() AS r FROM users", "").assert_code(0);
}

#[test]
fn the_tables_are_those_of_the_views_of_the_leader_node() {
    let database = super::database("tables");
    database.sql(
        "CREATE TABLE orders (id INTEGER, total DOUBLE PRECISION);
         CREATE VIEW open_orders AS SELECT id FROM orders WHERE total > 0",
    );
    let warehouse = Warehouse::new(shared(), "tables", &Login::default(), &[]);
    let exit = warehouse.program(&["source", "tables", "warehouse", "--output", "json"]).run();
    exit.assert_code(0);
    let found: Value = serde_json::from_str(&exit.stdout).unwrap();
    let tables: Vec<String> = found["schemas"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|s| {
            s["tables"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| format!("{} {} {}", s["schema"], t["table"], t["type"]))
        })
        .collect();
    assert_eq!(tables, ["\"public\" \"open_orders\" \"view\"", "\"public\" \"orders\" \"table\""], "{found}");
    assert_eq!(found["schemas"][0]["tables"][1]["columns"][1]["type"], "double precision", "{found}");
}
