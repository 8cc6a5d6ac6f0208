//! A child process that takes the steps of the model: this test binary, configured by its
//! environment, so that it can be killed and its room be limited.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

pub const DIR: &str = "OUTFLOW_STATE_MODEL_DIR";
pub const SEED: &str = "OUTFLOW_STATE_MODEL_SEED";
pub const DONE: &str = "OUTFLOW_STATE_MODEL_DONE";
/// Marks what the child says, among the lines of the test harness.
const MARK: &str = "@@";

pub fn place(dir: &tempfile::TempDir) -> String {
    dir.path().to_string_lossy().into_owned()
}

pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{text}").unwrap();
    out.flush().unwrap();
}

/// Runs the child on a store, until it ends by itself or has printed that many lines. Returns how
/// many steps it has acknowledged, and its last line. A file has at most `blocks` of 512 bytes.
pub fn child(dir: &str, seed: u64, done: i64, kill_after: Option<u64>, blocks: Option<u64>) -> (i64, String) {
    let limit = blocks.map_or(String::new(), |n| format!("trap '' XFSZ; ulimit -f {n}; "));
    let binary = std::env::current_exe().unwrap();
    let mut child = Command::new("/bin/sh")
        .args([
            "-c",
            &format!("{limit}exec \"$0\" --exact model::the_child_process --nocapture --test-threads=1"),
        ])
        .arg(binary)
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .env(DONE, done.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut acknowledged, mut last, mut heard) = (done, String::new(), 0);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let Some(said) = line.strip_prefix(MARK) else { continue };
        if let Some(n) = said.strip_prefix("did ") {
            acknowledged = n.parse().unwrap();
        }
        last = said.to_owned();
        heard += 1;
        if kill_after == Some(heard) {
            // It works on meanwhile: what it has said until it dies is in the pipe.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(kill_after.is_some() || status.success(), "{status}: {last}");
    (acknowledged, last)
}
