//! Lists of any length are printed in bounded memory, in each form: runs, rejected rows, dead
//! letters.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use outflow_testkit::{Receiver, Reply, Report, Vitals, slice_or_whole};
use rusqlite::Connection;

use crate::support::{Project, binary};

const MIB: u64 = 1 << 20;
/// What a command may take, whatever it lists. It takes about 20 MiB for one entry.
const ALLOWED: u64 = 64 * MIB;

/// One sync whose rows are all rejected but one, which its destination refuses.
fn project(calls: &Receiver, rows: u64) -> Project {
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [hook]
destinations:
  hook: {{ type: webhook, url: "{}" }}
syncs:
  users:
    source: shop.main
    type: identify
    guards: {{ max_rejected_percent: 100 }}
    query: |
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
      SELECT CASE WHEN i = {rows} THEN 'ada' END AS userId, 'a text of some length, number ' || i AS note FROM n
"#,
        calls.url()
    ));
    Connection::open(project.path().join("shop.db")).unwrap().execute_batch("CREATE TABLE t (i)").unwrap();
    project
}

/// Repeats the only run, and the only dead letter, in the state.
fn multiply(project: &Project, runs: u64, letters: u64) {
    let state = Connection::open(project.path().join(".outflow/state.db")).unwrap();
    outflow_state::register_functions(&state).unwrap();
    let columns = |table: &str, but: &[&str]| -> String {
        let mut names = state.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let names: Vec<String> = names.map(Result::unwrap).filter(|n| !but.contains(&n.as_str())).collect();
        names.join(", ")
    };
    let more = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <";
    let of_runs = columns("runs", &["id", "key"]);
    let of_letters = columns("dead_letters", &["position"]);
    let of_deliveries = columns("deliveries", &["run"]);
    state
        .execute_batch(&format!(
            "BEGIN;
             {more} {letters}) INSERT INTO dead_letters (position, {of_letters})
                 SELECT i, {of_letters} FROM dead_letters, n WHERE position = 0;
             {more} {runs}) INSERT INTO runs (id, key, {of_runs})
                 SELECT i + 1, randomblob(16), {of_runs} FROM runs, n WHERE id = 1;
             {more} {runs}) INSERT INTO deliveries (run, {of_deliveries})
                 SELECT i + 1, {of_deliveries} FROM deliveries, n WHERE run = 1;
             COMMIT;"
        ))
        .unwrap();
}

/// Runs a command, and tells how many bytes and lines it printed and the most memory that it took.
fn printed(project: &Project, args: &[&str]) -> (u64, u64, u64) {
    let mut command = Command::new(binary());
    command.args(args).current_dir(project.path()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = command.stderr(Stdio::inherit()).spawn().unwrap();
    let (id, mut out) = (running.id(), BufReader::with_capacity(1 << 16, running.stdout.take().unwrap()));
    let (mut bytes, mut lines, mut peak) = (0, 0, 0);
    loop {
        let block = out.fill_buf().unwrap();
        let length = block.len();
        lines += block.iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += length as u64;
        if length == 0 {
            break;
        }
        out.consume(length);
        peak = Vitals::of(id).map_or(peak, |vitals| vitals.peak_memory.max(peak));
    }
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert!(running.wait().unwrap().success(), "{args:?}");
    (bytes, lines, peak)
}

#[test]
fn a_list_of_any_length_takes_the_memory_of_a_page() {
    let entries = slice_or_whole(30_000, 1_000_000);
    let calls = Receiver::start_blocking();
    calls.always(Reply::status(400).body("no such user"));
    let project = project(&calls, entries);
    project.run(&["run", "users"]).assert_code(4);
    multiply(&project, entries.min(400_000), entries.min(200_000));
    let mut report =
        Report::new("long_lists::a_list_of_any_length_takes_the_memory_of_a_page", "entries listed", entries);
    for (list, least) in [
        (&["rejected", "1"][..], entries - 1),
        (&["dead-letters", "1"], entries.min(200_000)),
        (&["runs"], entries.min(400_000)),
    ] {
        for output in slice_or_whole(&["json"][..], &["table", "json", "ndjson", "yaml"]) {
            let args = [list, &["--limit", "0", "--output", output]].concat();
            let (bytes, lines, peak) = printed(&project, &args);
            assert!(lines >= least, "{args:?}: {lines} lines, {bytes} bytes");
            assert!(peak < ALLOWED, "{args:?}: {} MiB", peak / MIB);
            report = report.with(&format!("{} {output}", list[0]), format!("{} MiB", peak / MIB));
        }
    }
    report.print();
}
