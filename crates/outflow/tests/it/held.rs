//! Nothing holds the process: files that are none, connections that say nothing, a log that is not
//! read, a destination that has stopped. Commands end, `serve` goes on, and a stop is over
//! in time.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use outflow_testkit::{Receiver, Reply, free_port, long};

use crate::support::{Project, binary};
use crate::watch::get;

/// Whoever waits longer for an answer waits in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// One sync each minute from SQLite to a receiver, and its metrics.
fn yaml(calls: &Receiver, port: u16, key: &str, more: &str) -> String {
    format!(
        r#"version: 1
metrics: {{ listen: "127.0.0.1:{port}" }}
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [hook]
destinations:
  hook: {{ type: webhook, url: "{}", headers: {{ Authorization: "{key}" }} }}
syncs:
  users:
    source: shop.main
    type: track
    schedule: {{ every: 1m }}
    query: SELECT id AS userId, 'seen' AS event FROM users
{more}"#,
        calls.url()
    )
}

fn project(calls: &Receiver, port: u16) -> Project {
    let project = Project::new(&yaml(calls, port, "${file:./secret}", ""));
    project.write("secret", "the key\n");
    add_rows(&project, 1..=3);
    project
}

fn add_rows(project: &Project, ids: std::ops::RangeInclusive<i64>) {
    let shop = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    shop.execute_batch("CREATE TABLE IF NOT EXISTS users (id)").unwrap();
    for id in ids {
        shop.execute("INSERT INTO users VALUES (?1)", [id]).unwrap();
    }
}

