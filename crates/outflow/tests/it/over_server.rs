//! `outflow --server`: the same command here and over a real `serve --listen` prints the same, and
//! exits with the same code.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use outflow_testkit::crash::{Exit, Program};
use outflow_testkit::{Receiver, Reply, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::serving::Serving;
use crate::support::{Project, binary, document};

/// An installation that serves, and a folder of somebody who asks it.
struct Over {
    project: Project,
    receiver: Receiver,
    elsewhere: TempDir,
    port: u16,
    token: String,
    serving: Serving,
}

impl Over {
    /// Ten people, of whom one has no id; the call of another one is refused. `all` awaits approval
    /// each time.
    fn start() -> Self {
        Self::with(&[], "")
    }

    /// The same with these files, and these settings at the end of `outflow.yaml`.
    fn with(files: &[(&str, &str)], settings: &str) -> Self {
        let receiver = Receiver::start_blocking();
        receiver.refuse_batches_with(400, |call| call["userId"] == "7");
        let url = receiver.url();
        let project = Project::new(&format!(
            r#"version: 1
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [journeys] }}
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{url}" }}
syncs:
  users: {{ source: shop.main, type: identify, tags: [crm], query: 'SELECT id AS "userId", plan FROM users' }}
  all:
    source: shop.main
    type: identify
    query: 'SELECT id AS "userId", plan FROM users WHERE id > 0 AND id <> 7'
    guards: {{ max_rows: 1 }}
{settings}"#
        ));
        files.iter().for_each(|(name, text)| project.write(name, text));
        let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
        let numbers: Vec<String> = (1..10).map(|id| format!("('{id}', 'free')")).collect();
        let sql = format!(
            "CREATE TABLE users (id text, plan text); INSERT INTO users VALUES {}, (NULL, 'free')",
            numbers.join(", ")
        );
        database.execute_batch(&sql).unwrap();
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut serving =
            Serving::of(&project, &project.program(&["serve", "--output", "json", "--listen", &listen]));
        assert!(serving.is_up());
        let token = project.run(&["tokens", "create", "tests", "--role", "admin", "--quiet"]);
        let token = token.stdout.trim().to_owned();
        let elsewhere = tempfile::tempdir().unwrap();
        Self { project, receiver, elsewhere, port, token, serving }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The binary in a folder without a project, for somebody who has kept no token.
    fn bare(&self, args: &[&str]) -> Program {
        Program::new(binary())
            .folder(self.elsewhere.path())
            .env("HOME", self.elsewhere.path())
            .env("XDG_CONFIG_HOME", "")
            .env("NO_COLOR", "1")
            .env("OUTFLOW_STRICT", "1")
            .args(args.iter().copied())
    }

    fn program(&self, args: &[&str]) -> Program {
        let url = self.url();
        let mut all = vec!["--server", url.as_str()];
        all.extend(args);
        self.bare(&all).env("OUTFLOW_TOKEN", &self.token)
    }

    fn run(&self, args: &[&str]) -> Exit {
        self.program(args).run()
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = args.to_vec();
        all.extend(["--output", "json"]);
        let exit = self.run(&all);
        exit.assert_code(code);
        document(&exit)
    }

    /// The same command here and over the server, in each form, with what differs taken out.
    fn assert_same(&self, args: &[&str], varies: &[&str]) {
        for form in ["table", "json", "ndjson", "yaml"] {
            let mut all = args.to_vec();
            all.extend(["--output", form]);
            let (here, there) = (self.project.run(&all), self.run(&all));
            assert_eq!(here.code, there.code, "{args:?}: {here:?} {there:?}");
            if form == "json" || varies.is_empty() {
                let parsed = |exit: &Exit| match serde_json::from_str::<Value>(&exit.stdout) {
                    Ok(mut value) => {
                        without(&mut value, varies);
                        serde_json::to_string_pretty(&value).unwrap()
                    }
                    Err(_) => exit.stdout.clone(),
                };
                assert_eq!(parsed(&here), parsed(&there), "{args:?} --output {form}");
            }
        }
    }
}

/// Takes these keys out, wherever they are.
fn without(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !keys.contains(&key.as_str()));
            members.values_mut().for_each(|member| without(member, keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keys)),
        _ => {}
    }
}

/// What differs between two runs of a sync.
const OF_RUNS: &[&str] = &["run", "seconds", "last_sync_time", "next_last_sync_time"];

