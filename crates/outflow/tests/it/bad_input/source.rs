//! The source refuses, breaks off, or gets a wrong query.

use std::time::Duration;

use outflow_testkit::{ChaosProxy, Fault, Judge, Postgres, Receiver, free_port};

use super::{Shop, assert_failed, database, journeys, names, query_of};
use crate::support::{Project, users_yaml};

/// What goes wrong, and what must be said about it.
struct Mishap {
    /// The project file while it goes wrong.
    yaml: String,
    /// The password while it goes wrong.
    password: &'static str,
    code: &'static str,
    exit: i32,
    /// Whether a run begins at all.
    begins: bool,
}

impl Mishap {
    fn new(yaml: String, code: &'static str) -> Self {
        Self { yaml, password: Postgres::PASSWORD, code, exit: 5, begins: true }
    }
}

/// A good run, a run with the mishap, and a good run, which must send what the bad one did not,
/// from where the first one ended. Gives what the bad one wrote on stderr.
#[track_caller]
fn meets(shop: &Shop, mishap: &Mishap) -> String {
    shop.add(1, 2);
    let first = shop.project.json(&["run", "users"], 0);
    shop.add(3, 5);
    let before = shop.footprint();

    shop.configure(&mishap.yaml);
    let exit = shop.project.program(&["run", "users"]).env("PG_PASSWORD", mishap.password).run();
    assert_failed(&exit, mishap.code, mishap.exit);
    assert_eq!(shop.footprint(), before, "something was sent or left behind: {exit:?}");
    let latest = &shop.project.json(&["runs", "--limit", "1"], 0)[0];
    if mishap.begins {
        assert_eq!(latest["state"], "failed");
        assert_eq!(latest["reason"]["code"], mishap.code);
        assert!(latest["next_last_sync_time"].is_null(), "{latest}");
    } else {
        assert_eq!(latest["run"], first["run"]);
    }

    shop.configure(&shop.yaml());
    let last = shop.project.json(&["run", "users"], 0);
    assert_eq!(last["last_sync_time"], first["next_last_sync_time"], "{last}");
    assert_eq!(journeys(&last)["delivered"], 3, "{last}");
    shop.assert_delivered(5);
    exit.stderr
}

/// The project file with one of its texts replaced.
fn replaced(shop: &Shop, from: &str, to: &str) -> String {
    let yaml = shop.yaml();
    assert!(yaml.contains(from), "{from} is not in {yaml}");
    yaml.replacen(from, to, 1)
}

#[test]
fn a_wrong_password_is_s006_and_is_not_repeated() {
    let shop = Shop::new("wrong_password");
    let mishap = Mishap { password: "not-the-password", ..Mishap::new(shop.yaml(), "S006") };
    let stderr = meets(&shop, &mishap);
    assert!(!stderr.contains("not-the-password"), "{stderr}");
}

#[test]
fn an_unknown_database_is_s007() {
    let shop = Shop::new("unknown_database");
    let yaml = replaced(&shop, "database: \"bad_input\"", "database: \"nowhere\"");
    meets(&shop, &Mishap::new(yaml, "S007"));
}

#[test]
fn a_table_that_the_user_may_not_read_is_s008() {
    let shop = Shop::new("forbidden");
    let yaml = replaced(&shop, "user: \"postgres\"", "user: \"stranger\"");
    meets(&shop, &Mishap { password: Postgres::USER_PASSWORD, ..Mishap::new(yaml, "S008") });
}

#[test]
fn an_unknown_column_is_s009_with_its_place() {
    let shop = Shop::new("unknown_column");
    let query = query_of(shop.table).replace("bio", "biography");
    let stderr = meets(&shop, &Mishap::new(shop.yaml_with(&query, ""), "S009"));
    assert!(stderr.contains("line 1, column 24"), "{stderr}");
}

#[test]
fn an_unknown_table_is_s009_with_its_place() {
    let shop = Shop::new("unknown_table");
    let stderr = meets(&shop, &Mishap::new(shop.yaml_with(&query_of("no_such_table"), ""), "S009"));
    assert!(stderr.contains("no_such_table") && stderr.contains("line 2, column 6"), "{stderr}");
}

