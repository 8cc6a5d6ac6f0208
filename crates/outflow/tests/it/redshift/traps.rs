//! What Redshift does to clients that take it for PostgreSQL: the traps of `docs/REDSHIFT.md`,
//! through the real binary.

use outflow_testkit::Postgres;
use outflow_testkit::redshift::{Condition, Failure, Redshift};

use super::{Login, Warehouse, database, shared};

/// A table of this many users in a database of this simulator.
pub fn many(redshift: &Redshift, name: &str, rows: u32) {
    redshift.database(name).sql(&format!(
        "CREATE TABLE users AS SELECT g AS id, 'pro' AS plan FROM generate_series(1, {rows}) g"
    ));
}

const USERS: (&str, &str, &str) = ("users", "identify", "SELECT id AS userId, plan FROM users");

/// 3 and 4: a node alone hands out 1,000 rows at a time, and heeds limits on named portals only; a
/// whole result is one stream.
#[test]
fn large_results_and_limits_work_on_a_single_node() {
    let redshift = Redshift::options().over(Postgres::shared()).single_node(true).start();
    many(&redshift, "single_node", 5_000);
    let warehouse = Warehouse::new(&redshift, "single_node", &Login::default(), &[USERS]);
    let preview = warehouse.program(&["preview", "users", "--limit", "2500", "--output", "ndjson"]).run();
    preview.assert_code(0);
    assert_eq!(preview.stdout.lines().count(), 2_500);
    warehouse.program(&["run", "users"]).run().assert_code(0);
    assert_eq!(warehouse.receiver.arrivals().len(), 5_000);
}

/// 6: users whose password is kept as SHA-256 are asked by code 13, which stock clients do not
/// know.
#[test]
fn a_user_with_a_sha256_password_logs_in() {
    many(shared(), "digest", 3);
    database("digest")
        .sql("CREATE TABLE users AS SELECT 1 AS id, 'pro' AS plan; GRANT SELECT ON users TO digest_user");
    let login = Login { user: "digest_user", password: "Secret-1", ..Login::default() };
    let warehouse = Warehouse::new(shared(), "digest", &login, &[USERS]);
    assert_eq!(warehouse.calls("users").len(), 1);
}

/// 9: the encoding is asked for at start-up and nothing else that Redshift refuses there; a
/// backslash escapes in literals.
#[test]
fn nothing_is_asked_for_that_redshift_refuses() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    many(&redshift, "startup", 3);
    let query = r"SELECT id AS userId, 'it\'s; not -- a comment' AS note FROM users";
    let warehouse = Warehouse::new(&redshift, "startup", &Login::default(), &[("users", "identify", query)]);
    assert_eq!(warehouse.calls("users")[0]["traits"]["note"], "it's; not -- a comment");
    let startup = &redshift.startups()[0];
    let keys: Vec<&str> = startup.parameters.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["user", "database", "client_encoding", "application_name"]);
    assert_eq!(startup.get("client_encoding"), Some("UTF8"));
    let said = redshift.statements();
    assert!(said.iter().any(|s| s == "SET extra_float_digits TO 2"), "{said:?}");
}

/// 10: what went wrong stands in words and details, not in the SQLSTATE.
#[test]
fn each_failure_has_its_code_and_its_cure() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    many(&redshift, "failures", 3);
    for (failure, code, word) in [
        (Failure::BadPassword, "S006", "password"),
        (Failure::ConnectionLimit, "S014", "connection"),
        (Failure::DiskFull, "S010", "code 1016"),
        (Failure::WlmAbort, "S011", "code 1020"),
        (Failure::QmrAbort, "S011", "Query Monitoring Rule"),
        (Failure::SerializableConflict, "S010", "code 1023"),
        (Failure::ConcurrentConflict, "S010", "conflict"),
        (Failure::RebuiltTable, "S010", "OID"),
        (Failure::PermissionXX000, "S008", "permission denied"),
        (Failure::EpochOverflow, "S010", "epoch"),
        (Failure::Cancelled, "S011", "cancelled"),
        (Failure::Terminated, "S014", "terminating"),
    ] {
        let warehouse = Warehouse::new(&redshift, "failures", &Login::default(), &[USERS]);
        redshift.set(Condition::Fail(failure));
        let exit = warehouse.program(&["run", "users"]).run();
        redshift.set(Condition::Normal);
        exit.assert_code(5);
        assert!(exit.stderr.contains(&format!("error[{code}]")), "{failure:?}: {exit:?}");
        assert!(exit.stderr.contains(word) && exit.stderr.contains("help:"), "{failure:?}: {exit:?}");
        assert_eq!(warehouse.receiver.requests().len(), 0);
        // Nothing was lost: the next run sends all of it.
        warehouse.program(&["run", "users"]).run().assert_code(0);
        assert_eq!(warehouse.receiver.arrivals().len(), 3, "{failure:?}");
    }
}

/// 11: a serverless workgroup that wakes cancels the first statement (57014) or answers late; both
/// pass by themselves.
#[test]
fn a_workgroup_that_wakes_up_is_waited_for() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    many(&redshift, "waking", 3);
    for condition in [Condition::Waking, Condition::WakingSlow(std::time::Duration::from_secs(2))] {
        let warehouse = Warehouse::new(&redshift, "waking", &Login::default(), &[USERS]);
        redshift.set(condition);
        warehouse.program(&["run", "users"]).run().assert_code(0);
        assert_eq!(warehouse.receiver.arrivals().len(), 3, "{condition:?}");
    }
}

