//! Projects on disk, and what is said about them.

mod addresses;
mod alerts;
mod bounds;
mod export;
mod files;
mod ids;
mod kept;
mod login;
mod missing;
mod names;
mod network;
mod oidc;
mod parts;
mod scalars;
mod schedules;
mod schema;
mod stored;
mod targets;
mod texts;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Origin, Part, Project};
use outflow_core::sync::Schedule;
use outflow_core::{Budget, CallType, Code, Connection, Dialect, Error, FirstRun, Guards, Nulls};
use outflow_engine::operations::retention::RetentionPolicy;
use outflow_warehouse::{DatabaseSettings, Login, ServerKind, ServerSettings, TlsMode};
use tempfile::TempDir;

/// The example of the design, but for the keys that are for later.
const EXAMPLE: &str = r#"version: 1
sources:
  warehouse:
    type: redshift            # redshift | postgres | sqlite (databases: { main: { path: ./shop.db } })
    databases:
      main: { host: ${env:REDSHIFT_HOST}, port: 5439, database: analytics, user: outflow_reader,
              password: ${env:REDSHIFT_PASSWORD}, ssl: verify-full }      # ssl: disable | … | { mode, ca, server_name }
    destinations: [journeys, { name: audit, nulls: omit }]                # connections: all syncs of the source
destinations:
  journeys: { type: customerio-pipelines, region: us, write_key: ${env:CIO_KEY}, concurrency: 8 }   # base_url: overrides the address
  audit:    { type: file, path: ./out }
syncs:
  users:
    description: People and their plan
    source: warehouse.main
    type: identify            # identify | track | group | page | screen | alias
    query: { file: queries/users.sql }        # or: query: | SELECT …
    schedule: { every: 15m, start: now }      # or manual
    destinations: [journeys]                  # optional: instead of the source's list
    lookback: 1s
    first_run: beginning                      # beginning | now | a time
    enabled: true
"#;

/// A small project that is right, to be made wrong in one place.
const SMALL: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [out] }
destinations:
  out: { type: file, path: out }
syncs:
  users: { source: shop, type: identify, query: SELECT id AS userId FROM users }
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn origin(dir: &Path) -> Origin {
    Origin { dir: dir.to_owned(), target: None, ..Origin::default() }
}

fn load(dir: &Path) -> Result<Project, Vec<Error>> {
    let variables = HashMap::from([
        ("REDSHIFT_HOST", "cluster.example.com"),
        ("REDSHIFT_PASSWORD", "hunter2"),
        ("CIO_KEY", "key-of-cio"),
        ("PORT", "5440"),
        ("EMPTY", ""),
    ]);
    Project::load_with(&origin(dir), &|name| variables.get(name).map(|v| (*v).to_owned()))
}

fn load_text(text: &str) -> Result<Project, Vec<Error>> {
    load(folder(&[("outflow.yaml", text)]).path())
}

/// Code and place of every problem, as `C003 outflow.yaml:3:5`.
fn problems(text: &str) -> Vec<String> {
    told(&load_text(text).err().unwrap_or_default())
}

fn told(errors: &[Error]) -> Vec<String> {
    let line = |e: &Error| {
        assert!(e.help_text().is_some(), "{e} has no help");
        format!("{} {}", e.code(), e.place().unwrap_or_default())
    };
    errors.iter().map(line).collect()
}