#[test]
fn a_syntax_error_is_s018_with_its_place() {
    let shop = Shop::new("syntax_error");
    let query = query_of(shop.table).replace("WHERE", "WHERE AND");
    let stderr = meets(&shop, &Mishap::new(shop.yaml_with(&query, ""), "S018"));
    assert!(stderr.contains("line 3, column 7"), "{stderr}");
}

#[test]
fn a_refused_port_is_s002() {
    let shop = Shop::new("refused_port");
    let port = database().server().port();
    let yaml = replaced(&shop, &format!("port: {port}"), &format!("port: {}", free_port()));
    meets(&shop, &Mishap::new(yaml, "S002"));
}

#[test]
fn a_host_name_that_does_not_resolve_is_s001() {
    let shop = Shop::new("unknown_host");
    let yaml = replaced(&shop, "host: \"127.0.0.1\"", "host: \"warehouse.invalid\"");
    meets(&shop, &Mishap::new(yaml, "S001"));
}

#[test]
fn a_server_that_does_not_answer_is_s003() {
    let shop = Shop::new("silent_server");
    let Proxied { proxy, yaml } = Proxied::new(&shop);
    proxy.set(Fault::Silence);
    let yaml = yaml.replace("ssl: disable", "ssl: disable, connect_timeout: 1s");
    meets(&shop, &Mishap::new(yaml, "S003"));
}

#[test]
fn a_server_without_tls_is_s005_where_tls_is_demanded() {
    let shop = Shop::new("tls_demanded");
    let yaml = replaced(&shop, "ssl: disable", "ssl: require");
    meets(&shop, &Mishap::new(yaml, "S005"));
}

#[test]
fn a_password_is_not_sent_in_clear_text_unless_the_project_says_so() {
    let shop = Shop::new("clear_text");
    let yaml =
        replaced(&shop, "user: \"postgres\"", "user: \"plain\"").replace("ssl: disable", "ssl: prefer");
    meets(&shop, &Mishap { password: Postgres::USER_PASSWORD, ..Mishap::new(yaml, "S015") });
}

