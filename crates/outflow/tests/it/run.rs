//! `outflow run`: its options, its exit codes, Ctrl-C, and who may run at a time.

use std::time::{Duration, Instant};

use outflow_testkit::crash::Running;
use outflow_testkit::{Database, Judge, Postgres, Receiver, Reply};
use serde_json::{Value, json};

use crate::support::{Project, document, pipelines, sync, yaml};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn database(name: &str) -> Database<'static> {
    Postgres::shared().database(name)
}

/// A project with the sync `users` to a webhook that gets `calls` calls in a request, one request
/// at a time.
fn to_webhook(database: &Database<'_>, receiver: &Receiver, query: &str, calls: u32) -> Project {
    let hook = format!(r#"type: webhook, url: "{}/in", max_calls: {calls}, concurrency: 1"#, receiver.url());
    Project::new(&yaml(database, &[("hook", &hook)], &[("users", &sync("identify", query))]))
}

fn numbers(up_to: u32) -> String {
    format!(r#"SELECT i AS "userId" FROM generate_series(1, {up_to}) i"#)
}

fn user_ids(calls: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = calls.iter().map(|call| call["userId"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Polls until the answer is yes; each question takes time.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "waited in vain until {what}");
    }
}

/// How many queries with this mark the server works on.
fn active_queries(database: &Database<'_>, mark: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{mark}%'"
    );
    database.sql(&sql).parse().unwrap()
}

#[test]
fn a_second_process_waits_for_its_turn_or_exits_with_7() {
    let (database, receiver) = (database("turns"), Receiver::start_blocking());
    let project = to_webhook(&database, &receiver, &numbers(3), 10);
    receiver.script([Reply::ok().after(Duration::from_secs(2))]);
    let first = project.program(&["run", "--output", "json"]).spawn();
    receiver.wait_for_calls_blocking(3, LONG);
    let second = project.program(&["run", "--full", "--output", "json"]).spawn();
    let third = project.run(&["run", "--no-wait"]);
    third.assert_code(7);
    assert!(third.stderr.contains("T002"), "{third:?}");
    let [first, second] = [first, second].map(Running::wait);
    first.assert_code(0);
    second.assert_code(0);
    assert!(second.stderr.contains("another process is at work"), "{second:?}");
    assert_eq!((&document(&first)["run"], &document(&second)["run"]), (&json!(1), &json!(2)));
    assert_eq!(project.runs().len(), 2);
}

#[test]
fn ctrl_c_while_waiting_for_another_process_exits_with_130() {
    let (database, receiver) = (database("turns_stop"), Receiver::start_blocking());
    let project = to_webhook(&database, &receiver, &numbers(3), 10);
    receiver.script([Reply::ok().after(Duration::from_secs(2))]);
    let first = project.program(&["run"]).spawn();
    receiver.wait_for_calls_blocking(3, LONG);
    let waiting = project.program(&["run"]).spawn();
    // Before it waits it has no handler, and the signal would end it at once.
    wait_until("it waits", || handles_interrupts(&waiting));
    waiting.signal("INT");
    waiting.wait().assert_code(130);
    first.wait().assert_code(0);
}

/// Whether a process has a handler for SIGINT, by the mask that Linux shows.
fn handles_interrupts(running: &Running) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 0b10 != 0
}

#[test]
fn ctrl_c_in_an_extraction_sends_nothing_and_cancels_the_query() {
    let (database, receiver) = (database("stop_early"), Receiver::start_blocking());
    let query = r#"SELECT i AS "userId", pg_sleep(0.02)::text AS nap_of_stop_early FROM generate_series(1, 100000) i"#;
    let project = to_webhook(&database, &receiver, query, 10);
    let running = project.program(&["run", "--output", "json"]).spawn();
    wait_until("the query runs", || active_queries(&database, "nap_of_stop_early") == 1);
    running.signal("INT");
    let exit = running.wait();
    exit.assert_code(130);
    assert!(exit.stderr.contains("E001"), "{exit:?}");
    wait_until("the query is cancelled", || active_queries(&database, "nap_of_stop_early") == 0);
    assert!(receiver.requests().is_empty());
    let run = &project.runs()[0];
    assert_eq!((&run["state"], &run["next_last_sync_time"]), (&json!("cancelled"), &Value::Null));
    project.assert_closed();
}