/// A paused cluster does not answer: the connection's time limit holds, and the error has the fix.
#[test]
fn a_paused_cluster_is_given_up_in_time() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    redshift.set(Condition::Paused);
    let login = Login { settings: "ssl: disable, connect_timeout: 1s", ..Login::default() };
    let warehouse = Warehouse::new(&redshift, "dev", &login, &[USERS]);
    let exit = warehouse.program(&["run", "users"]).run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("error[S003]") && exit.stderr.contains("paused"), "{exit:?}");
}

/// 13: functions that only the leader node has fail against tables, and the message is INFO;
/// Redshift's own message comes through.
#[test]
fn a_function_of_the_leader_node_alone_is_told_as_such() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    many(&redshift, "leader", 3);
    let query = "SELECT id AS userId, now() AS seen FROM users";
    let warehouse = Warehouse::new(&redshift, "leader", &Login::default(), &[("users", "identify", query)]);
    let exit = warehouse.program(&["run", "users"]).run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("not supported on Redshift tables"), "{exit:?}");
}

/// A table with a text, a time, a date and two numbers that say when a row changed; one row is old
/// and one is new.
fn stamped(name: &str) {
    database(name).sql(
        "CREATE TABLE users (id INTEGER, said VARCHAR, at TIMESTAMP, zoned TIMESTAMPTZ, day DATE, epoch BIGINT);
         INSERT INTO users VALUES (1, '2001-01-01', '2001-01-01', '2001-01-01', '2001-01-01', 978307200);
         INSERT INTO users VALUES (2, '2026-11-24', '2026-11-24', '2026-11-24', '2026-11-24', 1795478400)",
    );
}

fn since(column: &str, form: &str) -> String {
    format!("SELECT id AS userId, epoch FROM users WHERE {column} >= {{{{{form}}}}}")
}

/// 7: a text that is compared with a number is compared as text, silently; a time is refused.
#[test]
fn comparisons_with_a_number_do_what_redshift_does() {
    stamped("comparisons");
    let (said, at) = (since("said", "last_sync_time"), since("at", "last_sync_time"));
    let syncs = [("said", "identify", said.as_str()), ("at", "identify", at.as_str())];
    let warehouse = Warehouse::new(shared(), "comparisons", &Login::default(), &syncs);
    let exit = warehouse.program(&["run", "said", "--since", "2020-01-01", "--output", "json"]).run();
    exit.assert_code(0);
    assert_eq!(warehouse.receiver.arrivals().len(), 2, "both rows, although one is from 2001");
    let exit = warehouse.program(&["run", "at", "--since", "2020-01-01"]).run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("42883") && exit.stderr.contains("| timestamp"), "{exit:?}");
}

/// 7 and 2: what the types of the columns make of each form of the variable is found by asking for
/// them, before the run.
#[test]
fn comparisons_with_a_number_are_found_before_the_run() {
    stamped("found");
    let cases = [
        ("said", "last_sync_time", Some("Q011")),
        ("at", "last_sync_time", Some("Q010")),
        ("zoned", "last_sync_time", Some("Q010")),
        ("day", "last_sync_time", Some("Q010")),
        ("epoch", "last_sync_time", None),
        ("at", "last_sync_time | timestamp", None),
        ("zoned", "last_sync_time | timestamp", None),
        ("day", "last_sync_time | date", None),
    ];
    let queries: Vec<(String, String)> = cases
        .iter()
        .enumerate()
        .map(|(n, (column, form, _))| (format!("s{n}"), since(column, form)))
        .collect();
    let syncs: Vec<_> =
        queries.iter().map(|(name, query)| (name.as_str(), "identify", query.as_str())).collect();
    let warehouse = Warehouse::new(shared(), "found", &Login::default(), &syncs);
    let exit = warehouse.program(&["validate", "--connect", "--output", "json"]).run();
    exit.assert_code(2);
    let document: serde_json::Value = serde_json::from_str(&exit.stdout).unwrap();
    for (n, (column, form, code)) in cases.iter().enumerate() {
        let of_sync =
            document["findings"].as_array().unwrap().iter().filter(|f| f["sync"] == format!("s{n}"));
        let errors: Vec<&str> =
            of_sync.filter(|f| f["severity"] == "error").map(|f| f["code"].as_str().unwrap()).collect();
        assert_eq!(errors, code.iter().copied().collect::<Vec<_>>(), "{column} >= {form}: {document}");
    }
    assert!(document["syncs"][4]["expected"]["first_run"]["rows"].is_u64(), "{document}");
}

/// 5: while a destination takes nothing, the warehouse has long been let go.
#[test]
fn a_slow_destination_holds_no_session_of_the_warehouse() {
    let redshift = Redshift::options().over(Postgres::shared()).start();
    many(&redshift, "slow_destination", 2_000);
    let warehouse = Warehouse::new(&redshift, "slow_destination", &Login::default(), &[USERS]);
    warehouse.receiver.always(outflow_testkit::Reply::status(503));
    let exit = warehouse.program(&["run", "users", "--delivery-timeout", "1s"]).run();
    exit.assert_code(6);
    let sessions =
        redshift.postgres().sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'slow_destination'");
    assert_eq!(sessions, "0");
}
