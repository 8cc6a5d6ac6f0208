//! A large result into a slow destination costs disk and not memory. Promise 6 of
//! `docs/GUARANTEES.md`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use outflow_testkit::{Postgres, Report, Vitals, sink, slice_or_whole};
use serde_json::Value;

use crate::support::{Project, document, sync, yaml};

const MIB: u64 = 1 << 20;

#[test]
fn a_destination_ten_times_slower_than_the_source_costs_disk_and_not_memory() {
    let rows: u64 = slice_or_whole(300_000, 10_000_000);
    let cap = slice_or_whole(256 * MIB, 4096 * MIB);
    let (told, port) = channel();
    let options = sink::Options { delay: Duration::from_millis(70), ..sink::Options::default() };
    // It ends with this process.
    std::thread::spawn(move || sink::serve(options, move |port| told.send(port).unwrap()));
    let port = port.recv().unwrap();
    let database = Postgres::shared().database("slow_destination");
    let hook = format!(r#"type: webhook, url: "http://127.0.0.1:{port}/", concurrency: 2, max_calls: 1000"#);
    let query = format!(
        r#"SELECT i AS "userId", md5(i::text) AS token, i % 7 AS plan FROM generate_series(1, {rows}) i"#
    );
    let users = format!("{}max_run_bytes: {cap}\n", sync("identify", &query));
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &users)]));
    let running = project.program(&["run", "--output", "json"]).spawn();
    let (pid, mut peak) = (running.id(), 0);
    // It tells of its progress; the end of that is the end of the process, whose memory is gone
    // then.
    while let Some(vitals) = Vitals::of(pid).filter(|v| v.peak_memory > 0) {
        peak = peak.max(vitals.peak_memory);
        if running.next_line(Duration::from_millis(100)).is_none() && running.has_ended() {
            break;
        }
    }
    let exit = running.wait();
    exit.assert_code(0);
    let run = document(&exit);
    let seconds = |part: &str| run["seconds"][part].as_f64().unwrap();
    let ratio = seconds("deliver") / seconds("extract");
    let spool = run["spool_bytes"].as_u64().unwrap_or_else(|| spool_bytes(&project));
    let stats = stats(port);
    assert_eq!((stats["calls"].as_u64(), stats["distinct"].as_u64()), (Some(rows), Some(rows)), "{stats}");
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / MIB as f64);
    Report::new(
        "slow::a_destination_ten_times_slower_than_the_source_costs_disk_and_not_memory",
        "rows into a slow destination",
        rows,
    )
    .with("times slower than the source", format!("{ratio:.1}"))
    .with("peak memory", mib(peak))
    .with("spool", format!("{} of {} allowed", mib(spool), mib(cap)))
    .print();
    // Of fewer rows, fewer could be held by mistake. Pages of the unoptimised program count, too.
    assert!(peak <= slice_or_whole(64, 96) * MIB, "{}", mib(peak));
    assert!(spool <= cap, "{}", mib(spool));
}

fn spool_bytes(project: &Project) -> u64 {
    let mut bytes = 0;
    for run in std::fs::read_dir(project.path().join(".outflow/spool")).unwrap() {
        let run = run.unwrap().path();
        for file in std::fs::read_dir(&run).into_iter().flatten() {
            bytes += file.unwrap().metadata().unwrap().len();
        }
    }
    bytes
}

/// What the sink has counted.
fn stats(port: u16) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}
