//! Answers that are taken piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use outflow_egress::{Deadlines, KEPT_BYTES, SendErrorKind};
use tokio::io::AsyncWriteExt as _;

use crate::server::{Server, answer, client, read_request};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_long_answer_comes_whole_and_its_connection_is_used_again() {
    let body = "x".repeat(40 * KEPT_BYTES);
    let (server, client) = (Server::answering(answer(200, "", &body)).await, client());
    for _ in 0..2 {
        let (target, deadlines) = (server.target("/"), Deadlines::default());
        let sent = client.open(Method::DELETE, &target, Bytes::from_static(b"{}"), &deadlines);
        let mut stream = sent.await.unwrap();
        let mut length = 0;
        while let Some(piece) = stream.piece(LONG).await.unwrap() {
            length += piece.len();
        }
        assert_eq!((stream.status, length), (200, body.len()));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn one_that_stops_or_breaks_off_is_an_error() {
    let begun = "HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nbegun";
    let stalls = Server::answering(begun).await;
    let breaks = Server::start(move |mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
    })
    .await;
    for (server, idle, kind) in
        [(&stalls, SHORT, SendErrorKind::BodyTimeout), (&breaks, LONG, SendErrorKind::Reset)]
    {
        let target = server.target("/");
        let mut stream = client()
            .open(Method::POST, &target, Bytes::from_static(b"{}"), &Deadlines::default())
            .await
            .unwrap();
        assert_eq!(stream.piece(LONG).await.unwrap().unwrap(), "begun");
        let failure = stream.piece(idle).await.unwrap_err();
        assert_eq!((failure.kind, failure.ambiguous), (kind, true));
    }
}
