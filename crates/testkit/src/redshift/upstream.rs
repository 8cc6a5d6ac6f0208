//! The simulator's own connections to the PostgreSQL behind it.
//!
//! Each client's session has one. It logs in as the simulator's superuser and then takes the
//! client's name by `SET SESSION AUTHORIZATION`, so that rights and `current_user` are the client's
//! whatever way of authentication the simulator played with it.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::report::Report;
use super::wire::{Fields, Inbox, body, broken, frame, text};

/// A row as texts; `None` is NULL.
pub(super) type Texts = Vec<Option<String>>;

pub(super) struct Upstream {
    stream: TcpStream,
    inbox: Inbox,
    /// The process and the secret to cancel with.
    pub key: (i32, i32),
    /// Of the transaction, as in the last ReadyForQuery: `I`, `T` or `E`.
    pub status: u8,
}

impl Upstream {
    /// Logs in with a password in clear text. The outer error is a broken connection, the inner one
    /// the server's refusal.
    pub async fn connect(
        port: u16,
        (user, password): (&str, &str),
        database: &str,
        settings: &[(&str, &str)],
    ) -> io::Result<Result<Upstream, Report>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut upstream = Upstream { stream, inbox: Inbox::default(), key: (0, 0), status: b'I' };
        let mut hello = 196_608_i32.to_be_bytes().to_vec();
        for (name, value) in [("user", user), ("database", database)].iter().chain(settings) {
            text(&mut hello, name);
            text(&mut hello, value);
        }
        hello.push(0);
        let length = (hello.len() as i32 + 4).to_be_bytes();
        upstream.stream.write_all(&[&length[..], &hello].concat()).await?;
        loop {
            let (tag, frame) = upstream.next().await?;
            match tag {
                b'R' => match Fields(body(frame)).i32()? {
                    0 => {}
                    3 => {
                        let mut answer = Vec::new();
                        text(&mut answer, password);
                        upstream.send(b'p', &answer).await?;
                    }
                    _ => return Err(broken("PostgreSQL asks the simulator for more than a password")),
                },
                b'K' => {
                    let mut fields = Fields(body(frame));
                    upstream.key = (fields.i32()?, fields.i32()?);
                }
                b'E' => return Ok(Err(Report::translate(body(frame), 0, "", "")?)),
                b'Z' => return Ok(Ok(upstream)),
                _ => {}
            }
        }
    }

    /// Asks PostgreSQL to stop what the session with that key does.
    pub async fn cancel(port: u16, (process, secret): (i32, i32)) -> io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request: Vec<u8> =
            [16, 80_877_102, process, secret].iter().flat_map(|n| n.to_be_bytes()).collect();
        stream.write_all(&request).await?;
        // It closes once it has taken the request in.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ())
    }

    pub async fn send(&mut self, tag: u8, body: &[u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(body.len() + 16);
        frame(&mut out, tag, body);
        self.send_all(&out).await
    }

    /// Sends frames that are already made.
    pub async fn send_all(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Whether a frame is here without waiting.
    pub fn is_ready(&self) -> bool {
        self.inbox.is_ready()
    }

    /// The next frame: its tag, and the whole of it.
    pub async fn next(&mut self) -> io::Result<(u8, &[u8])> {
        let Upstream { stream, inbox, status, .. } = self;
        let next = inbox.next(stream).await?.ok_or_else(|| broken("PostgreSQL has closed the connection"))?;
        if let (b'Z', [status_now]) = (next.0, body(next.1)) {
            *status = *status_now;
        }
        Ok(next)
    }

    /// Runs a statement of the simulator's own and returns its rows.
    pub async fn query(&mut self, sql: &str) -> io::Result<Result<Vec<Texts>, Report>> {
        let mut question = Vec::new();
        text(&mut question, sql);
        self.send(b'Q', &question).await?;
        let mut rows = Vec::new();
        let mut failure = None;
        loop {
            let (tag, frame) = self.next().await?;
            match tag {
                b'D' => rows.push(texts(body(frame))?),
                b'E' => failure = Some(Report::translate(body(frame), 0, "", "")?),
                b'Z' => return Ok(failure.map_or(Ok(rows), Err)),
                _ => {}
            }
        }
    }
}

/// The fields of a DataRow.
fn texts(row: &[u8]) -> io::Result<Texts> {
    let mut fields = Fields(row);
    let count = fields.i16()?;
    (0..count).map(|_| Ok(fields.value()?.map(|value| String::from_utf8_lossy(value).into_owned()))).collect()
}

/// A text as a literal of standard SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Bytes as a literal of type bytea.
pub(super) fn bytes_literal(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{hex}'::bytea")
}
