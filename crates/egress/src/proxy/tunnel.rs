//! Asking a proxy for the way to an origin.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Proxy;
use crate::SendErrorKind::{Connect, Protocol, ProxyRefused};
use crate::target::{OUTFLOW, Origin};
use crate::{SendError, SendErrorKind};

/// The longest head of a proxy's answer.
const HEAD_BYTES: usize = 16 * 1024;

/// Asks for the way, over a connection to the proxy. After that, the connection leads to the
/// origin.
pub(crate) async fn open(
    proxy: &Proxy,
    origin: &Origin,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), SendError> {
    let broken =
        |e: std::io::Error| SendError::unsent(Connect, format_args!("the proxy {}: {e}", proxy.address()));
    let way = origin.authority();
    let mut request =
        format!("CONNECT {way} HTTP/1.1\r\nhost: {way}\r\nuser-agent: {OUTFLOW}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = BytesMut::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if head.len() > HEAD_BYTES || stream.read_buf(&mut head).await.map_err(broken)? == 0 {
            return Err(no_answer(proxy, &way));
        }
    };
    match status(&head) {
        // Only the origin could have sent what follows, and it has been asked for nothing yet.
        Some(200..300) if head.len() > end => Err(no_answer(proxy, &way)),
        Some(200..300) => Ok(()),
        Some(status) => Err(refused(proxy, &way, status)),
        None => Err(no_answer(proxy, &way)),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.strip_prefix("HTTP/1.")?.splitn(3, ' ');
    words.next()?;
    words.next()?.parse().ok()
}

fn no_answer(proxy: &Proxy, way: &str) -> SendError {
    let said =
        format!("the proxy {} gave no answer of HTTP when asked for the way to {way}", proxy.address());
    SendError::unsent(Protocol, said)
}

/// A proxy that cannot reach the origin, or is busy, may do it later; one that does not want to
/// will not.
fn refused(proxy: &Proxy, way: &str, status: u16) -> SendError {
    let proxy_name = proxy.address();
    let (kind, said): (SendErrorKind, String) = match status {
        407 if proxy.authorization.is_some() => {
            (ProxyRefused, format!("the proxy {proxy_name} does not take the user and password (407)"))
        }
        407 => (ProxyRefused, format!("the proxy {proxy_name} wants a user and a password (407)")),
        408 | 425 | 429 | 500.. => {
            (Connect, format!("the proxy {proxy_name} opened no way to {way} ({status})"))
        }
        _ => (ProxyRefused, format!("the proxy {proxy_name} lets nothing through to {way} ({status})")),
    };
    SendError::unsent(kind, said)
}
