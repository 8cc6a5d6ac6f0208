//! Frames: a tag byte, a 32-bit length that counts itself, a body.
//!
//! What always holds: a claimed length is checked against a limit before anything waits for it, and
//! buffers grow only as bytes arrive. What it does not do: give meaning to bodies, save that an
//! ErrorResponse becomes an error and notices are passed over.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use outflow_core::{Code, Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::failure;
use super::kind::ServerKind;
use super::transport::Transport;

/// A row may be this large on the wire.
pub(crate) const ROW_LIMIT: usize = 64 << 20;

/// Any other message may be this large: 1,600 columns with long names, or a very long error.
const MESSAGE_LIMIT: usize = 1 << 20;

/// A read requests at least this much, so that few system calls are needed.
const LEAST_READ: usize = 16 << 10;

/// A connection, encrypted or not.
pub(crate) enum Socket {
    Plain(Transport),
    Tls(Box<TlsStream<Transport>>),
}

/// One frame within a buffer.
#[derive(Debug)]
pub(crate) struct Frame {
    pub tag: u8,
    pub body: Range<usize>,
}

/// What is at a position of a buffer.
#[derive(Debug)]
pub(crate) enum Next {
    Whole(Frame),
    /// At least this many bytes have yet to come.
    Missing(usize),
}

/// Reads the frame that begins at `at`.
#[inline]
pub(crate) fn frame(data: &[u8], at: usize) -> Result<Next> {
    let rest = data.get(at..).unwrap_or_default();
    let Some(&[tag, a, b, c, d]) = rest.first_chunk::<5>() else {
        return Ok(Next::Missing(5 - rest.len()));
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let limit = if tag == b'D' { ROW_LIMIT } else { MESSAGE_LIMIT };
    if !(4..=limit).contains(&length) {
        return Err(bad_length(tag, length));
    }
    if rest.len() <= length {
        return Ok(Next::Missing(1 + length - rest.len()));
    }
    Ok(Next::Whole(Frame { tag, body: at + 5..at + 1 + length }))
}

#[cold]
fn bad_length(tag: u8, length: usize) -> Error {
    if tag == b'D' && length > ROW_LIMIT {
        let message =
            format!("a row of the result has {} MiB; {} MiB is the limit", length >> 20, ROW_LIMIT >> 20);
        return Error::new(Code::RowTooLarge, message)
            .help("leave the large column out, or shorten it in the query");
    }
    let claimed = u32::try_from(length).unwrap_or_default().to_be_bytes();
    if claimed.iter().all(|byte| (b' '..=b'~').contains(byte))
        && let Some(error) = another_server(tag)
    {
        return error;
    }
    broken_protocol(format!("a message {:?} that claims {length} bytes", char::from(tag)))
}

/// The server sent what no server of this protocol sends here.
#[cold]
pub(crate) fn broken_protocol(what: impl std::fmt::Display) -> Error {
    Error::new(Code::ProtocolViolation, format!("the server sent {what}, which breaks the protocol"))
        .help("check that host and port are those of a Redshift or PostgreSQL server, and that nothing between rewrites the traffic")
}

/// Another kind of server, by the first byte that it sends; `None` if the byte tells nothing.
#[cold]
pub(crate) fn another_server(first: u8) -> Option<Error> {
    let who = match first {
        b'H' => "an HTTP server answers here",
        // As the answer to the request for TLS, it would be a yes.
        b'S' => "an SSH server or another one answers here",
        0x15 | 0x16 => "a server that speaks TLS from the first byte answers here, such as an HTTPS server",
        b'-' | b'+' => "a Redis or mail server answers here",
        b'2' | b'4' | b'5' => "a mail or FTP server answers here",
        0x20..=0x7f if first != b'E' && first != b'N' => "a MySQL server or another one answers here",
        _ => return None,
    };
    let message = format!("{who}: it is no Redshift or PostgreSQL server");
    Some(Error::new(Code::ProtocolViolation, message).help(
        "check host and port: Redshift listens on 5439 and PostgreSQL on 5432, unless it was set up otherwise",
    ))
}

/// A message that has no business at this point.
#[cold]
pub(crate) fn unexpected(tag: u8) -> Error {
    broken_protocol(format!("a message {:?} out of turn", char::from(tag)))
}

/// A text that the protocol cannot carry.
#[cold]
pub(crate) fn unsendable() -> Error {
    Error::new(Code::SyntaxError, "the statement cannot be sent: it holds a NUL character")
}

/// The connection ended or failed where an answer was due.
#[cold]
pub(crate) fn broken(cause: Option<io::Error>) -> Error {
    let cause = match cause.map(io::Error::downcast::<Error>) {
        // A tunnel knows better what went wrong.
        Some(Ok(reported)) => return reported,
        Some(Err(cause)) => Some(cause),
        None => None,
    };
    let error = Error::new(Code::ConnectionBroken, "the connection to the server broke")
        .help("the server was restarted, a network device dropped the connection, or the session was ended: run it again");
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

/// Whether a message may come at any time and means nothing to us: notices, changed settings,
/// notifications.
pub(crate) fn is_aside(tag: u8) -> bool {
    matches!(tag, b'N' | b'S' | b'A')
}

/// A connection with what has been read of it and not been used yet.
pub(crate) struct Wire {
    pub socket: Socket,
    /// The text in which an error's position counts.
    pub sql: String,
    /// The kind of the server, once it is known.
    pub kind: Option<ServerKind>,
    parameters: Vec<(String, String)>,
    inbox: Vec<u8>,
    at: usize,
    out: BytesMut,
}

impl Wire {
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            sql: String::new(),
            kind: None,
            parameters: Vec::new(),
            inbox: Vec::new(),
            at: 0,
            out: BytesMut::new(),
        }
    }

    /// The next message that is not an aside. An ErrorResponse is an error. The frame is good until
    /// the next call.
    pub async fn receive(&mut self) -> Result<Frame> {
        loop {
            match frame(&self.inbox, self.at)? {
                Next::Whole(found) => {
                    self.at = found.body.end;
                    match found.tag {
                        b'E' => return Err(failure::of(&self.inbox[found.body], &self.sql, self.kind)),
                        b'S' => self.keep_parameter(found.body),
                        tag if is_aside(tag) => {}
                        _ => return Ok(found),
                    }
                }
                Next::Missing(missing) => {
                    self.inbox.drain(..self.at);
                    self.at = 0;
                    read(&mut self.socket, &mut self.inbox, missing).await?;
                }
            }
        }
    }

    /// What the server has said of itself under that name (ParameterStatus).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Keeps a ParameterStatus. A server that says more of them than any server would is not
    /// listened to.
    fn keep_parameter(&mut self, body: Range<usize>) {
        let mut texts = self.inbox[body].split(|&byte| byte == 0).map(String::from_utf8_lossy);
        if let (Some(name), Some(value)) = (texts.next(), texts.next())
            && self.parameters.len() < 100
            && name.len() + value.len() < 1000
        {
            self.parameters.push((name.into_owned(), value.into_owned()));
        }
    }

    /// The next message, which must have this tag.
    pub async fn expect(&mut self, tag: u8) -> Result<Frame> {
        let found = self.receive().await?;
        if found.tag == tag { Ok(found) } else { Err(unexpected(found.tag)) }
    }

    pub fn body(&self, frame: &Frame) -> &[u8] {
        &self.inbox[frame.body.clone()]
    }

    /// Sends what `write` puts together. A text that the protocol cannot carry (one with a NUL) is
    /// an error of the query.
    pub async fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.out.clear();
        write(&mut self.out).map_err(|e| unsendable().caused_by(e))?;
        self.socket.write_all(&self.out).await.map_err(|e| broken(Some(e)))?;
        self.socket.flush().await.map_err(|e| broken(Some(e)))
    }

    /// Moves what has been read and not been used to the end of `data`.
    pub fn unload(&mut self, data: &mut Vec<u8>) {
        data.extend_from_slice(&self.inbox[self.at..]);
        self.inbox.clear();
        self.at = 0;
    }

    /// Takes bytes back that belong to a frame whose end has not come yet.
    pub fn keep(&mut self, rest: &[u8]) {
        self.inbox.extend_from_slice(rest);
    }
}