#[test]
fn ctrl_c_in_a_delivery_leaves_calls_pending_and_the_next_run_finishes_them() {
    let (database, receiver) = (database("stop_late"), Receiver::start_blocking());
    let project = to_webhook(&database, &receiver, &numbers(2_000), 100);
    receiver.always(Reply::ok().after(Duration::from_millis(200)));
    let running = project.program(&["run", "--output", "json"]).spawn();
    receiver.wait_for_calls_blocking(200, LONG);
    running.signal("INT");
    let exit = running.wait();
    exit.assert_code(130);
    let stopped = document(&exit);
    let delivery = &stopped["destinations"]["hook"];
    assert_eq!((&stopped["state"], &delivery["state"]), (&json!("delivering"), &json!("delivering")));
    let (delivered, pending) =
        (delivery["delivered"].as_u64().unwrap(), delivery["pending"].as_u64().unwrap());
    assert!(delivered >= 200 && pending > 0 && delivered + pending == 2_000, "{stopped}");
    project.assert_closed();

    receiver.always(Reply::ok());
    // Options apply to the next new run: an unfinished one continues as it began.
    let finished = project.json(&["run", "--limit", "1"], 0);
    assert_eq!((&finished["run"], &finished["resumed"]), (&stopped["run"], &json!(true)));
    assert_eq!(finished["destinations"]["hook"]["delivered"], 2_000);
    let all = (1..=2_000).map(|i| i.to_string());
    Judge::expecting(all).judge(&receiver.arrivals()).assert_exactly_once();
    project.assert_closed();
}

#[test]
fn full_since_limit_and_only_do_what_they_say_and_leave_last_sync_time_alone() {
    let (database, receiver) = (database("options"), Receiver::start_blocking());
    database.sql(
        "CREATE TABLE users (id int, updated_at timestamptz);
         INSERT INTO users SELECT i, '2026-01-01T00:00:00Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 10) i;",
    );
    let query =
        r#"SELECT id AS "userId" FROM users WHERE updated_at >= {{last_sync_time | timestamp}} ORDER BY id"#;
    let project = Project::new(&yaml(
        &database,
        &[("journeys", &pipelines(&receiver)), ("archive", "type: file, path: ./archive")],
        &[("users", &sync("identify", query))],
    ));
    let first = project.json(&["run"], 0);
    let next = first["next_last_sync_time"].clone();
    assert_eq!((&first["last_sync_time"], &first["rows"]["calls"]), (&json!(0), &json!(10)));
    assert!(next.as_i64().unwrap() > 1_767_225_600, "{first}");

    for (args, from, sent) in [
        (&["--full"][..], json!(0), (1..=10).collect::<Vec<_>>()),
        (&["--full", "--limit", "3"], json!(0), vec![1, 2, 3]),
        (&["--since", "2026-01-09"], json!(1_767_916_800), vec![8, 9, 10]),
        (&["--since", "1767916800", "--limit", "2"], json!(1_767_916_800), vec![8, 9]),
    ] {
        receiver.clear();
        let run = project.json(&[&["run", "users"], args].concat(), 0);
        assert_eq!((&run["last_sync_time"], &run["next_last_sync_time"]), (&from, &next), "{args:?}");
        let mut sent: Vec<String> = sent.iter().map(ToString::to_string).collect();
        sent.sort();
        assert_eq!(user_ids(&receiver.calls()), sent, "{args:?}");
    }
    receiver.clear();
    let only = project.json(&["run", "--full", "--destination", "archive"], 0);
    assert_eq!(only["destinations"].as_object().unwrap().keys().collect::<Vec<_>>(), ["archive"]);
    assert_eq!(only["destinations"]["archive"]["delivered"], 10);
    assert!(receiver.requests().is_empty());

    let ordinary = project.json(&["run"], 0);
    assert_eq!((&ordinary["last_sync_time"], &ordinary["rows"]["read"]), (&next, &json!(0)));
    let unknown = project.run(&["run", "--destination", "journey"]);
    unknown.assert_code(2);
    assert!(unknown.stderr.contains("C011") && unknown.stderr.contains("journeys"), "{unknown:?}");
    project.assert_closed();
}

