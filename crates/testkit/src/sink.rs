//! A receiver that only counts: the far end of benchmarks.
//!
//! It takes everything, answers 200, and looks for `"messageId":"` in the bytes instead of parsing
//! them, on one thread, so that it costs a small part of what the sender costs. `GET /stats` tells
//! the counts as JSON, `POST /reset` clears them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::http::{Connection, answer, gunzip};

const MARK: &[u8] = b"\"messageId\":\"";

/// How the sink behaves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// How long each answer waits.
    pub delay: Duration,
    /// Appends each body to this file, one a line.
    pub keep: Option<PathBuf>,
    /// Does not tell repeated message ids apart, which is the dearer part of the work.
    pub count_only: bool,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    calls: u64,
    ids: HashSet<u64>,
    bytes: u64,
    largest: usize,
    connections: u64,
    broken: u64,
}

struct Sink {
    options: Options,
    counts: RefCell<Counts>,
    keep: Option<RefCell<BufWriter<File>>>,
}

/// Serves until the process ends. `listening` gets the port.
///
/// # Errors
/// When the port or the file cannot be had.
pub fn serve(options: Options, listening: impl FnOnce(u16)) -> io::Result<()> {
    let keep = match &options.keep {
        Some(path) => {
            Some(RefCell::new(BufWriter::new(File::options().create(true).append(true).open(path)?)))
        }
        None => None,
    };
    let sink = Rc::new(Sink { options, counts: RefCell::default(), keep });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", sink.options.port)).await?;
        listening(listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            sink.counts.borrow_mut().connections += 1;
            let sink = Rc::clone(&sink);
            tokio::task::spawn_local(async move {
                if sink.converse(Connection::new(stream)).await.is_err() {
                    sink.counts.borrow_mut().broken += 1;
                }
            });
        }
    })
}

impl Sink {
    async fn converse(&self, mut connection: Connection) -> io::Result<()> {
        let json = [("content-type".to_owned(), "application/json".to_owned())];
        let success = answer(200, &json, br#"{"success":true}"#);
        let mut body = Vec::new();
        while let Some(head) = connection.head().await? {
            connection.body(&head, &mut body).await?;
            if head.method == "GET" {
                let stats = self.counts.borrow().to_json();
                connection.stream.write_all(&answer(200, &json, stats.as_bytes())).await?;
            } else if head.path == "/reset" {
                self.counts.replace(Counts::default());
                connection.stream.write_all(&success).await?;
            } else {
                self.take(&body, head.is_gzip())?;
                if !self.options.delay.is_zero() {
                    tokio::time::sleep(self.options.delay).await;
                }
                connection.stream.write_all(&success).await?;
            }
            if head.closes() {
                break;
            }
        }
        Ok(())
    }

    fn take(&self, body: &[u8], is_gzip: bool) -> io::Result<()> {
        let plain = if is_gzip { &gunzip(body)? } else { body };
        self.counts.borrow_mut().add(plain, body.len(), self.options.count_only);
        if let Some(keep) = &self.keep {
            let mut keep = keep.borrow_mut();
            keep.write_all(plain)?;
            keep.write_all(b"\n")?;
            keep.flush()?;
        }
        Ok(())
    }
}

impl Counts {
    fn add(&mut self, body: &[u8], wire_bytes: usize, count_only: bool) {
        self.requests += 1;
        self.bytes += wire_bytes as u64;
        self.largest = self.largest.max(wire_bytes);
        for at in memmem::find_iter(body, MARK) {
            self.calls += 1;
            if !count_only {
                let id = &body[at + MARK.len()..];
                let id = &id[..memchr::memchr(b'"', id).unwrap_or(id.len())];
                self.ids.insert(xxhash_rust::xxh3::xxh3_64(id));
            }
        }
    }

    fn to_json(&self) -> String {
        let Counts { requests, calls, ids, bytes, largest, connections, broken } = self;
        serde_json::json!({
            "requests": requests, "calls": calls, "distinct": ids.len(), "bytes": bytes, "largest": largest,
            "connections": connections, "broken": broken,
        })
        .to_string()
    }
}
