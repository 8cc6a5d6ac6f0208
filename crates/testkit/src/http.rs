//! The server's side of HTTP/1.1, as little of it as a batch API needs.
//!
//! Written by hand because the servers here must be able to break the protocol at any byte.
//! Requests are read strictly: a malformed one closes the connection. No TLS, no pipelining, no
//! trailers.

use std::io::{self, Error, ErrorKind, Read};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: u64 = 256 * 1024 * 1024;

/// The head of a request.
pub(crate) struct Head {
    pub method: String,
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.header(name).is_some_and(|v| v.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    }

    /// Whether the client wants the connection closed after the answer.
    pub fn closes(&self) -> bool {
        self.has_token("connection", "close")
    }

    /// Whether the body is gzip.
    pub fn is_gzip(&self) -> bool {
        self.has_token("content-encoding", "gzip")
    }
}

/// One connection of a client.
pub(crate) struct Connection {
    pub stream: TcpStream,
    /// Bytes read beyond what was requested.
    ahead: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Connection {
        // Without this an answer in two pieces waits for the client's delayed acknowledgement. It
        // can fail only on a connection that is gone already, which the next read reports.
        let _ = stream.set_nodelay(true);
        Connection { stream, ahead: Vec::new() }
    }

    /// The next request's head, or `None` when the client has closed.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.ahead, b"\r\n\r\n") {
                let head = parse_head(&self.ahead[..end])?;
                self.ahead.drain(..end + 4);
                return Ok(Some(head));
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(malformed("the head is too long"));
            }
            if self.stream.read_buf(&mut self.ahead).await? == 0 {
                let closed_in_between = self.ahead.is_empty();
                return if closed_in_between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads the body that `head` announces into `body`, which is emptied first.
    pub async fn body(&mut self, head: &Head, body: &mut Vec<u8>) -> io::Result<()> {
        body.clear();
        if head.has_token("expect", "100-continue") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        match (head.header("content-length"), head.header("transfer-encoding")) {
            (Some(_), Some(_)) => Err(malformed("a length and an encoding")),
            (None, None) => Ok(()),
            (Some(length), None) => {
                let length = length.parse().map_err(|_| malformed("content-length"))?;
                self.exactly(length, body).await
            }
            (None, Some(encoding)) if encoding.eq_ignore_ascii_case("chunked") => self.chunks(body).await,
            (None, Some(_)) => Err(malformed("transfer-encoding")),
        }
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = u64::from_str_radix(&line, 16).map_err(|_| malformed("chunk size"))?;
            self.exactly(size, body).await?;
            if !self.line().await?.is_empty() {
                return Err(malformed("the end of a chunk"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn exactly(&mut self, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
        if length > MAX_BODY {
            return Err(malformed("the body is too long"));
        }
        let wanted = length as usize;
        let at_hand = wanted.min(self.ahead.len());
        body.reserve(wanted);
        body.extend(self.ahead.drain(..at_hand));
        let missing = (wanted - at_hand) as u64;
        let read = (&mut self.stream).take(missing).read_to_end(body).await?;
        if read as u64 == missing { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.ahead, b"\r\n") {
                let line = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
                self.ahead.drain(..end + 2);
                return Ok(line);
            }
            if self.ahead.len() > MAX_HEAD || self.stream.read_buf(&mut self.ahead).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads and forgets until the client closes.
    pub async fn until_closed(&mut self) {
        let mut scrap = [0; 4096];
        while matches!(self.stream.read(&mut scrap).await, Ok(n) if n > 0) {}
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(self) {
        // Fails only where the connection is gone already.
        let _ = self.stream.set_zero_linger();
    }
}

/// A well-formed answer.
pub(crate) fn answer(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    // Answers of these kinds have no body by definition (RFC 9110, section 6.4.1).
    if !matches!(status, 100..200 | 204 | 304) {
        bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
        bytes.extend(body);
    } else {
        bytes.extend(b"\r\n");
    }
    bytes
}

/// The bytes behind a gzip body.
pub(crate) fn gunzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(body.len() * 4);
    flate2::read::MultiGzDecoder::new(body).take(MAX_BODY).read_to_end(&mut plain)?;
    Ok(plain)
}

fn parse_head(bytes: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let request: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, path, "HTTP/1.1"] = request[..] else { return Err(malformed("the request line")) };
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header"))?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(malformed("a header's name"));
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Head { method: method.to_owned(), path: path.to_owned(), headers })
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("malformed request: {what}"))
}