#[test]
fn due_runs_each_scheduled_sync_once_in_its_slot() {
    let (database, receiver) = (database("due"), Receiver::start_blocking());
    let scheduled =
        format!("{}schedule: {{ every: 366d, start: 2026-01-01 }}\n", sync("identify", &numbers(2)));
    let later = format!("{}schedule: {{ every: 1d, start: 9000-01-01 }}\n", sync("identify", &numbers(3)));
    let project = Project::new(&yaml(
        &database,
        &[("journeys", &pipelines(&receiver))],
        &[("scheduled", &scheduled), ("later", &later), ("by_hand", &sync("identify", &numbers(4)))],
    ));
    let run = project.json(&["run", "--due"], 0);
    assert_eq!(run["sync"], "scheduled");
    let again = project.run(&["run", "--due", "--output", "json"]);
    again.assert_code(0);
    assert_eq!(document(&again), json!([]));
    assert!(again.stderr.contains("no sync is due"), "{again:?}");
    let runs = project.runs();
    assert_eq!((runs.len(), &runs[0]["trigger"]), (1, &json!("schedule")));
    assert_eq!(runs[0]["due_at"], "2026-01-01T00:00:00Z");
    assert_eq!(receiver.calls().len(), 2);
}

#[test]
fn a_disabled_sync_runs_by_its_name_alone() {
    let (database, receiver) = (database("disabled"), Receiver::start_blocking());
    let off = format!("{}enabled: false\n", sync("identify", &numbers(1)));
    let project = Project::new(&yaml(
        &database,
        &[("journeys", &pipelines(&receiver))],
        &[("on", &sync("identify", &numbers(1))), ("off", &off)],
    ));
    assert_eq!(project.json(&["run"], 0)["sync"], "on");
    assert_eq!(project.json(&["run", "off"], 0)["sync"], "off");
    let both = project.json(&["run", "off", "on", "off"], 0);
    let names: Vec<&str> = both.as_array().unwrap().iter().map(|run| run["sync"].as_str().unwrap()).collect();
    assert_eq!(names, ["off", "on"]);
}

#[test]
fn rows_that_change_between_runs_go_out_alone() {
    let (database, receiver) = (database("changes"), Receiver::start_blocking());
    database.sql(
        "CREATE TABLE users (id int PRIMARY KEY, plan text, updated_at timestamptz DEFAULT clock_timestamp());
         INSERT INTO users SELECT i, 'free' FROM generate_series(1, 1000) i;",
    );
    let query = r#"SELECT id AS "userId", plan FROM users WHERE updated_at > {{last_sync_time | timestamp}}"#;
    let project = Project::users(&database, &receiver, query);
    assert_eq!(project.json(&["run"], 0)["rows"]["calls"], 1_000);
    receiver.clear();

    database.sql("UPDATE users SET plan = 'pro', updated_at = clock_timestamp() WHERE id IN (7, 8, 9)");
    // Touched, but no different: not worth a call.
    database.sql("UPDATE users SET updated_at = clock_timestamp() WHERE id = 10");
    let second = project.json(&["run"], 0);
    assert_eq!(second["rows"]["calls"], 3, "{second}");
    assert_eq!(user_ids(&receiver.calls()), ["7", "8", "9"]);
    assert!(receiver.calls().iter().all(|call| call["traits"] == json!({"plan": "pro"})));
    receiver.clear();

    let third = project.json(&["run"], 0);
    assert_eq!((&third["rows"]["calls"], receiver.requests().len()), (&json!(0), 0));
    project.assert_closed();
}

#[test]
fn rows_that_come_in_while_runs_go_on_all_arrive_once() {
    let (database, receiver) = (database("stream"), Receiver::start_blocking());
    database.sql("CREATE TABLE users (id serial, updated_at timestamptz DEFAULT clock_timestamp())");
    let query = r#"SELECT id AS "userId" FROM users WHERE updated_at > {{last_sync_time | timestamp}}"#;
    let project = Project::users(&database, &receiver, query);
    let insert = || database.sql("INSERT INTO users SELECT FROM generate_series(1, 50)");
    for _ in 0..6 {
        insert();
        let running = project.program(&["run"]).spawn();
        (0..4).for_each(|_| drop(insert()));
        running.wait().assert_code(0);
    }
    project.run(&["run"]).assert_code(0);
    let verdict = Judge::expecting((1..=1_500).map(|i| i.to_string())).judge(&receiver.arrivals());
    verdict.assert_exactly_once();
    project.assert_closed();
}

