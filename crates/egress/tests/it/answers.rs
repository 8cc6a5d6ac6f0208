//! Answers of all kinds, and what happens to connections.

use std::sync::Arc;

use bytes::Bytes;
use outflow_egress::{BodyEnd, Deadlines, KEPT_BYTES, SendErrorKind, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::server::{Server, answer, client, read_request, short};

const BODY: Bytes = Bytes::from_static(b"{\"batch\":[]}");

#[tokio::test]
async fn every_status_comes_back_as_it_is() {
    let client = client();
    for status in [
        200, 201, 202, 207, 301, 302, 303, 307, 308, 400, 401, 403, 404, 413, 418, 422, 429, 500, 501, 503,
        505, 599,
    ] {
        let server = Server::answering(answer(status, "retry-after: 7\r\n", "said")).await;
        let response = client.post(&server.target("/"), BODY, &Deadlines::default()).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (status, b"said".as_slice()));
        assert_eq!(response.headers["retry-after"], "7");
        assert!(matches!(response.end, BodyEnd::Complete));
    }
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    for _ in 0..2 {
        assert_eq!(client.post(&server.target("/"), BODY, &Deadlines::default()).await.unwrap().status, 204);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_has_the_headers_of_its_target_and_no_others() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            seen.send(String::from_utf8(request).unwrap()).unwrap();
            stream.write_all(&answer(200, "", "{}")).await.unwrap();
        }
    })
    .await;
    let url = format!("http://{}/v1/batch?a=b", server.address);
    let target = Target::new(&url, [("Authorization", "Basic a2V5Og=="), ("X-Strict-Mode", "1")]).unwrap();
    client().post(&target, BODY, &Deadlines::default()).await.unwrap();
    let request = requests.recv().await.unwrap();
    let mut lines: Vec<_> = request.lines().collect();
    assert_eq!(lines.remove(0), "POST /v1/batch?a=b HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    let agent = concat!("user-agent: outflow/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        lines,
        [
            "",
            "accept-encoding: identity",
            "authorization: Basic a2V5Og==",
            "content-length: 12",
            &host,
            agent,
            "x-strict-mode: 1",
            "{\"batch\":[]}"
        ]
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::answering(answer(200, "", "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: http://{}/\r\n", elsewhere.address);
        let server = Server::answering(answer(status, &location, "")).await;
        let response = client().post(&server.target("/"), BODY, &Deadlines::default()).await.unwrap();
        assert_eq!(response.status, status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn one_connection_carries_request_after_request() {
    let server = Server::answering(answer(200, "", "{\"success\":true}")).await;
    let (client, target) = (client(), server.target("/v1/batch"));
    let body = Bytes::from(vec![b'x'; 450_000]);
    for _ in 0..200 {
        client.post(&target, body.clone(), &Deadlines::default()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_connections_as_requests_under_way_and_no_more() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let (client, target) = (client(), server.target("/"));
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (client, target) = (client.clone(), target.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    assert_eq!(client.post(&target, BODY, &Deadlines::default()).await.unwrap().status, 200);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(server.connections() <= 8, "{} connections", server.connections());
}

#[tokio::test]
async fn a_connection_that_the_server_wants_closed_is_not_used_again() {
    let server = Server::answering(answer(200, "connection: close\r\n", "{}")).await;
    let (client, target) = (client(), server.target("/"));
    for _ in 0..3 {
        client.post(&target, BODY, &Deadlines::default()).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_long_body_is_kept_in_part_and_costs_no_connection() {
    let long = "é".repeat(KEPT_BYTES);
    let server = Server::answering(answer(400, "", &long)).await;
    let (client, target) = (client(), server.target("/"));
    for _ in 0..3 {
        let response = client.post(&target, BODY, &Deadlines::default()).await.unwrap();
        assert_eq!(response.body, &long.as_bytes()[..KEPT_BYTES]);
        assert!(matches!(response.end, BodyEnd::Cut));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_connection_dropped() {
    let (gone, mut hung_up) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let gone = gone.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            let chunk = format!("1000\r\n{}\r\n", "z".repeat(4096));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
            gone.send(()).unwrap();
        }
    })
    .await;
    let response = client().post(&server.target("/"), BODY, &Deadlines::default()).await.unwrap();
    assert!(matches!(response.end, BodyEnd::Cut));
    assert_eq!(response.body.len(), KEPT_BYTES);
    hung_up.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_read_counts() {
    let server = Server::start(|mut stream| async move {
        let mut head = [0; 64];
        stream.read_exact(&mut head).await.unwrap();
        stream.write_all(&answer(413, "connection: close\r\n", "too large")).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    })
    .await;
    let body = Bytes::from(vec![b'x'; 8 << 20]);
    let response = client().post(&server.target("/"), body, &short()).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (413, b"too large".as_slice()));
}

#[tokio::test]
async fn a_kept_connection_that_has_been_closed_is_replaced() {
    let closed = Arc::new(tokio::sync::Notify::new());
    let tell = Arc::clone(&closed);
    let server = Server::start(move |mut stream| {
        let tell = Arc::clone(&tell);
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(&answer(200, "", "{}")).await.unwrap();
            drop(stream);
            tell.notify_one();
        }
    })
    .await;
    let (client, target) = (client(), server.target("/"));
    for _ in 0..3 {
        match client.post(&target, BODY, &Deadlines::default()).await {
            Ok(response) => assert_eq!(response.status, 200),
            Err(e) => assert!(e.kind == SendErrorKind::Reset, "{e}"),
        }
        closed.notified().await;
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn gets_and_puts_are_what_they_are_called() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            // A GET has no body and no Content-Length.
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            seen.send(String::from_utf8(request).unwrap()).unwrap();
            stream.write_all(&answer(200, "", "said")).await.unwrap();
        }
    })
    .await;
    let (target, deadlines) = (server.target("/a?b=c"), Deadlines::default());
    assert_eq!(client().get(&target, &deadlines).await.unwrap().body, b"said");
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("GET /a?b=c HTTP/1.1\r\n") && !request.contains("content-length"),
        "{request}"
    );
    assert_eq!(client().put(&target, Bytes::new(), &deadlines).await.unwrap().body, b"said");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn a_compressed_answer_is_text_and_one_that_cannot_be_undone_is_none() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, b"{\"success\":true}").unwrap();
    let packed = encoder.finish().unwrap();
    let send = async |coding: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let server = Server::answering([head.as_bytes(), body].concat()).await;
        client().post(&server.target("/"), BODY, &Deadlines::default()).await.unwrap()
    };
    let response = send("gzip", &packed).await;
    assert_eq!(response.body, b"{\"success\":true}");
    assert!(matches!(response.end, BodyEnd::Complete));
    for (coding, body) in [("br", &packed[..]), ("gzip", &packed[..packed.len() - 3])] {
        let response = send(coding, body).await;
        assert!(response.body.is_empty(), "{coding}");
        assert!(matches!(response.end, BodyEnd::Unreadable(words) if words.contains(coding)));
    }
}