#[test]
fn what_is_read_is_the_same_here_and_over_a_server() {
    let over = Over::start();
    over.project.json(&["run", "users"], 4);
    over.project.run(&["run", "all"]).assert_code(1);
    for args in [
        &["status"][..],
        &["list"],
        &["list", "tag:crm", "users"],
        &["list", "--exclude", "users"],
        &["runs"],
        &["runs", "--sync", "users", "-n", "1"],
        &["runs", "--sync", "nobody"],
        &["rejected", "users"],
        &["rejected", "1", "--code", "R001"],
        &["rejected", "99"],
        &["dead-letters"],
        &["dead-letters", "users", "-n", "0"],
        &["dead-letters", "1", "--destination", "journeys"],
        &["usage"],
        &["usage", "--days"],
        &["usage", "--month", "november"],
        &["alerts"],
        &["verify", "users"],
        &["verify", "--all"],
        &["export"],
        &["source", "list"],
        &["preview", "users"],
        &["preview", "nobody"],
        &["estimate", "users", "--since", "first"],
        &["run", "users", "--dry-run"],
        &["secrets", "list"],
        &["secrets", "check"],
        &["users", "list"],
        &["audit", "list"],
        &["audit", "list", "--action", "token."],
        &["audit", "verify"],
        &["audit", "export"],
        &["purge", "--key", "3", "--dry-run"],
    ] {
        over.assert_same(args, &[]);
    }
    over.assert_same(&["preview", "users", "--calls", "--since", "first"], &["timestamp"]);
    over.assert_same(&["preview", "users", "--requests", "-n", "2"], &["body"]);
    over.assert_same(&["tokens", "list"], &["last_used_at"]);
    over.assert_same(&["source", "test", "shop"], &["seconds"]);
    over.assert_same(&["destination", "test"], &["seconds", "summary"]);
    over.serving.stop();
}

#[test]
fn runs_are_begun_and_followed_over_a_server_as_they_are_here() {
    let over = Over::start();
    let mut here = over.project.json(&["run", "users", "--full"], 4);
    let exit = over.run(&["run", "users", "--full", "--output", "json"]);
    exit.assert_code(4);
    let mut there = document(&exit);
    assert!(exit.stderr.contains("users: run 2 begins in the running Outflow"), "{}", exit.stderr);
    [&mut here, &mut there].into_iter().for_each(|run| without(run, OF_RUNS));
    // The first run had nothing to compare with; `--full` compares with nothing.
    assert_eq!(here, there);
    let lines = over.run(&["run", "users", "--full", "--output", "ndjson"]);
    lines.assert_code(4);
    let mut line: Value = serde_json::from_str(lines.stdout.trim()).unwrap();
    without(&mut line, OF_RUNS);
    assert_eq!(line, there);

    // One that a guard keeps.
    let held = over.run(&["run", "all", "--output", "json"]);
    held.assert_code(1);
    let run = document(&held)["run"].to_string();
    assert_eq!(document(&held)["state"], "awaiting_approval");
    assert!(held.stderr.contains("G001") && held.stderr.contains("outflow approve"), "{}", held.stderr);
    assert_eq!(over.json(&["reject", "all"], 0)["run"].to_string(), run);
    over.run(&["reject", "all"]).assert_code(2);
    over.run(&["run", "all"]).assert_code(1);
    let approved = over.json(&["approve", "all"], 0);
    assert_eq!((&approved["state"], &approved["rows"]["calls"]), (&json!("succeeded"), &json!(8)));

    // The dead letter, once the receiver takes it.
    over.receiver.clear();
    let url = over.receiver.url();
    let fixed = Receiver::start_on(free_port());
    let yaml = std::fs::read_to_string(over.project.path().join("outflow.yaml")).unwrap();
    over.project.write("outflow.yaml", &yaml.replace(&url, &fixed.url()));
    let reloaded = over.run(&["reload"]);
    reloaded.assert_code(0);
    assert!(reloaded.stderr.contains("reloaded"), "{}", reloaded.stderr);
    let replayed = over.run(&["replay", "2", "--output", "json"]);
    replayed.assert_code(0);
    assert_eq!(document(&replayed)["replays"], 2);
    assert!(replayed.stderr.contains("replaying run 2 of users to journeys"), "{}", replayed.stderr);
    let nothing = over.run(&["replay", "2"]);
    nothing.assert_code(0);
    assert!(nothing.stderr.contains("has no dead letter that was not replayed"), "{}", nothing.stderr);
    let complete = over.run(&["backfill", "journeys", "--sync", "users"]);
    complete.assert_code(0);
    assert!(complete.stderr.contains("users: journeys has missed nothing"), "{}", complete.stderr);
    let audit = over.json(&["audit", "list", "--action", "sync.", "-n", "1"], 0);
    assert_eq!(audit[0]["actor"]["kind"], "token");
    over.serving.stop();
}