#[test]
fn all_six_types_deliver_the_documented_fields() {
    let (database, receiver) = (database("six"), Receiver::start_blocking());
    let queries = [
        (
            "identify",
            r#"SELECT 7 AS "userId", 'a-7' AS "anonymousId", 'ann@example.com' AS email, 'Ann' AS "firstName",
                '2026-01-31 10:00:00+02'::timestamptz AS "createdAt", 12.5::numeric AS balance, true AS vip, NULL::text AS phone,
                '{"city": "Oslo"}'::jsonb AS address, '203.0.113.7' AS "context.ip", 'm-7' AS "messageId""#,
        ),
        (
            "track",
            r#"SELECT 7 AS userid, 'Order Completed' AS event, 9.5 AS value, '[{"sku": "S-1"}]'::json AS products,
                '2026-02-01 08:30:00'::timestamp AS timestamp"#,
        ),
        ("group", r#"SELECT 'g-1' AS "groupId", 7 AS "userId", 2 AS "objectTypeId", 'Acme' AS company"#),
        (
            "page",
            r#"SELECT 7 AS "userId", 'Pricing' AS name, 'Sales' AS category, 'https://example.com' AS url"#,
        ),
        (
            "screen",
            r#"SELECT 'a-7' AS "anonymousId", 'Feed' AS name, 'ios' AS "context.device.type", 3 AS depth"#,
        ),
        ("alias", r#"SELECT 7 AS "userId", 'a-7' AS "previousId""#),
    ];
    let syncs = queries.map(|(kind, query)| (kind, sync(kind, query)));
    let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, sync)| (*name, sync.as_str())).collect();
    let project = Project::new(&yaml(&database, &[("journeys", &pipelines(&receiver))], &syncs));
    let runs = project.json(&["run"], 0);
    assert!(
        runs.as_array().unwrap().iter().all(|run| run["destinations"]["journeys"]["delivered"] == 1),
        "{runs}"
    );

    let requests = receiver.requests();
    let basic = requests[0].header("authorization").unwrap();
    assert_eq!((requests[0].path.as_str(), basic), ("/v1/batch", "Basic dGhlLXdyaXRlLWtleTo="));
    let calls = receiver.calls();
    assert_eq!(calls.len(), 6);
    let call = |kind: &str| {
        let mut call = calls.iter().find(|call| call["type"] == kind).unwrap().clone();
        let fields = call.as_object_mut().unwrap();
        let given =
            |fields: &serde_json::Map<String, Value>, name: &str| fields[name].as_str().unwrap().len();
        assert!(given(fields, "messageId") >= 3 && given(fields, "timestamp") >= 20, "{fields:?}");
        for (kind_with, name) in [("identify", "messageId"), ("track", "timestamp")] {
            if kind != kind_with {
                fields.remove(name);
            }
        }
        fields.remove(if kind == "track" { "messageId" } else { "timestamp" });
        call
    };
    let identify = json!({
        "type": "identify", "messageId": "m-7", "userId": "7", "anonymousId": "a-7",
        "traits": {
            "email": "ann@example.com", "firstName": "Ann", "createdAt": "2026-01-31T08:00:00Z", "balance": 12.5, "vip": true,
            "phone": null, "address": {"city": "Oslo"}
        },
        "context": {"ip": "203.0.113.7"}
    });
    assert_eq!(call("identify"), identify);
    let track = json!({
        "type": "track", "userId": "7", "event": "Order Completed", "timestamp": "2026-02-01T08:30:00Z",
        "properties": {"value": 9.5, "products": [{"sku": "S-1"}]}
    });
    assert_eq!(call("track"), track);
    let group = json!({
        "type": "group", "groupId": "g-1", "userId": "7", "objectTypeId": "2", "traits": {"company": "Acme"}
    });
    assert_eq!(call("group"), group);
    let page = json!({
        "type": "page", "userId": "7", "name": "Pricing", "category": "Sales",
        "properties": {"category": "Sales", "url": "https://example.com"}
    });
    assert_eq!(call("page"), page);
    let screen = json!({
        "type": "screen", "anonymousId": "a-7", "name": "Feed", "properties": {"depth": 3},
        "context": {"device": {"type": "ios"}}
    });
    assert_eq!(call("screen"), screen);
    assert_eq!(call("alias"), json!({"type": "alias", "userId": "7", "previousId": "a-7"}));
}
