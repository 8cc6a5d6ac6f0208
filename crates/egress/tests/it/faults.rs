//! Servers that misbehave: what each fault is called, and whether the request may have been taken.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use outflow_egress::{BodyEnd, Response, SendError, SendErrorKind, Target};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Server, answer, client, read_request, short};

const BODY: Bytes = Bytes::from_static(b"{}");

/// The result of a post to a server with this script.
async fn post<F, Fut>(script: F) -> Result<Response, SendError>
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let server = Server::start(script).await;
    client().post(&server.target("/"), BODY, &short()).await
}

/// The result of a post when the server takes the request, says `text` and hangs up.
async fn said(text: impl Into<Vec<u8>>) -> Result<Response, SendError> {
    let text = text.into();
    post(move |mut stream| {
        let text = text.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(&text).await.ok();
        }
    })
    .await
}

/// Says `text` byte by byte, slowly, and never ends.
async fn trickled(head: &'static str, byte: &'static str) -> Result<Response, SendError> {
    post(move |mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.ok();
        while stream.write_all(byte.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

fn failed(result: Result<Response, SendError>) -> (SendErrorKind, bool) {
    let error = result.expect_err("the post must fail");
    (error.kind, error.ambiguous)
}

fn broke_off(result: Result<Response, SendError>) -> (u16, SendErrorKind) {
    let response = result.unwrap();
    match response.end {
        BodyEnd::Failed(e) => {
            assert!(e.ambiguous, "{e}");
            (response.status, e.kind)
        }
        end => panic!("the body must break off: {end:?}"),
    }
}

#[tokio::test]
async fn nothing_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target = Target::new(&format!("http://{free}/"), []).unwrap();
    assert_eq!(failed(client().post(&target, BODY, &short()).await), (SendErrorKind::Refused, false));
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    // No resolver asks the network for a label of more than 63 characters.
    let target = Target::new(&format!("http://{}.example/", "a".repeat(70)), []).unwrap();
    let error = client().post(&target, BODY, &short()).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (SendErrorKind::Resolve, false), "{error}");
}

#[tokio::test]
async fn hang_ups_before_the_head_are_ambiguous_resets() {
    use SendErrorKind::Reset;
    assert_eq!(failed(said("").await), (Reset, true), "FIN without an answer");
    assert_eq!(failed(said("HTTP/1.1 200 OK\r\nconte").await), (Reset, true), "FIN within the head");
    let reset = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    };
    assert_eq!(failed(post(reset).await), (Reset, true), "RST after the request");
}

#[tokio::test]
async fn silence_and_slow_heads_end_at_the_deadline() {
    use SendErrorKind::HeadTimeout;
    let silent = |stream: TcpStream| async move {
        let _open = stream;
        std::future::pending().await
    };
    assert_eq!(failed(post(silent).await), (HeadTimeout, true));
    assert_eq!(failed(trickled("HTTP/1.1 200 OK\r\nx: ", "a").await), (HeadTimeout, true));
    assert_eq!(failed(trickled("", "HTTP/1.1 100 Continue\r\n\r\n").await), (HeadTimeout, true));
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    use SendErrorKind::Protocol;
    for text in [
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "\0\0\0\x04\x01\x02\x03\x04",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
    ] {
        assert_eq!(failed(said(text).await), (Protocol, true), "{text:?}");
    }
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 7\r\n\r\nabc";
    assert_eq!(failed(said(both).await), (Protocol, true));
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(10 << 20));
    assert_eq!(failed(said(huge).await), (Protocol, true));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(failed(said(many).await), (Protocol, true));
}

#[tokio::test]
async fn bodies_that_break_off_say_so_beside_the_status() {
    use SendErrorKind::{BodyTimeout, Reset, TotalTimeout};
    let head = "HTTP/1.1 401 X\r\ncontent-length: 100\r\n\r\n";
    assert_eq!(broke_off(said(format!("{head}short")).await), (401, Reset), "content-length lies");
    let chunks = "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(
        broke_off(said(format!("{chunks}5\r\nhello\r\nZZ\r\n")).await),
        (200, Reset),
        "chunk size is none"
    );
    assert_eq!(broke_off(said(format!("{chunks}5\r\nhello\r\n")).await), (200, Reset), "no last chunk");
    assert_eq!(
        broke_off(said(format!("{chunks}ffffffffffffffffff\r\nhello")).await),
        (200, Reset),
        "chunk size overflows"
    );
    assert_eq!(
        broke_off(trickled("HTTP/1.1 200 X\r\ncontent-length: 900000\r\n\r\n", "a").await),
        (200, TotalTimeout)
    );
    let stalled = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 X\r\ncontent-length: 5\r\n\r\nab").await.unwrap();
        std::future::pending().await
    };
    assert_eq!(broke_off(post(stalled).await), (500, BodyTimeout));
}

#[tokio::test]
async fn what_follows_an_answer_unasked_costs_the_connection() {
    let garbage =
        [answer(200, "", "{}"), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nunasked!!".to_vec()].concat();
    let server = Server::answering(garbage).await;
    let (client, target) = (client(), server.target("/"));
    for _ in 0..3 {
        let response = client.post(&target, BODY, &short()).await.unwrap();
        assert_eq!(response.body, b"{}");
    }
    assert_eq!(server.connections(), 3);
}