#[test]
fn what_is_decided_over_a_server_is_as_it_is_here() {
    let over = Over::start();
    let same = |args: &[&str], back: &[&str]| {
        let mut here = over.project.json(args, 0);
        over.project.run(back).assert_code(0);
        let mut there = over.json(args, 0);
        over.run(back).assert_code(0);
        [&mut here, &mut there].into_iter().for_each(|document| without(document, &["paused_since"]));
        assert_eq!(here, there, "{args:?}");
    };
    same(&["pause", "users", "journeys"], &["resume", "journeys", "users"]);
    same(&["pause", "journeys", "--kind", "destination"], &["resume", "journeys"]);
    let unknown = over.run(&["pause", "users", "nothing"]);
    unknown.assert_code(2);
    assert!(unknown.stderr.contains("C011"), "{}", unknown.stderr);
    assert_eq!(over.json(&["list", "users"], 0)["syncs"][0]["paused_since"], Value::Null);
    over.run(&["cancel", "elsewhere"]).assert_code(2);
    let purged = over.json(&["purge", "--key", "3"], 0);
    assert_eq!(purged["dry_run"], false);

    let piped = |args: &[&str], text: &str| {
        let pipe = format!("printf '{text}' | \"$0\" \"$@\"");
        over.program(args).within("sh", &["-c", &pipe], &[]).run()
    };
    piped(&["secrets", "set", "KEY"], "a-value").assert_code(0);
    assert_eq!(over.json(&["secrets", "list"], 0)["secrets"][0]["set_by"]["kind"], "token");
    assert_eq!(over.json(&["secrets", "rotate"], 0)["resealed"], 1);
    over.run(&["secrets", "remove", "KEY"]).assert_code(0);
    let bob = piped(
        &["users", "create", "bob", "--role", "viewer", "--password-stdin"],
        "four words without sense",
    );
    bob.assert_code(0);
    assert_eq!(bob.stdout, "the user bob is made, as viewer\n");
    over.run(&["users", "set-role", "bob", "member"]).assert_code(0);
    assert_eq!(over.json(&["users", "sign-out", "bob"], 0)["ended"], 0);
    over.run(&["users", "disable", "bob"]).assert_code(0);
    let token = over.run(&["tokens", "create", "one", "--permission", "runs.read"]);
    token.assert_code(0);
    assert!(token.stdout.starts_with("ofl_"), "{}", token.stdout);
    let id = over.json(&["tokens", "list"], 0)["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(over.json(&["tokens", "revoke", &id], 0)["state"], "revoked");
    let renamed = over.run(&["rename", "sync", "users", "people"]);
    renamed.assert_code(2);
    assert!(renamed.stderr.contains("C020"), "{}", renamed.stderr);
    over.serving.stop();
}

#[test]
fn a_project_here_is_moved_into_a_server_as_its_plan_says() {
    let over = Over::start();
    let folder = over.elsewhere.path().join("more");
    std::fs::create_dir(&folder).unwrap();
    let yaml = "version: 1\nsources:\n  crm: { type: postgres, databases: { main: { host: db.example, \
                database: crm, user: reader } }, destinations: [archive] }\ndestinations:\n  archive: { type: \
                webhook, url: 'https://archive.example/in' }\n";
    std::fs::write(folder.join("outflow.yaml"), yaml).unwrap();
    let folder = folder.to_str().unwrap();
    let here = over.project.json(&["plan", folder], 0);
    assert_eq!(over.json(&["plan", folder], 0), here);
    assert_eq!(here["changes"].as_array().unwrap().len(), 2, "{here}");
    over.run(&["plan", folder, "--detailed-exitcode"]).assert_code(3);
    let asked = over.run(&["apply", folder]);
    asked.assert_code(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert_eq!(over.json(&["apply", folder, "--yes"], 0)["definitions"].as_array().unwrap().len(), 2);
    over.run(&["plan", folder, "--detailed-exitcode"]).assert_code(0);
    assert!(over.run(&["export"]).stdout.contains("archive.example"));
    over.serving.stop();
}

#[test]
fn who_stops_following_a_run_leaves_it_to_the_server() {
    let over = Over::start();
    over.receiver.script([Reply::silence()]);
    let running = over.program(&["run", "users"]).spawn();
    over.receiver.wait_for_requests_blocking(1, Duration::from_secs(60));
    running.signal("INT");
    let exit = running.wait();
    exit.assert_code(130);
    assert!(exit.stderr.contains("goes on in the running Outflow"), "{}", exit.stderr);
    over.serving.stop();
}

#[test]
fn who_follows_a_run_follows_it_over_a_restart_of_the_server() {
    let over = Over::start();
    over.receiver.script([Reply::silence()]);
    let running = over.program(&["run", "users", "--output", "json"]).spawn();
    over.receiver.wait_for_requests_blocking(1, Duration::from_secs(60));
    over.serving.kill_after(Duration::ZERO);
    let listen = format!("127.0.0.1:{}", over.port);
    let serve = over.project.program(&["serve", "--output", "json", "--listen", &listen]);
    let mut serving = Serving::of(&over.project, &serve);
    assert!(serving.is_up());
    let exit = running.wait();
    exit.assert_code(4);
    assert_eq!(document(&exit)["state"], "partial", "{exit:?}");
    serving.stop();
}

#[test]
fn what_does_not_work_says_why() {
    let over = Over::start();
    let refused = |exit: Exit, code: &str, number: i32| {
        exit.assert_code(number);
        assert!(exit.stderr.contains(code), "{code}: {}", exit.stderr);
    };
    let url = over.url();
    let server = ["--server", url.as_str(), "status"];
    refused(over.bare(&server).run(), "C044", 2);
    refused(over.bare(&server).env("OUTFLOW_TOKEN", "ofl_wrong").run(), "A002", 2);
    refused(over.run(&["run", "--due"]), "C043", 2);
    for local in [&["init", "x"][..], &["serve"], &["validate"], &["demo", "--once"]] {
        refused(over.run(local), "C043", 2);
    }
    refused(over.run(&["status", "--project", "."]), "C012", 2);
    over.run(&["explain", "C043"]).assert_code(0);

    let reads = over.project.run(&["tokens", "create", "reads", "--role", "viewer", "--quiet"]);
    let viewer = |args: &[&str]| over.program(args).env("OUTFLOW_TOKEN", reads.stdout.trim()).run();
    viewer(&["status"]).assert_code(0);
    refused(viewer(&["run", "users"]), "A004", 2);

    let closed = format!("http://127.0.0.1:{}", free_port());
    let at = |url: &str| over.bare(&["--server", url, "status"]).env("OUTFLOW_TOKEN", "x").run();
    refused(at(&closed), "C040", 1);
    for (answer, code) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "C041"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "C041"),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"version\": \"9.0.0\", \"format_version\": 99}",
            "C042",
        ),
    ] {
        refused(at(&other(answer)), code, 2);
    }
    refused(at("outflow.example"), "C005", 2);
    over.serving.stop();
}