/// Reads once, to the end of `data`. `missing` bytes at least are yet to come; memory for them is
/// made only as they do.
pub(crate) async fn read(socket: &mut Socket, data: &mut Vec<u8>, missing: usize) -> Result<()> {
    if data.capacity() - data.len() < LEAST_READ {
        data.reserve_exact(missing.min(data.len()).max(2 * LEAST_READ));
    }
    let room = data.capacity() - data.len();
    match socket.read_buf(&mut data.limit(room)).await {
        Ok(0) => Err(broken(None)),
        Ok(_) => Ok(()),
        Err(cause) => Err(broken(Some(cause))),
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(data: &[u8]) -> Code {
        frame(data, 0).unwrap_err().code()
    }

    #[test]
    fn a_frame_is_whole_only_when_its_last_byte_is_there() {
        let data = b"xZ\0\0\0\x05Iy";
        for end in 1..7 {
            assert!(
                matches!(frame(&data[..end], 1), Ok(Next::Missing(n)) if n >= 1 && n <= 7 - end),
                "{end}"
            );
        }
        let Ok(Next::Whole(found)) = frame(data, 1) else { panic!("whole") };
        assert_eq!((found.tag, &data[found.body]), (b'Z', &b"I"[..]));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_at_once() {
        assert_eq!(code_of(b"Z\0\0\0\x03"), Code::ProtocolViolation);
        assert_eq!(code_of(b"Z\0\x20\0\0"), Code::ProtocolViolation);
        assert_eq!(code_of(b"Z\xff\xff\xff\xff"), Code::ProtocolViolation);
        assert_eq!(code_of(b"D\x7f\xff\xff\xff"), Code::RowTooLarge);
        assert!(matches!(frame(b"D\x04\0\0\0", 0), Ok(Next::Missing(_))));
    }

    /// A server that claims a row of 60 MiB and sends ten bytes of it costs a small buffer.
    #[tokio::test]
    async fn room_is_made_for_what_comes_and_not_for_what_is_claimed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        far.write_all(b"D\x03\xc0\0\0\0\x01\0\0\0\x05claimed").await.unwrap();
        far.shutdown().await.unwrap();
        let mut wire = Wire::new(Socket::Plain(Transport::Tcp(near)));
        assert_eq!(wire.receive().await.unwrap_err().code(), Code::ConnectionBroken);
        assert!(wire.inbox.capacity() <= 4 * LEAST_READ, "{}", wire.inbox.capacity());
    }
}
