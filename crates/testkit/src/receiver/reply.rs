//! What a scripted destination answers.

use std::io::{self, Read as _};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::http::{Connection, answer};

/// How one request is answered, and whether its calls are taken. Made by a constructor, refined by
/// the other methods.
#[derive(Clone, Debug)]
pub struct Reply {
    how: How,
    taken: bool,
    delay: Duration,
}

#[derive(Clone, Debug)]
enum How {
    /// A well-formed answer; the connection stays open.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// These bytes, the ones from `quick` on one at a time with a pause before each, then the end.
    Bytes { bytes: Vec<u8>, quick: usize, pause: Duration, end: End },
    /// A 200 whose chunked body has that many bytes.
    Huge(u64),
    /// Nothing; the connection stays open until the client closes it.
    Silence,
    /// A reset as soon as the head is read.
    ResetEarly,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Reset,
}

impl Default for Reply {
    fn default() -> Self {
        Self::ok()
    }
}

impl Reply {
    const SUCCESS: &str = r#"{"success":true}"#;

    fn new(how: How, taken: bool) -> Reply {
        Reply { how, taken, delay: Duration::ZERO }
    }

    fn bytes(bytes: Vec<u8>, end: End) -> Reply {
        let quick = bytes.len();
        Self::new(How::Bytes { bytes, quick, pause: Duration::ZERO, end }, false)
    }

    /// 200 and `{"success":true}`; the calls are taken.
    pub fn ok() -> Reply {
        Self::status(200).body(Self::SUCCESS)
    }

    /// That status with a JSON body; the calls are taken when it is a 2xx.
    pub fn status(status: u16) -> Reply {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = b"{}".to_vec();
        Self::new(How::Answer { status, headers, body }, (200..300).contains(&status))
    }

    /// 200 with a login page, as a proxy in between sends it; nothing is taken.
    pub fn html() -> Reply {
        Self::status(200)
            .header("content-type", "text/html")
            .body("<html><h1>Please log in</h1></html>")
            .refused()
    }

    /// A redirect with that status and target.
    pub fn redirect(status: u16, to: &str) -> Reply {
        Self::status(status).header("location", to).body("")
    }

    /// Bytes that are not HTTP, then the end of the connection.
    pub fn garbage() -> Reply {
        Self::bytes(b"\x00\xffthis is not HTTP\r\n\r\n".to_vec(), End::Close)
    }

    /// A reset after the request's head, before its body is read.
    pub fn reset_before_body() -> Reply {
        Self::new(How::ResetEarly, false)
    }

    /// A reset after the whole request, before any answer: the sender cannot know whether it was
    /// taken. It was.
    pub fn reset_after_request() -> Reply {
        Self::bytes(Vec::new(), End::Reset).taken()
    }