/// A service that is no Outflow. It answers once.
fn other(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    format!("http://127.0.0.1:{port}")
}

#[test]
fn a_server_with_a_certificate_of_ones_own_is_trusted_by_its_file() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = [("cert.pem", cert.pem()), ("key.pem", signing_key.serialize_pem())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let over = Over::with(&files, "server: { tls: { certificate: ./cert.pem, key: ./key.pem } }\n");
    let url = format!("https://localhost:{}", over.port);
    let file = over.project.path().join("cert.pem");
    let asked = |more: &[&str]| {
        let args = [&["--server", url.as_str(), "list"], more].concat();
        over.bare(&args).env("OUTFLOW_TOKEN", &over.token).run()
    };
    asked(&["--ca", file.to_str().unwrap()]).assert_code(0);
    let refused = asked(&[]);
    refused.assert_code(1);
    assert!(refused.stderr.contains("C040") && refused.stderr.contains("--ca"), "{}", refused.stderr);
    // Plain HTTP to a port that speaks TLS.
    let plain = over.run(&["list"]);
    plain.assert_code(1);
    assert!(plain.stderr.contains("https://"), "{}", plain.stderr);
    over.serving.stop();
}

#[test]
fn a_token_is_checked_kept_for_its_owner_alone_and_forgotten() {
    let over = Over::start();
    let url = over.url();
    let login = |token: &str| {
        let pipe = format!("printf '{token}' | \"$0\" \"$@\"");
        over.bare(&["login", &url]).within("sh", &["-c", &pipe], &[]).run()
    };
    let file = over.elsewhere.path().join(".config/outflow/servers.json");
    login("ofl_wrong").assert_code(2);
    assert!(!file.exists());
    let signed_in = login(&over.token);
    signed_in.assert_code(0);
    assert!(signed_in.stdout.contains("as token tok_"), "{}", signed_in.stdout);
    assert!(!format!("{signed_in:?}").contains(&over.token));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let server = ["--server", url.as_str(), "list"];
    over.bare(&server).run().assert_code(0);
    // The variable counts for more.
    over.bare(&server).env("OUTFLOW_TOKEN", "ofl_wrong").run().assert_code(2);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exit = over.bare(&server).run();
    exit.assert_code(2);
    assert!(exit.stderr.contains("C045") && !exit.stderr.contains(&over.token), "{}", exit.stderr);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    over.bare(&["logout", &url]).run().assert_code(0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&over.token));
    over.bare(&server).run().assert_code(2);
    over.serving.stop();
}