#[test]
fn the_example_of_the_design_loads() {
    let query = "SELECT id AS userId FROM users WHERE updated > {{last_sync_time}}\n";
    let dir = folder(&[("outflow.yaml", EXAMPLE), ("queries/users.sql", query)]);
    let project = load(dir.path()).unwrap();

    let database = project.database("warehouse", "main").unwrap();
    let DatabaseSettings::Server(server) = &database.settings else { panic!("{database:?}") };
    let Login::Password { user, password } = &server.login else { panic!("{:?}", server.login) };
    assert!(server.tunnel.is_none());
    let address = (server.kind, server.host.as_str(), server.port, server.database.as_str());
    assert_eq!(address, (ServerKind::Redshift, "cluster.example.com", 5439, "analytics"));
    assert_eq!((user.as_str(), password.expose()), ("outflow_reader", "hunter2"));
    assert_eq!(
        (server.tls.mode, &server.tls.ca, &server.tls.server_name, server.connect_timeout),
        (TlsMode::VerifyFull, &None, &None, ServerSettings::CONNECT_TIMEOUT)
    );

    let [journeys, audit] = project.destinations.as_slice() else { panic!("{:?}", project.destinations) };
    assert_eq!((journeys.name.as_str(), journeys.kind.as_str()), ("journeys", "customerio-pipelines"));
    assert_eq!(journeys.settings["write_key"], "key-of-cio");
    assert_eq!(journeys.settings["concurrency"], 8);
    assert!(!journeys.settings.contains_key("type"));
    assert_eq!(journeys.place, "outflow.yaml:10:3");
    assert_eq!(audit.settings["path"], dir.path().join("out").display().to_string());

    let users = project.sync("users").unwrap();
    assert_eq!((users.source.as_str(), users.database.as_str()), ("warehouse", "main"));
    assert_eq!((users.call_type, users.query.as_str()), (CallType::Identify, query));
    assert_eq!(users.description, "People and their plan");
    assert_eq!(users.schedule, Schedule::Every { every: Duration::from_secs(900), start: None });
    assert_eq!(users.connections, [Connection { destination: "journeys".into(), nulls: Nulls::Send }]);
    assert_eq!(
        (users.lookback, users.first_run, users.enabled),
        (Duration::from_secs(1), FirstRun::Beginning, true)
    );

    let debug = format!("{project:?}");
    assert!(!debug.contains("hunter2") && !debug.contains("key-of-cio"), "{debug}");
}

#[test]
fn guards_and_budgets_are_read_and_checked() {
    let guarded = |guards: &str| {
        let all = SMALL.replace("path: out }", "path: out, budget: { per_day: 7, per_month: ${env:PORT} } }");
        all.replace("FROM users }", &format!("FROM users, guards: {guards} }}"))
    };
    let all = "{ max_rows: 2000000, max_rejected_percent: 5, max_row_change: 10, columns: hold, \
               max_null_identifier_percent: 0, max_calls_per_day: 100, max_calls_per_month: 1000 }";
    let project = load_text(&guarded(all)).unwrap();
    assert_eq!(
        project.syncs[0].guards,
        Guards {
            max_rows: Some(2_000_000),
            max_rejected_percent: Some(5),
            max_row_change: Some(10),
            hold_columns: true,
            max_null_identifier_percent: Some(0),
            budget: Budget { per_day: Some(100), per_month: Some(1_000) },
        }
    );
    assert_eq!(project.destinations[0].budget, Budget { per_day: Some(7), per_month: Some(5_440) });
    assert!(!project.destinations[0].settings.contains_key("budget"));
    assert_eq!(load_text(&guarded("{ columns: ignore }")).unwrap().syncs[0].guards, Guards::default());
    for (guards, code) in [
        ("{ max_rows: -1 }", "C005"),
        ("{ max_rejected_percent: 101 }", "C005"),
        ("{ max_row_change: 1 }", "C005"),
        ("{ columns: warn }", "C005"),
        ("{ max_row: 1 }", "C003"),
        ("true", "C005"),
    ] {
        let told = problems(&guarded(guards));
        assert!(told.len() == 1 && told[0].starts_with(code), "{guards}: {told:?}");
    }
    let told = problems(&SMALL.replace("path: out }", "path: out, budget: { daily: 7 } }"));
    assert!(told.len() == 1 && told[0].starts_with("C003"), "{told:?}");
}

#[test]
fn what_may_wait_for_destinations_is_said_for_all_of_them() {
    let backlog = |said: &str| load_text(&format!("{SMALL}\n{said}")).unwrap().limits.backlog;
    assert_eq!((backlog("").age, backlog("").bytes), (None, 10 << 30));
    let said = backlog("limits: { backlog: 1MiB, backlog_age: 2h }");
    assert_eq!((said.age, said.bytes), (Some(std::time::Duration::from_secs(7_200)), 1 << 20));
    // A destination does not choose whether its syncs wait for it.
    let told = problems(&SMALL.replace("path: out }", "path: out, on_backlog_full: skip }"));
    assert!(told.len() == 1 && told[0].starts_with("C0"), "{told:?}");
}