    /// A reset in the middle of a 200's body. The calls are taken.
    pub fn reset_in_answer() -> Reply {
        Self::bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"succ".to_vec(), End::Reset).taken()
    }

    /// An orderly end of the connection without an answer. The calls are taken.
    pub fn close() -> Reply {
        Self::bytes(Vec::new(), End::Close).taken()
    }

    /// A 200 that announces more bytes than it sends before the connection ends. The calls are
    /// taken.
    pub fn short_body() -> Reply {
        Self::bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{}".to_vec(), End::Close).taken()
    }

    /// No answer at all on a connection that stays open.
    pub fn silence() -> Reply {
        Self::new(How::Silence, false)
    }

    /// A 200 whose head comes byte by byte with this pause before each.
    pub fn slow_head(pause: Duration) -> Reply {
        Self::slow(0, pause)
    }

    /// A 200 whose head comes at once and whose body comes byte by byte with this pause before
    /// each.
    pub fn slow_body(pause: Duration) -> Reply {
        let whole = answer(200, &[], Self::SUCCESS.as_bytes()).len();
        Self::slow(whole - Self::SUCCESS.len(), pause)
    }

    fn slow(quick: usize, pause: Duration) -> Reply {
        let bytes = answer(200, &[], Self::SUCCESS.as_bytes());
        Self::new(How::Bytes { bytes, quick, pause, end: End::Close }, true)
    }

    /// A 200 with a body of that many bytes, its length not announced.
    pub fn huge_body(bytes: u64) -> Reply {
        Self::new(How::Huge(bytes), true)
    }

    /// A 200 whose body never ends, in chunks.
    pub fn endless_body() -> Reply {
        Self::huge_body(u64::MAX)
    }

    /// A 200 whose body is gzip, unasked for: a few KiB that unpack to that many bytes. The calls
    /// are taken.
    pub fn gzip_bomb(bytes: u64) -> Reply {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        // Writing to memory does not fail.
        let _ = io::copy(&mut io::repeat(b' ').take(bytes), &mut packed);
        Self::ok().header("content-encoding", "gzip").body(packed.finish().unwrap_or_default())
    }

    /// A 200 that announces fewer bytes than it sends. The calls are taken.
    pub fn long_body() -> Reply {
        let bytes = [answer(200, &[], Self::SUCCESS.as_bytes()), vec![b'x'; 5000]].concat();
        Self::bytes(bytes, End::Close).taken()
    }

    /// A 200 in chunks, one of which has no size. The calls are taken.
    pub fn bad_chunks() -> Reply {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        Self::bytes(format!("{head}5\r\n{{\"suc\r\nZZ\r\n").into_bytes(), End::Close).taken()
    }

    /// A 200 with a header of that many bytes. The calls are taken.
    pub fn long_head(bytes: usize) -> Reply {
        Self::ok().header("x-long", &"a".repeat(bytes))
    }

    /// That many `100 Continue` and no final answer.
    pub fn informational_flood(times: usize) -> Reply {
        Self::bytes("HTTP/1.1 100 Continue\r\n\r\n".repeat(times).into_bytes(), End::Close)
    }

    /// A switch to another protocol that the client did not request.
    pub fn upgrade() -> Reply {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
        Self::bytes(head.as_bytes().to_vec(), End::Close)
    }

    /// Sets a header of a well-formed answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        if let How::Answer { headers, .. } = &mut self.how {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body of a well-formed answer.
    #[must_use]
    pub fn body(mut self, text: impl Into<Vec<u8>>) -> Reply {
        if let How::Answer { body, .. } = &mut self.how {
            *body = text.into();
        }
        self
    }

    /// Sets the body of a well-formed answer to this JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Reply {
        self.body(value.to_string())
    }

    /// Takes the calls whatever the answer says: with a 500, that is a destination which processes
    /// twice.
    #[must_use]
    pub fn taken(mut self) -> Reply {
        self.taken = true;
        self
    }

    /// Takes no calls whatever the answer says.
    #[must_use]
    pub fn refused(mut self) -> Reply {
        self.taken = false;
        self
    }

    /// Waits this long before the answer begins.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    pub(super) fn takes(&self) -> bool {
        self.taken
    }

    pub(super) fn skips_body(&self) -> bool {
        matches!(self.how, How::ResetEarly)
    }

    pub(super) fn answered_status(&self) -> Option<u16> {
        match &self.how {
            How::Answer { status, .. } => Some(*status),
            How::Huge(_) => Some(200),
            How::Bytes { bytes, .. } => bytes.starts_with(b"HTTP/1.1 200").then_some(200),
            How::Silence | How::ResetEarly => None,
        }
    }

    /// Answers. The connection comes back if it can carry another request.
    pub(super) async fn send(self, mut connection: Connection) -> io::Result<Option<Connection>> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        match self.how {
            How::Answer { status, headers, body } => {
                connection.stream.write_all(&answer(status, &headers, &body)).await?;
                return Ok(Some(connection));
            }
            How::Bytes { bytes, quick, pause, end } => {
                connection.stream.write_all(&bytes[..quick]).await?;
                for byte in &bytes[quick..] {
                    tokio::time::sleep(pause).await;
                    connection.stream.write_all(&[*byte]).await?;
                }
                match end {
                    End::Close => connection.stream.shutdown().await?,
                    End::Reset => connection.reset(),
                }
            }
            How::Huge(bytes) => huge(&mut connection, bytes).await?,
            How::Silence => connection.until_closed().await,
            How::ResetEarly => connection.reset(),
        }
        Ok(None)
    }
}

async fn huge(connection: &mut Connection, mut bytes: u64) -> io::Result<()> {
    connection.stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    let filler = vec![b' '; 64 * 1024];
    while bytes > 0 {
        let size = bytes.min(filler.len() as u64);
        connection.stream.write_all(format!("{size:x}\r\n").as_bytes()).await?;
        connection.stream.write_all(&filler[..size as usize]).await?;
        connection.stream.write_all(b"\r\n").await?;
        bytes -= size;
    }
    connection.stream.write_all(b"0\r\n\r\n").await
}
