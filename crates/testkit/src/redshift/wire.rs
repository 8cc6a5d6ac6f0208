//! Frames of the PostgreSQL protocol 3.0, read and written by hand, for either side of the
//! simulator.
//!
//! A frame is a tag, a 32-bit length that counts itself, and a body. What always holds: a frame
//! that was read is valid until the next read, and waiting for one may be given up and taken up
//! again. What it does not do: know what bodies mean.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A longer frame is invalid. Redshift's rows are below 64 MB.
const LONGEST: usize = 1 << 30;

/// Reads ahead up to this many bytes.
const CHUNK: usize = 64 << 10;

/// A connection, plain or encrypted.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// What was read and not yet taken.
#[derive(Default)]
pub(super) struct Inbox {
    buffer: Vec<u8>,
    at: usize,
}

impl Inbox {
    /// The length of the frame that is here whole, its tag and length field included.
    fn whole(&self) -> io::Result<Option<usize>> {
        let Some(head) = self.buffer.get(self.at..self.at + 5) else { return Ok(None) };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(broken("a frame of an impossible length"));
        }
        Ok((self.buffer.len() - self.at > length).then_some(1 + length))
    }

    /// Whether a frame can be had without reading.
    pub fn is_ready(&self) -> bool {
        matches!(self.whole(), Ok(Some(_)) | Err(_))
    }

    /// The next frame: its tag, and the whole of it. `None`: the other side has closed.
    pub async fn next<'a>(
        &'a mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<(u8, &'a [u8])>> {
        let length = loop {
            if let Some(length) = self.whole()? {
                break length;
            }
            self.buffer.drain(..std::mem::take(&mut self.at));
            self.buffer.reserve(CHUNK);
            if from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let frame = &self.buffer[self.at..self.at + length];
        self.at += length;
        Ok(Some((frame[0], frame)))
    }
}

/// The body of a frame.
pub(super) fn body(frame: &[u8]) -> &[u8] {
    &frame[5..]
}

/// Appends a frame.
pub(super) fn frame(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
}

/// Appends a text with its closing NUL.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

pub(super) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads the fields of a body from its beginning; every read fails where the body is too short.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn bytes(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (bytes, rest) =
            self.0.split_at_checked(count).ok_or_else(|| broken("a body that is too short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn byte(&mut self) -> io::Result<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub fn i16(&mut self) -> io::Result<i16> {
        self.bytes(2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub fn i32(&mut self) -> io::Result<i32> {
        self.bytes(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A text up to its NUL.
    pub fn text(&mut self) -> io::Result<String> {
        let end = self.0.iter().position(|&byte| byte == 0).ok_or_else(|| broken("a text without an end"))?;
        let text = String::from_utf8_lossy(self.bytes(end)?).into_owned();
        self.byte()?;
        Ok(text)
    }

    /// A value with its length in front; `None` is NULL.
    pub fn value(&mut self) -> io::Result<Option<&'a [u8]>> {
        match usize::try_from(self.i32()?) {
            Ok(length) => self.bytes(length).map(Some),
            Err(_) => Ok(None),
        }
    }
}
