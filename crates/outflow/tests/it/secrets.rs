//! Promise 8 of `docs/GUARANTEES.md`: secrets and row values stay where they belong. Canaries go
//! in, and all that comes out is searched for them. Every command logs at the level `trace`, which
//! has all others in it.

mod at_rest;
mod foreign;
mod kept;
mod serve;
mod served;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outflow_testkit::crash::Exit;
use outflow_testkit::{Database, Postgres, Receiver, Reply, free_port};

use crate::support::{Project, pipelines, sync, yaml};

const PASSWORD: &str = "canary-password-3f9c1d";
const WRITE_KEY: &str = "canary-write-key-77ab02";
const HEADER: &str = "canary-header-c4e810";
const ROW: &str = "canary-row-51d2ee";

/// An answer that repeats secrets.
type Echo = fn(&str) -> Reply;

/// A project in which every secret is a canary.
struct Aviary {
    project: Project,
    /// All that was printed.
    exits: Vec<Exit>,
}

impl Aviary {
    fn new(database: &Database<'_>, receiver: &str, query: &str) -> Self {
        let journeys =
            format!(r#"type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{receiver}""#);
        let hook = format!(
            r#"type: webhook, url: "{receiver}/in", headers: {{ Authorization: "Bearer ${{env:HEADER}}" }}"#
        );
        let yaml = yaml(
            database,
            &[("journeys", &journeys), ("hook", &hook)],
            &[("users", &sync("identify", query))],
        );
        Self {
            project: Project::new(&yaml.replace(r#"user: "postgres""#, r#"user: "keeper""#)),
            exits: Vec::new(),
        }
    }

    /// Runs the binary and demands an exit code.
    fn run(&mut self, args: &[&str], code: i32) -> &Exit {
        self.run_with_password(PASSWORD, args, code)
    }

    fn run_with_password(&mut self, password: &str, args: &[&str], code: i32) -> &Exit {
        let program = self.project.program(args).env("PG_PASSWORD", password);
        let program = program.env("WRITE_KEY", WRITE_KEY).env("HEADER", HEADER);
        let exit = program.env("OUTFLOW_LOG", "trace").run();
        exit.assert_code(code);
        self.exits.push(exit);
        self.exits.last().unwrap()
    }

    /// Demands that no secret stands in anything that was printed or kept.
    fn assert_quiet(&self) {
        let basic = STANDARD.encode(format!("{WRITE_KEY}:"));
        let kept = files(&self.project.path().join(".outflow"));
        for secret in [PASSWORD, WRITE_KEY, HEADER, &basic] {
            for exit in &self.exits {
                let is_told = exit.stdout.contains(secret) || exit.stderr.contains(secret);
                assert!(!is_told, "{secret} was printed: {exit:?}");
            }
            for (name, bytes) in &kept {
                assert!(!contains(bytes, secret), "{secret} stands in {name}");
            }
        }
    }
}

fn database(name: &str) -> Database<'static> {
    let server = Postgres::shared();
    // Tests that run at the same time make the same user.
    let make = format!("CREATE ROLE keeper LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data");
    server
        .sql(&format!("DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"));
    server.database(name)
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_secret_is_told_when_all_goes_well() {
    let (database, receiver) = (database("quiet_well"), Receiver::start_blocking());
    let mut aviary = Aviary::new(&database, &receiver.url(), r#"SELECT 1 AS "userId""#);
    aviary.run(&["validate", "-v"], 0);
    aviary.run(&["preview", "users", "--calls", "-v"], 0);
    let text = aviary.run(&["run", "-v"], 0).stderr.clone();
    let json = aviary.run(&["run", "--full", "-v", "--output", "json"], 0).stderr.clone();
    for level in ["trace", "debug", "info"] {
        assert!(text.contains(&format!(" {:5} ", level.to_uppercase())), "{level}: {text}");
        assert!(json.contains(&format!("\"level\":\"{level}\"")), "{level}: {json}");
    }
    aviary.run(&["runs", "--output", "json"], 0);
    aviary.run(&["verify", "users"], 0);
    // The canaries did fly.
    let sent: Vec<String> =
        receiver.requests().iter().filter_map(|r| r.header("authorization").map(str::to_owned)).collect();
    assert!(sent.contains(&format!("Bearer {HEADER}")), "{sent:?}");
    assert!(sent.contains(&format!("Basic {}", STANDARD.encode(format!("{WRITE_KEY}:")))), "{sent:?}");
    assert!(
        files(&aviary.project.path().join(".outflow")).iter().any(|(name, _)| name.ends_with("state.db"))
    );
    aviary.assert_quiet();
}

#[test]
fn no_secret_is_told_of_a_state_on_postgres() {
    let (database, receiver) = (database("quiet_state"), Receiver::start_blocking());
    database.sql("GRANT CREATE ON DATABASE quiet_state TO keeper");
    let mut aviary = Aviary::new(&database, &receiver.url(), r#"SELECT 1 AS "userId""#);
    let port = database.server().port();
    let good = format!("postgres://keeper:{PASSWORD}@127.0.0.1:{port}/quiet_state");
    let mut on = |url: &str, args: &[&str], code: i32| {
        aviary.project.set_state(url);
        aviary.run(args, code).stderr.clone()
    };
    for args in [
        &["run", "-v"][..],
        &["run", "-v", "--full", "--output", "json"],
        &["status", "-v"],
        &["runs", "--output", "json"],
        &["verify", "users"],
        &["--help"],
    ] {
        on(&good, args, 0);
    }
    for (right, wrong, what) in [
        (PASSWORD, concat!("mistyped-", "canary-password-3f9c1d"), "T001"),
        ("/quiet_state", "/nowhere", "T001"),
        ("/quiet_state", "/quiet_state?sslmode=verify-full", "T001"),
        ("127.0.0.1:", "127.0.0.1:x", "C005"),
        ("/quiet_state", "/quiet_state?colour=red", "C003"),
    ] {
        let wrong = good.replace(right, wrong);
        for args in [&["run", "-v"][..], &["runs", "-v"], &["serve", "-v"]] {
            let told = on(&wrong, args, if what == "T001" { 1 } else { 2 });
            assert!(told.contains(what), "{what}: {told}");
        }
    }
    let state = database.sql("SELECT count(*) FROM outflow.runs");
    assert_eq!(state, "2");
    aviary.assert_quiet();
}

#[test]
fn no_secret_is_told_by_a_source_that_refuses() {
    let (database, receiver) = (database("quiet_source"), Receiver::start_blocking());
    let mut aviary = Aviary::new(&database, &receiver.url(), r#"SELECT 1 AS "userId" FROM nowhere"#);
    aviary.run_with_password(&format!("{PASSWORD}-mistyped"), &["run", "-v"], 5);
    aviary.run_with_password(&format!("{PASSWORD}-mistyped"), &["run", "-v", "--output", "json"], 5);
    aviary.run(&["run", "-v"], 5);
    aviary.run(&["runs", "--output", "json"], 0);
    aviary.assert_quiet();
}

#[test]
fn no_secret_is_told_by_a_destination_that_repeats_it() {
    let database = database("quiet_destination");
    let one_row = r#"SELECT 1 AS "userId""#;
    // Each answers with what the request itself brought.
    let answers: [(Echo, i32); 6] = [
        (|secrets| Reply::status(401).body(secrets), 6),
        (|secrets| Reply::status(400).body(secrets), 4),
        (|secrets| Reply::status(500).body(secrets), 6),
        (|secrets| Reply::status(200).body(format!("<html>{secrets}</html>")).refused(), 6),
        (|secrets| Reply::redirect(307, &format!("http://127.0.0.1:9/?{}", secrets.replace(' ', "&"))), 6),
        (|_| Reply::garbage(), 6),
    ];
    for (answer, code) in answers {
        let receiver = Receiver::start_blocking();
        receiver.rule(move |request, _| {
            let key = if request.path == "/in" { HEADER } else { WRITE_KEY };
            Some(answer(&format!("no entry for {key} {}", request.header("authorization").unwrap())))
        });
        let mut aviary = Aviary::new(&database, &receiver.url(), one_row);
        aviary.run(&["run", "-v", "--delivery-timeout", "1s"], code);
        aviary.run(&["run", "-v", "--full", "--delivery-timeout", "1s", "--output", "json"], code);
        aviary.run(&["dead-letters", "users", "--output", "json"], 0);
        aviary.run(&["runs", "--output", "json"], 0);
        aviary.run(&["runs"], 0);
        aviary.assert_quiet();
    }
    let mut aviary = Aviary::new(&database, &format!("http://127.0.0.1:{}", free_port()), one_row);
    aviary.run(&["run", "-v", "--delivery-timeout", "1s"], 6);
    aviary.assert_quiet();
}

#[test]
fn no_secret_is_told_by_a_project_that_has_it_in_the_wrong_place() {
    let (database, receiver) = (database("quiet_project"), Receiver::start_blocking());
    let mut aviary = Aviary::new(&database, &receiver.url(), r#"SELECT 1 AS "userId""#);
    let good = fs::read_to_string(aviary.project.path().join("outflow.yaml")).unwrap();
    let port = format!("port: {}", database.server().port());
    for (right, wrong) in [
        (port.as_str(), "port: \"${env:PG_PASSWORD}\""),
        ("ssl: disable", "ssl: \"${env:PG_PASSWORD}\""),
        ("type: webhook", "type: webhook, max_calls: \"${env:WRITE_KEY}\""),
        ("type: customerio-pipelines", "type: customerio-pipelines, region: \"${env:WRITE_KEY}\""),
        ("type: webhook", "type: \"${env:HEADER}\""),
        (receiver.url().as_str(), "ftp://${env:HEADER}"),
        (receiver.url().as_str(), "http://user:${env:HEADER}@127.0.0.1:9"),
        ("Bearer $", "\\n$"),
    ] {
        let bad = good.replace(right, wrong);
        assert_ne!(bad, good, "{right} stands in the project");
        aviary.project.write("outflow.yaml", &bad);
        aviary.run(&["validate", "-v"], 2);
        aviary.run(&["run", "-v", "--output", "json"], 2);
    }
    aviary.assert_quiet();
}

#[test]
fn no_row_value_stands_in_an_error_or_on_stderr() {
    let (database, receiver) = (database("quiet_rows"), Receiver::start_blocking());
    database.sql(&format!(
        "CREATE TABLE users (id int, note text); INSERT INTO users VALUES (1, '{ROW}'), (NULL, '{ROW}')"
    ));
    let id = r#"SELECT id AS "userId", note"#;
    let hook = format!(r#"type: webhook, url: "{}/in""#, receiver.url());
    for (query, settings, code) in [
        // A value that cannot be converted: the server's own message quotes it.
        (format!("{id}::int FROM users"), "", 5),
        (format!("{id}::timestamptz FROM users"), "", 5),
        (format!("{id}::jsonb FROM users"), "", 5),
        // A cursor that is no number and no time: the error names it, and the log does not.
        (format!("{id} FROM users"), "cursor: note\n", 2),
        // A row without an id, a type that does not fit, a call that is too large.
        (format!("{id} FROM users"), "", 4),
        // All rows are rejected: the run is held.
        (format!(r#"{id}, note AS "integrations.All" FROM users"#), "", 1),
        // A value that is left out.
        (format!(r#"{id}, note AS "context.active" FROM users"#), "", 4),
        (format!("{id}, repeat(note, 20000) AS story FROM users"), "", 4),
    ] {
        let is_named = settings.starts_with("cursor");
        let settings = format!("{}{settings}", sync("identify", &query));
        let destinations = [("journeys", pipelines(&receiver)), ("hook", hook.clone())];
        let destinations = destinations.each_ref().map(|(name, settings)| (*name, settings.as_str()));
        let project = Project::new(&yaml(&database, &destinations, &[("users", &settings)]));
        for args in
            [&["run", "-v"][..], &["run", "-v", "--full", "--output", "json"], &["runs", "--output", "json"]]
        {
            let exit = project.program(args).env("OUTFLOW_LOG", "trace").run();
            exit.assert_code(if args[0] == "runs" { 0 } else { code });
            // Lines of the log begin with the year.
            let logged = |line: &&str| line.starts_with("20");
            if is_named {
                assert!(!exit.stderr.lines().filter(logged).any(|line| line.contains(ROW)), "{exit:?}");
            } else {
                assert!(!exit.stderr.contains(ROW) && !exit.stdout.contains(ROW), "{query}: {exit:?}");
            }
        }
    }
    // The canary did fly.
    assert!(receiver.calls().iter().any(|call| call["traits"]["note"] == ROW));
}