fn fifo(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_reload_that_meets_a_fifo_holds_up_nothing() {
    let (calls, port) = (Receiver::start_blocking(), free_port());
    let project = project(&calls, port);
    let mut serving = project.serve();
    assert!(serving.is_up());
    assert!(serving.event("run ended", Some("users")).is_some());
    let good = yaml(&calls, port, "${file:./secret}", "");
    let query =
        good.replace("query: SELECT id AS userId, 'seen' AS event FROM users", "query: { file: ./q }");
    let included = yaml(&calls, port, "${file:./secret}", "include: ./more.yaml\n");
    for (named, text) in [("secret", &good), ("q", &query), ("more.yaml", &included)] {
        project.write("outflow.yaml", text);
        fifo(&project.path().join(named));
        serving.signal("HUP");
        let refused = serving.event("reload refused", None).unwrap();
        assert!(refused["reason"].as_str().unwrap().contains("a FIFO"), "{refused}");
        // Slots fire on request, the socket answers, and so does the probe.
        assert_eq!(serving.drain("users").unwrap().1, "succeeded");
        assert_eq!(get(port, "/healthz", "200"), "ok\n");
        for command in [&["validate"][..], &["status"], &["run", "users"]] {
            let exit = project.run(command);
            // `status` needs no secret.
            let code = if (named, command[0]) == ("secret", "status") { 0 } else { 2 };
            assert!(exit.ran < PATIENCE && exit.code == Some(code), "{command:?} {exit:?}");
            assert!(code == 0 || (exit.stdout + &exit.stderr).contains("a FIFO"), "{command:?}");
        }
        std::fs::remove_file(project.path().join(named)).unwrap();
        project.write("secret", "the key\n");
    }
    // The project itself.
    fifo(&project.path().join("outflow.yaml"));
    serving.signal("HUP");
    assert!(serving.event("reload refused", None).is_some());
    let exit = project.run(&["status"]);
    assert!(exit.ran < PATIENCE && exit.code == Some(2), "{exit:?}");
    let begun = Instant::now();
    serving.stop();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_source_that_is_a_fifo_is_an_error() {
    let calls = Receiver::start_blocking();
    let project = project(&calls, free_port());
    fifo(&project.path().join("shop.db"));
    let exit = project.run(&["run", "users"]);
    exit.assert_code(5);
    assert!(exit.stderr.contains("is a FIFO"), "{exit:?}");
}

/// The exit code of a process that ends within this time; otherwise it is killed.
fn ends_within(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let (id, (sender, ended)) = (child.id().to_string(), channel());
    std::thread::spawn(move || sender.send(child.wait()));
    if let Ok(status) = ended.recv_timeout(limit) {
        return Some(status.unwrap());
    }
    assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    ended.recv().unwrap().unwrap();
    None
}

/// Its log is not read: once the pipe is full, each line blocks the thread that writes it.
#[test]
fn a_stop_is_over_in_time_when_every_thread_is_blocked() {
    if !long() {
        // It takes 90 seconds, most of which are waiting.
        return;
    }
    let (calls, port) = (Receiver::start_blocking(), free_port());
    let project = project(&calls, port);
    let command = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args).current_dir(project.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        command
    };
    let mut serve =
        command(&["serve", "-v"]).env("OUTFLOW_LOG", "trace").stderr(Stdio::piped()).spawn().unwrap();
    let (log, id) = (serve.stderr.take().unwrap(), serve.id().to_string());
    let begun = Instant::now();
    while ends_within(command(&["run", "users", "--full", "--yes"]).spawn().unwrap(), Duration::from_secs(20))
        .is_some()
    {
        assert!(begun.elapsed() < Duration::from_secs(120), "its log is never full");
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = ends_within(serve, Duration::from_secs(75));
    drop(log);
    // It could not stop in order, and said so.
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{:?}", asked.elapsed());
    // Nothing is lost by it.
    project.run(&["run", "users"]).assert_code(0);
    project.assert_closed();
}

#[test]
fn connections_that_say_nothing_keep_no_probe_out() {
    let (calls, port) = (Receiver::start_blocking(), free_port());
    let project = project(&calls, port);
    let mut serving = project.serve();
    assert!(serving.is_up());
    let mut silent = Vec::new();
    for n in 0..200 {
        silent.push(TcpStream::connect(("127.0.0.1", port)).unwrap());
        if n % 40 == 39 {
            let begun = Instant::now();
            assert_eq!(get(port, "/healthz", "200"), "ok\n");
            assert!(begun.elapsed() < Duration::from_secs(3), "{n}: {:?}", begun.elapsed());
        }
    }
    drop(silent);
    serving.stop();
}

#[test]
fn a_run_beside_serve_ends_when_it_waits_for_a_destination_that_takes_nothing() {
    let (calls, port) = (Receiver::start_blocking(), free_port());
    let project = project(&calls, port);
    project.write(
        "outflow.yaml",
        &yaml(&calls, port, "${file:./secret}", "").replace("{ every: 1m }", "manual"),
    );
    calls.always(Reply::status(401));
    let mut serving = project.serve();
    assert!(serving.is_up());
    let first = project.run(&["run", "users", "--full", "--yes"]);
    first.assert_code(6);
    // The next run waits behind the one that stopped.
    let (_, earlier) = (add_rows(&project, 4..=6), project.runs().len());
    let second = project.run(&["run", "users", "--full", "--yes"]);
    second.assert_code(6);
    assert!(second.ran < PATIENCE, "{second:?}");
    let words = "it waits behind run 1, which stopped";
    assert!(second.stderr.contains("hook") && second.stderr.contains(words), "{earlier} {second:?}");
    serving.stop();
}

#[test]
fn a_run_beside_serve_ends_with_its_delivery_timeout_and_with_the_first_signal() {
    let (calls, port) = (Receiver::start_blocking(), free_port());
    let project = project(&calls, port);
    project.write(
        "outflow.yaml",
        &yaml(&calls, port, "${file:./secret}", "").replace("{ every: 1m }", "manual"),
    );
    calls.always(Reply::status(503));
    let mut serving = project.serve();
    assert!(serving.is_up());
    for signal in ["TERM", "INT"] {
        calls.always(Reply::status(503));
        let seen = calls.requests().len();
        let running = project.program(&["run", "users", "--full", "--yes"]).spawn();
        calls.wait_for_requests_blocking(seen + 1, PATIENCE);
        running.signal(signal);
        let exit = running.wait();
        exit.assert_code(130);
        assert!(exit.stderr.contains("goes on in the running Outflow"), "{exit:?}");
        calls.always(Reply::ok());
        assert!(serving.event("run ended", Some("users")).is_some());
    }
    calls.always(Reply::status(503));
    let late = project.run(&["run", "users", "--full", "--yes", "--delivery-timeout", "2s"]);
    late.assert_code(6);
    assert!(late.stderr.contains("D020") && late.ran < PATIENCE, "{late:?}");
    calls.always(Reply::ok());
    assert!(serving.event("run ended", Some("users")).is_some());
    serving.stop();
    project.assert_closed();
}