#[test]
fn a_statement_that_takes_too_long_is_s011_and_ends_soon() {
    let shop = Shop::new("time_out");
    let query = query_of(shop.table).replace("WHERE", "WHERE pg_sleep(60) IS NOT NULL AND");
    let yaml = shop.yaml_with(&query, "").replace("type: identify", "type: identify\n    query_timeout: 1s");
    let started = std::time::Instant::now();
    meets(&shop, &Mishap::new(yaml, "S011"));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn two_statements_are_q002_before_anything_is_connected_to() {
    let shop = Shop::new("two_statements");
    let query = format!("{}; SELECT 1", query_of(shop.table));
    let mishap = Mishap { exit: 2, begins: false, ..Mishap::new(shop.yaml_with(&query, ""), "Q002") };
    meets(&shop, &mishap);
}

#[test]
fn a_query_that_writes_is_q001_and_writes_nothing() {
    let shop = Shop::new("a_write");
    let query =
        "DELETE FROM a_write WHERE updated >= {{last_sync_time | timestamp}} RETURNING id AS \"userId\"";
    let mishap = Mishap { exit: 2, begins: false, ..Mishap::new(shop.yaml_with(query, ""), "Q001") };
    meets(&shop, &mishap);
}

#[test]
fn a_function_that_writes_is_q012() {
    let shop = Shop::new("hidden_write");
    database().sql("CREATE OR REPLACE FUNCTION wipe() RETURNS bool LANGUAGE sql AS 'DELETE FROM hidden_write; SELECT true'");
    let query = query_of(shop.table).replace("WHERE", "WHERE wipe() AND");
    meets(&shop, &Mishap { exit: 2, ..Mishap::new(shop.yaml_with(&query, ""), "Q012") });
}

#[test]
fn a_function_that_writes_and_is_allowed_is_stopped_by_the_server_with_q001() {
    let shop = Shop::new("allowed_write");
    database().sql("CREATE OR REPLACE FUNCTION clear() RETURNS bool LANGUAGE sql AS 'DELETE FROM allowed_write; SELECT true'");
    let query = query_of(shop.table).replace("WHERE", "WHERE clear() AND");
    let yaml =
        shop.yaml_with(&query, "").replace("ssl: disable", "ssl: disable, allow_functions: [public.clear]");
    meets(&shop, &Mishap { exit: 2, ..Mishap::new(yaml, "Q001") });
}

#[test]
fn a_missing_required_column_is_q005() {
    let shop = Shop::new("missing_column");
    let query = query_of(shop.table).replace(" AS \"userId\"", " AS name");
    meets(&shop, &Mishap { exit: 2, ..Mishap::new(shop.yaml_with(&query, ""), "Q005") });
}

#[test]
fn two_columns_for_one_field_are_q004_and_are_named() {
    let shop = Shop::new("duplicate_columns");
    let query = query_of(shop.table).replace(", bio", ", bio, updated AS \"bio\"");
    let stderr = meets(&shop, &Mishap { exit: 2, ..Mishap::new(shop.yaml_with(&query, ""), "Q004") });
    assert!(stderr.contains("bio"), "{stderr}");
}

#[test]
fn a_cursor_that_is_no_column_is_q008() {
    let shop = Shop::new("no_cursor");
    let yaml = replaced(&shop, "type: identify", "type: identify\n    cursor: changed");
    meets(&shop, &Mishap { exit: 2, ..Mishap::new(yaml, "Q008") });
}

#[test]
fn a_result_that_does_not_fit_above_the_disk_reserve_is_p001() {
    let shop = Shop::new("full_disk");
    let yaml = format!("{}spool: {{ disk_reserve: 100000GiB }}\n", shop.yaml());
    meets(&shop, &Mishap { exit: 1, ..Mishap::new(yaml, "P001") });
}

#[test]
fn a_result_larger_than_max_run_bytes_is_p002() {
    let shop = Shop::new("large_run");
    let yaml = replaced(&shop, "type: identify", "type: identify\n    max_run_bytes: 100B");
    meets(&shop, &Mishap { exit: 1, ..Mishap::new(yaml, "P002") });
}

/// A proxy in front of the server, and the project file that reads through it.
struct Proxied {
    proxy: ChaosProxy,
    yaml: String,
}

impl Proxied {
    fn new(shop: &Shop) -> Self {
        let port = database().server().port();
        let proxy = ChaosProxy::start(port);
        let yaml = replaced(shop, &format!("port: {port}"), &format!("port: {}", proxy.port()));
        Self { proxy, yaml }
    }
}

#[test]
fn a_server_that_drops_the_connection_in_the_middle_of_the_result_is_s012() {
    let shop = Shop::new("cut");
    let Proxied { proxy, yaml } = Proxied::new(&shop);
    shop.add(1, 5_000);
    for fault in [Fault::CutAfter(500_000), Fault::ResetAfter(500_000)] {
        proxy.set(fault);
        shop.configure(&yaml);
        let exit = shop.project.run(&["run", "users"]);
        assert_failed(&exit, "S012", 5);
        assert_eq!(shop.footprint(), (0, Vec::new()), "{fault:?}: {exit:?}");
    }
    proxy.set(Fault::None);
    let last = shop.project.json(&["run", "users"], 0);
    assert_eq!(last["last_sync_time"], 0);
    shop.assert_delivered(5_000);
}

#[test]
fn no_cut_however_late_is_taken_for_the_end_of_the_result() {
    let shop = Shop::new("late_cut");
    let Proxied { proxy, yaml } = Proxied::new(&shop);
    shop.configure(&yaml);
    shop.add(1, 500);
    shop.project.json(&["run", "users", "--full"], 0);
    let whole = proxy.downstream_bytes();
    for before_the_end in [1, 5, 6, 12, 20, 25, 40, 100, 220, 1_000] {
        shop.receiver.clear();
        proxy.set(Fault::CutAfter(whole - before_the_end));
        let exit = shop.project.run(&["run", "users", "--full"]);
        match exit.code {
            // The result had come to its end before the cut.
            Some(0) => shop.assert_delivered(500),
            _ => {
                assert_failed(&exit, "S012", 5);
                assert_eq!(shop.receiver.requests().len(), 0, "{before_the_end}: {exit:?}");
            }
        }
        assert!(exit.code == Some(5) || before_the_end < 100, "{before_the_end}: {exit:?}");
    }
}

#[test]
fn a_server_that_is_restarted_in_the_middle_of_the_result_ends_the_run_and_the_next_one_sends_everything() {
    let (server, receiver) = (Postgres::start(), Receiver::start_blocking());
    let database = server.database("restarted");
    let proxy = ChaosProxy::start(server.port());
    let query = "SELECT 'u' || i AS \"userId\", repeat('x', 1000) AS bio FROM generate_series(1, 20000) i";
    let yaml = users_yaml(&database, &receiver, query, "concurrency: 4")
        .replace(&format!("port: {}", server.port()), &format!("port: {}", proxy.port()));
    let project = Project::new(&yaml);
    let run = || project.program(&["run", "users"]).env("PG_PASSWORD", server.password());
    // The result stands still behind its beginning, so that the restart comes in the middle of it.
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    let running = run().spawn();
    while proxy.downstream_bytes() < 100_000 && !running.has_ended() {
        running.next_line(Duration::from_millis(5));
    }
    server.restart();
    let exit = running.wait();
    assert!(["S012", "S002"].iter().any(|code| exit.stderr.contains(code)), "{exit:?}");
    exit.assert_code(5);
    assert_eq!(receiver.requests().len(), 0, "{exit:?}");
    proxy.set(Fault::None);
    run().run().assert_code(0);
    Judge::expecting(names(20_000)).judge(&receiver.arrivals()).assert_exactly_once();
}

/// Calls follow the columns by their names. What a query cannot do without is missed before
/// anything is sent.
#[test]
fn columns_that_come_go_move_and_change_their_type_between_runs_are_followed_by_name() {
    let shop = Shop::new("schema");
    let every = "SELECT * FROM (SELECT *, id AS \"userId\" FROM schema WHERE updated >= {{last_sync_time | timestamp}}) s";
    shop.configure(&shop.yaml_with(every, "concurrency: 4"));
    let traits_of = |user: &str| {
        let arrivals = shop.receiver.arrivals();
        arrivals.iter().find(|a| a.call["userId"] == user).unwrap().call["traits"].clone()
    };
    shop.add(1, 1);
    shop.project.run(&["run"]).assert_code(0);
    assert_eq!(traits_of("u1")["bio"].as_str().map(str::len), Some(200));

    // One comes, with a number in place of the text; `bio` goes to the end of the table and becomes
    // a number, too.
    database().sql(
        "ALTER TABLE schema ADD COLUMN plan int DEFAULT 7; ALTER TABLE schema DROP COLUMN bio; ALTER TABLE schema ADD COLUMN bio int DEFAULT 5;
         INSERT INTO schema (id) VALUES ('u2')",
    );
    shop.project.run(&["run"]).assert_code(0);
    let traits = traits_of("u2");
    assert_eq!((&traits["plan"], &traits["bio"]), (&7.into(), &5.into()), "{traits}");

    database().sql("INSERT INTO schema (id) VALUES ('u3'); ALTER TABLE schema RENAME COLUMN id TO person");
    let sent = shop.receiver.requests().len();
    assert_failed(&shop.project.run(&["run"]), "S009", 5);
    assert_eq!(shop.receiver.requests().len(), sent);
    database().sql("ALTER TABLE schema RENAME COLUMN person TO id");
    shop.project.run(&["run"]).assert_code(0);
    assert_eq!(traits_of("u3")["plan"], 7);
    shop.project.assert_closed();
}
