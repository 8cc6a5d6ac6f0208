//! The counting receiver of the benchmarks, as a program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::client::{batch, post_batch};

struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    fn start(args: &[&str]) -> Sink {
        let mut child = Command::new(env!("CARGO_BIN_EXE_outflow-testkit"))
            .arg("receiver")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port =
            line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("it says its port");
        Sink { child, port }
    }

    fn stats(&self) -> serde_json::Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /stats HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = [0; 1000];
        let size = stream.read(&mut answer).unwrap();
        let text = std::str::from_utf8(&answer[..size]).unwrap();
        serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn the_sink_counts_calls_and_tells_repeats_apart() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("kept");
    let sink = Sink::start(&["--keep", keep.to_str().unwrap(), "--delay-ms", "1"]);
    assert_eq!(post_batch(sink.port, &["a", "b"]), 200);
    assert_eq!(post_batch(sink.port, &["b"]), 200);
    let stats = sink.stats();
    assert_eq!((&stats["requests"], &stats["calls"], &stats["distinct"]), (&2.into(), &3.into(), &2.into()));
    assert_eq!(stats["largest"], batch(&["a", "b"]).len());
    let kept =
        [batch(&["a", "b"]), batch(&["b"])].map(|body| String::from_utf8(body).unwrap() + "\n").concat();
    assert_eq!(std::fs::read_to_string(&keep).unwrap(), kept);
}

#[test]
fn the_sink_forgets_on_reset_and_only_counts_when_told_to() {
    let sink = Sink::start(&["--count-only"]);
    post_batch(sink.port, &["a", "b"]);
    assert_eq!((&sink.stats()["calls"], &sink.stats()["distinct"]), (&2.into(), &0.into()));
    let mut stream = TcpStream::connect(("127.0.0.1", sink.port)).unwrap();
    stream.write_all(b"POST /reset HTTP/1.1\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 200]).unwrap() > 0);
    assert_eq!(sink.stats()["calls"], 0);
}

#[test]
fn an_unknown_option_shows_the_usage() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_outflow-testkit")).args(["receiver", "--prot"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage:"));
}