#[test]
fn everything_that_may_be_said_is_understood() {
    let text = r#"
version: 1
spool: { disk_reserve: 2GiB, max_run_bytes: 50GiB, keep: 3d }
state: { keep: 30d }
audit: { keep: 400d }
sources:
  pg:
    type: postgres
    databases:
      main: { host: ${env:REDSHIFT_HOST}, port: ${env:PORT}, database: a, user: b, connect_timeout: 30s }
      replica:
        host: h
        database: "a"
        user: b
        password: ${file:secrets/password}
        ssl: { mode: verify-ca, ca: roots.pem, server_name: db.internal }
    destinations: [hook]
  lite: { type: sqlite, databases: { only: { path: data/x.db } } }
destinations:
  hook:
    type: webhook
    url: https://${env:REDSHIFT_HOST}/in
    headers: { Authorization: "Bearer ${env:CIO_KEY}", X-Version: "2" }
    gzip: true
  out: { type: file, path: /var/out }
syncs:
  Events-2_b:
    source: pg.replica
    type: track
    query: |
      -- ${env:CIO_KEY} is left alone here
      SELECT id AS "userId", name AS event FROM t
    schedule: { every: 1h, start: 2026-01-31T10:00:00Z }
    nulls: omit
    lookback: 1h30m
    cursor: loaded_at
    first_run: 2026-01-01
    query_timeout: 10m
    max_run_bytes: 500MB
    enabled: false
  pages:
    source: lite
    type: page
    query: SELECT 1 AS name
    schedule: manual
    first_run: now
    destinations: [{ name: hook, nulls: omit }, out]
    description:
"#;
    let dir = folder(&[("outflow.yaml", text), ("secrets/password", "s3cret\n")]);
    let project = load(dir.path()).unwrap();
    assert_eq!(project.disk_reserve_bytes, Some(2 << 30));
    let days = |n: u64| Duration::from_secs(n * 86_400);
    assert_eq!(project.keep, RetentionPolicy { segments: days(3), runs: days(30), audit: Some(days(400)) });

    let DatabaseSettings::Server(ServerSettings { port, login, tls, connect_timeout, .. }) =
        &project.database("pg", "main").unwrap().settings
    else {
        panic!()
    };
    assert_eq!((*port, password_of(login), tls.mode), (5440, "", TlsMode::Prefer));
    assert_eq!(*connect_timeout, Duration::from_secs(30));
    let DatabaseSettings::Server(ServerSettings { port, login, tls, .. }) =
        &project.database("pg", "replica").unwrap().settings
    else {
        panic!()
    };
    assert_eq!((*port, password_of(login), tls.mode), (5432, "s3cret", TlsMode::VerifyCa));
    assert_eq!(tls.ca, Some(dir.path().join("roots.pem")));
    assert_eq!(tls.server_name.as_deref(), Some("db.internal"));
    let DatabaseSettings::Sqlite { path } = &project.database("lite", "only").unwrap().settings else {
        panic!()
    };
    assert_eq!(*path, dir.path().join("data/x.db"));

    let hook = &project.destinations[0].settings;
    assert_eq!(hook["url"], "https://cluster.example.com/in");
    assert_eq!(hook["headers"]["Authorization"], "Bearer key-of-cio");
    assert_eq!(hook["gzip"], true);
    assert_eq!(project.destinations[1].settings["path"], "/var/out");

    let [events, pages] = project.syncs.as_slice() else { panic!("{:?}", project.syncs) };
    assert!(events.query.starts_with("-- ${env:CIO_KEY} is left alone here\nSELECT"), "{}", events.query);
    let start = "2026-01-31T10:00:00Z".parse().unwrap();
    assert_eq!(events.schedule, Schedule::Every { every: Duration::from_secs(3_600), start: Some(start) });
    assert_eq!(events.first_run, FirstRun::At("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(events.connections, [Connection { destination: "hook".into(), nulls: Nulls::Omit }]);
    assert_eq!((events.lookback, events.cursor.as_deref()), (Duration::from_secs(5_400), Some("loaded_at")));
    assert_eq!(events.query_timeout, Some(Duration::from_secs(600)));
    assert_eq!((events.max_run_bytes, events.enabled), (Some(500_000_000), false));
    assert_eq!(
        (&pages.schedule, pages.first_run, pages.database.as_str()),
        (&Schedule::Manual, FirstRun::Now, "only")
    );
    assert_eq!((pages.max_run_bytes, pages.enabled, pages.dialect), (Some(50 << 30), true, Dialect::Sqlite));
    assert_eq!(
        pages.connections,
        [
            Connection { destination: "hook".into(), nulls: Nulls::Omit },
            Connection { destination: "out".into(), nulls: Nulls::Send },
        ]
    );
}

fn password_of(login: &Login) -> &str {
    match login {
        Login::Password { password, .. } => password.expose(),
        Login::Iam(_) => panic!("{login:?}"),
    }
}

#[test]
fn one_mistake_gives_one_problem_at_its_place() {
    assert_eq!(problems(SMALL), Vec::<String>::new());
    let mut differ = Vec::new();
    for (right, wrong, expected) in [
        ("version: 1", "version: 2", "C005 outflow.yaml:1:10"),
        ("version: 1", "# none", "C006 outflow.yaml:2:1"),
        ("version: 1", "version: 1\nsyncz: {}", "C003 outflow.yaml:2:1"),
        ("version: 1", "version: 1\nspool: { keep: 7 }", "C005 outflow.yaml:2:16"),
        ("version: 1", "version: 1\nspool: { disk_reserve: 1XB }", "C005 outflow.yaml:2:24"),
        ("version: 1", "version: 1\nversion: 1", "C010 outflow.yaml:2:1"),
        ("version: 1", "version: 1\n  sources: x", "C002 outflow.yaml:2:10"),
        ("  users:", "  us ers:", "C005 outflow.yaml:7:3"),
        ("type: sqlite", "type: mysql", "C005 outflow.yaml:3:17"),
        ("type: sqlite, ", "", "C006 outflow.yaml:3:9"),
        ("{ path: shop.db }", "{ }", "C006 outflow.yaml:3:44"),
        ("{ path: shop.db }", "{ path: shop.db, host: x }", "C003 outflow.yaml:3:61"),
        ("{ path: shop.db }", "shop.db", "C005 outflow.yaml:3:44"),
        ("main: { path: shop.db }", "", "C006 outflow.yaml:3:36"),
        ("[out]", "[oot]", "C007 outflow.yaml:3:80"),
        ("[out]", "[out, out]", "C010 outflow.yaml:3:85"),
        ("[out]", "out", "C005 outflow.yaml:3:79"),
        ("[out]", "[{ nulls: omit }]", "C006 outflow.yaml:3:80"),
        ("[out]", "[{ name: out, nulls: keep }]", "C005 outflow.yaml:3:100"),
        (", destinations: [out]", "", "C006 outflow.yaml:7:10"),
        ("{ type: file, path: out }", "{ path: out }", "C006 outflow.yaml:5:8"),
        ("{ type: file, path: out }", "[]", "C005 outflow.yaml:5:8"),
        ("source: shop", "source: shop.man", "C007 outflow.yaml:7:20"),
        ("source: shop", "source: shp", "C007 outflow.yaml:7:20"),
        ("source: shop", "source: 5", "C007 outflow.yaml:7:20"),
        ("source: shop, ", "", "C006 outflow.yaml:7:10"),
        ("type: identify", "type: Identify", "C005 outflow.yaml:7:32"),
        ("query: SELECT id AS userId FROM users", "query:", "C006 outflow.yaml:7:10"),
        ("query: SELECT id AS userId FROM users", "query: { file: a.sql }", "C001 outflow.yaml:7:57"),
        (
            "query: SELECT id AS userId FROM users",
            "query: DROP TABLE t",
            "Q001 outflow.yaml:7:49: line 1, column 1 of the query",
        ),
        ("users: {", "users: { schedule: { every: 30s },", "C005 outflow.yaml:7:31"),
        ("users: {", "users: { schedule: { every: 15 },", "C005 outflow.yaml:7:31"),
        ("users: {", "users: { schedule: { start: now },", "C006 outflow.yaml:7:22"),
        ("users: {", "users: { schedule: { every: 1m, start: soon },", "C005 outflow.yaml:7:42"),
        ("users: {", "users: { schedule: daily,", "C005 outflow.yaml:7:22"),
        ("users: {", "users: { first_run: never,", "C005 outflow.yaml:7:23"),
        ("users: {", "users: { enabled: yes,", "C005 outflow.yaml:7:21"),
        ("users: {", "users: { query_timeout: 0s,", "C005 outflow.yaml:7:27"),
        ("users: {", "users: { max_run_bytes: -1,", "C005 outflow.yaml:7:27"),
        ("users: {", "users: { destinations: [],", "C006 outflow.yaml:7:10"),
        ("users: {", "users: { look_back: 1s,", "C003 outflow.yaml:7:12"),
    ] {
        let text = SMALL.replacen(right, wrong, 1);
        assert_ne!(text, SMALL, "{right}");
        if problems(&text) != [expected] {
            differ.push((wrong, expected, problems(&text)));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn unknown_keys_and_names_come_with_a_suggestion() {
    for (right, wrong, help) in [
        ("users: {", "users: { lookbak: 1s,", "did you mean \"lookback\"?"),
        ("users: {", "users: { frequency: 1s,", "a sync may have description, tags, source"),
        ("source: shop", "source: shpo", "did you mean \"shop\"?"),
        ("source: shop", "source: warehouse", "the sources are shop"),
        ("[out]", "[Out]", "did you mean \"out\"?"),
    ] {
        let errors = load_text(&SMALL.replacen(right, wrong, 1)).unwrap_err();
        assert!(errors[0].help_text().unwrap().starts_with(help), "{:?}", errors[0].help_text());
    }
    let error = load_text(SMALL).unwrap().sync("user").unwrap_err();
    assert_eq!((error.code(), error.help_text()), (Code::NoSuchSyncOrRun, Some("did you mean \"users\"?")));
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let text = "version: 3
sources:
  a: { type: redshift, databases: { m: { host: h, port: 99999, user: u, password: plain } } }
destinations:
  d: { type: customerio-pipelines, write_key: abc }
syncs:
  s: { source: a.x, type: trak, query: \"SELECT 1; SELECT '\", wat: 1 }
";
    assert_eq!(
        problems(text),
        [
            "C005 outflow.yaml:1:10",
            "C006 outflow.yaml:3:40",
            "C005 outflow.yaml:3:57",
            "C009 outflow.yaml:3:83",
            "C009 outflow.yaml:5:47",
            "C007 outflow.yaml:7:16",
            "C005 outflow.yaml:7:27",
            "C003 outflow.yaml:7:62",
        ]
    );
}

#[test]
fn secrets_are_references_that_resolve_and_are_never_shown() {
    let text = |password: &str| {
        format!(
            "version: 1\nsources:\n  a:\n    type: redshift\n    databases:\n      m:\n        host: h\n        database: d\n        user: u\n        password: {password}\n"
        )
    };
    for (password, expected) in [
        ("plain-secret", "C009"),
        ("12345678", "C009"),
        ("${env:MISSING}", "C008"),
        ("${env:EMPTY}", "C008"),
        ("${file:missing}", "C008"),
        ("${vault:x}", "C008"),
        ("${PASSWORD}", "C008"),
        ("\"${env:X\"", "C008"),
        ("[a]", "C005"),
        ("\"\"", "C009"),
    ] {
        let errors = load_text(&text(password)).unwrap_err();
        assert_eq!(told(&errors), [format!("{expected} outflow.yaml:10:19")], "{password}");
        let shown = format!("{:?} {:?}", errors[0], errors[0].help_text());
        assert!(!shown.contains("plain-secret") && !shown.contains("12345678"), "{shown}");
    }
    assert!(load_text(&text("${env:REDSHIFT_PASSWORD}")).is_ok());
    let missing = text("x").replace("        password: x\n", "");
    assert_eq!(problems(&missing), ["C006 outflow.yaml:7:9"]);
    // A port that came from the wrong variable must not print it.
    let errors = load_text(
        &text("${env:CIO_KEY}").replace("host: h", "port: ${env:REDSHIFT_PASSWORD}\n        host: h"),
    );
    let errors = errors.unwrap_err();
    assert_eq!(told(&errors), ["C005 outflow.yaml:7:15"]);
    assert!(!format!("{:?}", errors[0]).contains("hunter2"));
}

#[test]
fn secrets_of_destinations_are_references_wherever_they_stand() {
    for settings in [
        "write_key: abc",
        "headers: { Authorization: Bearer abc }",
        "headers: { X-Api-Key: \"1\" }",
        "url: \"https://user:pass@example.com/abc\"",
        "signing: { keys: [{ secret: abc }] }",
    ] {
        let errors =
            load_text(&SMALL.replace("type: file, path: out", &format!("type: webhook, {settings}")))
                .unwrap_err();
        // The destination may find more wrong with such settings; none of it may show the secret.
        assert_eq!(
            errors.iter().filter(|e| e.code() == Code::SecretInFile).count(),
            1,
            "{settings}: {errors:?}"
        );
        assert!(
            errors.iter().all(|e| e.place().is_some_and(|p| p.starts_with("outflow.yaml:5:"))),
            "{errors:?}"
        );
        assert!(!format!("{errors:?}").contains("abc"), "{errors:?}");
    }
    let fine = "type: webhook, url: \"https://example.com/a@b:c\", headers: { X-Key-Id: a, Authorization: \"Basic ${env:CIO_KEY}\" }";
    assert!(load_text(&SMALL.replace("type: file, path: out", fine)).is_ok());
}
