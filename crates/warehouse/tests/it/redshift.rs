//! What only Redshift does, by a scripted server.

use std::time::Duration;

use outflow_core::ports::warehouse::{Statement, Warehouse};
use outflow_core::{Code, ColumnType};
use sha2::{Digest, Sha256};

use crate::fake::{
    PASSWORD, Peer, accept, authentication, columns, described, done, listen, message, one_text, ready, row,
    saying, welcome,
};
use crate::{error, read, select};

/// Code 13: an algorithm, a salt and a nonce.
fn digest_request(salt: &[u8], nonce: &[u8]) -> Vec<u8> {
    let counted = |part: &[u8]| [&(part.len() as u32).to_be_bytes(), part].concat();
    authentication(13, &[&[0, 0, 0, 0][..], &counted(salt), &counted(nonce)].concat())
}

/// Lets the client in by code 13 and checks its answer.
async fn log_in(peer: &mut Peer) {
    let parameters = peer.start_up().await;
    assert_eq!(
        parameters,
        "user\0reader\0database\0dev\0client_encoding\0UTF8\0application_name\0outflow\0\0"
    );
    peer.send(&digest_request(b"salt", b"server nonce")).await;
    let (tag, body) = peer.receive().await.unwrap();
    assert_eq!((tag, &body[..4]), (b'd', &[0, 0, 0, 32][..]));
    let nonce = &body[40..];
    assert_eq!(u32::from_be_bytes(body[36..40].try_into().unwrap()) as usize, nonce.len());
    let inner = Sha256::digest([PASSWORD.as_bytes(), b"salt"].concat());
    let outer = Sha256::digest([&inner[..], b"server nonce", nonce].concat());
    assert_eq!(body[4..36], outer[..]);
    peer.send(&[authentication(0, b""), welcome()].concat()).await;
    for setting in ["SET timezone TO 'UTC'", "SET datestyle TO 'ISO'", "SET extra_float_digits TO 2"] {
        assert_eq!(peer.query().await, setting);
        peer.send(&done()).await;
    }
}

/// Takes the named portal's executions for the given counts and answers each with as many rows.
async fn serve_portal(peer: &mut Peer, counts: &[u32], rows_in_all: u32) {
    let mut given = 0;
    let (tag, body) = peer.receive().await.unwrap();
    assert_eq!((tag, &body[..9]), (b'B', &b"outflow\0\0"[..]));
    for (i, &count) in counts.iter().enumerate() {
        let (tag, body) = peer.receive().await.unwrap();
        assert_eq!((tag, body), (b'E', [b"outflow\0", &count.to_be_bytes()[..]].concat()));
        assert_eq!(peer.receive().await.unwrap().0, b'S');
        let mut answer = if i == 0 { message(b'2', b"") } else { Vec::new() };
        for _ in 0..count.min(rows_in_all - given) {
            given += 1;
            answer.extend(row(&[Some(&given.to_string())]));
        }
        answer.extend(if given < rows_in_all { message(b's', b"") } else { message(b'C', b"SELECT\0") });
        answer.extend(ready());
        peer.send(&answer).await;
    }
    assert_eq!(peer.receive().await.map(|(tag, _)| tag), Some(b'X'), "nothing more is asked for");
}

#[tokio::test]
async fn a_session_goes_by_redshifts_rules_from_login_to_the_end() {
    let (listener, settings) = listen().await;
    let script = tokio::spawn(async move {
        let mut peer = accept(&listener).await;
        log_in(&mut peer).await;
        assert_eq!(peer.query().await, "SELECT GETDATE()");
        peer.send(&one_text("2026-11-24 10:00:00\0\0")).await;
        for sent in
            ["SET query_group TO 'outflow-users'", "BEGIN READ ONLY", "SET statement_timeout TO 90000"]
        {
            assert_eq!(peer.query().await, sent);
            peer.send(&done()).await;
        }
        assert_eq!(peer.receive().await.unwrap(), (b'P', b"\0SELECT id, s FROM users\0\0\0".to_vec()));
        assert_eq!(peer.receive().await.unwrap(), (b'D', b"S\0".to_vec()));
        assert_eq!(peer.receive().await.unwrap().0, b'S');
        peer.send(&described(&[("id", 20), ("s", 4000)])).await;
        assert_eq!(peer.receive().await.unwrap(), (b'B', vec![0; 8]), "no result formats: texts");
        assert_eq!(peer.receive().await.unwrap(), (b'E', vec![0; 5]), "all rows");
        assert_eq!(peer.receive().await.unwrap().0, b'S');
        let rows = [row(&[Some("1"), Some("\"TV\"")]), message(b'N', b"SINFO\0\0"), row(&[Some("2"), None])]
            .concat();
        peer.send(&[message(b'2', b""), rows, message(b'C', b"SELECT\0"), ready()].concat()).await;
        assert_eq!(peer.receive().await.unwrap().0, b'X');
    });
    let mut session = crate::open(settings).unwrap().connect().await.unwrap();
    assert_eq!(session.clock().await.unwrap().to_string(), "2026-11-24T10:00:00Z");
    let statement = Statement {
        sql: "SELECT id, s FROM users".into(),
        label: "outflow-users".into(),
        timeout: Some(Duration::from_secs(90)),
        ..Statement::default()
    };
    let mut stream = session.query(statement).await.unwrap();
    assert_eq!(stream.columns()[1].ty, ColumnType::Json);
    let mut page = outflow_core::RowPage::default();
    let mut rows = Vec::new();
    while stream.next(&mut page).await.unwrap() {
        rows.extend(page.iter().map(|row| crate::texts(row, 2)));
    }
    assert_eq!(rows, [[Some("1".to_owned()), Some("\"TV\"".to_owned())], [Some("2".to_owned()), None]]);
    script.await.unwrap();
}

#[tokio::test]
async fn a_limit_goes_to_a_named_portal_a_thousand_rows_at_a_time() {
    for (limit, in_all, counts, rows) in [
        (2500, 9000, vec![1000, 1000, 500], 2500),
        (20, 9000, vec![20], 20),
        (2500, 1500, vec![1000, 1000], 1500),
    ] {
        let (listener, settings) = listen().await;
        let script = tokio::spawn(async move {
            let mut peer = accept(&listener).await;
            log_in(&mut peer).await;
            assert_eq!(peer.query().await, "BEGIN READ ONLY");
            peer.send(&done()).await;
            for tag in [b'P', b'D', b'S'] {
                assert_eq!(peer.receive().await.unwrap().0, tag);
            }
            peer.send(&described(&[("id", 20)])).await;
            serve_portal(&mut peer, &counts, in_all).await;
        });
        let statement = Statement { limit: Some(limit), ..select("SELECT id FROM users") };
        let (_, read) = read(&crate::open(settings).unwrap(), statement).await.unwrap();
        assert_eq!(read.len(), rows);
        script.await.unwrap();
    }
}

/// All that a server says in a session with a result of these rows.
fn whole_session(rows: &[Vec<u8>]) -> Vec<u8> {
    let settings: Vec<u8> = (0..4).flat_map(|_| done()).collect();
    let login = [authentication(0, b""), welcome()].concat();
    let result = [message(b'2', b""), rows.concat(), message(b'C', b"SELECT\0"), ready()].concat();
    [login, settings, described(&[("a", 25)]), result].concat()
}

#[tokio::test]
async fn a_server_that_gives_more_than_it_was_asked_for_is_not_listened_to() {
    let rows: Vec<_> = (0..50).map(|_| row(&[Some("x")])).collect();
    let server = saying(whole_session(&rows)).await;
    let statement = Statement { limit: Some(7), ..select("SELECT a FROM t") };
    assert_eq!(read(&server, statement).await.unwrap().1.len(), 7);
}

#[tokio::test]
async fn ways_of_authentication_that_we_do_not_speak_are_named() {
    let cases = [
        (authentication(2, b""), "Kerberos"),
        (authentication(7, b""), "GSSAPI"),
        (authentication(14, b""), "identity provider"),
        (authentication(99, b""), "code 99"),
        (authentication(10, b"SCRAM-SHA-512\0\0"), "SCRAM-SHA-512"),
        (authentication(13, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]), "digest algorithm 2"),
    ];
    for (request, name) in cases {
        let error = error(&saying(request).await, "SELECT 1").await;
        assert_eq!(error.code(), Code::UnknownAuthMethod, "{error}");
        assert!(error.full_message().reveal().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_skips_its_own_proof_is_not_believed() {
    let skips = [authentication(10, b"SCRAM-SHA-256\0\0"), authentication(0, b""), welcome()].concat();
    assert_eq!(error(&saying(skips).await, "SELECT 1").await.code(), Code::ProtocolViolation);
}

#[tokio::test]
async fn what_is_no_database_server_is_refused() {
    let web = saying(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec()).await;
    assert_eq!(error(&web, "SELECT 1").await.code(), Code::ProtocolViolation);
    let none = saying(Vec::new()).await;
    assert_eq!(error(&none, "SELECT 1").await.code(), Code::SourceUnavailable);
}

#[tokio::test]
async fn lengths_and_counts_that_lie_break_the_protocol() {
    let broken = |frame: Vec<u8>| whole_session(&[row(&[Some("x")]), frame, row(&[Some("y")])]);
    let cases = [
        (row(&[Some("x"), Some("y")]), Code::ProtocolViolation),
        (row(&[]), Code::ProtocolViolation),
        (message(b'D', b"\0\x01\0\0\0\x09short"), Code::ProtocolViolation),
        (message(b'D', b""), Code::ProtocolViolation),
        (message(b'Z', b"T"), Code::ProtocolViolation),
        (columns(&[("b", 25)]), Code::ProtocolViolation),
        (message(b's', b""), Code::ProtocolViolation),
        (vec![b'D', 0x7f, 0xff, 0xff, 0xff], Code::RowTooLarge),
        (vec![b'N', 0x7f, 0xff, 0xff, 0xff], Code::ProtocolViolation),
        (vec![b'D', 0, 0, 0, 3], Code::ProtocolViolation),
        (message(b'E', b"C57P01\0Mshutting down\0\0"), Code::SourceUnavailable),
    ];
    for (frame, code) in cases {
        let error = error(&saying(broken(frame.clone())).await, "SELECT a FROM t").await;
        assert_eq!(error.code(), code, "{frame:?}: {error}");
    }
}

#[tokio::test]
async fn a_result_that_is_cut_anywhere_is_never_taken_for_the_end() {
    let whole = whole_session(&[row(&[Some("one")]), row(&[None]), row(&[Some("three")])]);
    let login = authentication(0, b"").len() + welcome().len() + 3 * done().len();
    assert_eq!(read(&saying(whole.clone()).await, select("SELECT a FROM t")).await.unwrap().1.len(), 3);
    for cut in 0..whole.len() {
        let error = error(&saying(whole[..cut].to_vec()).await, "SELECT a FROM t").await;
        let code = if cut < login { Code::SourceUnavailable } else { Code::ConnectionBroken };
        assert_eq!(error.code(), code, "cut at {cut} of {}: {error}", whole.len());
    }
}

/// A server that counts its rows counts all of them. Redshift counts none.
#[tokio::test]
async fn a_result_with_another_number_of_rows_than_the_server_counted_is_none() {
    let session = |tag: &[u8]| {
        let settings: Vec<u8> = (0..4).flat_map(|_| done()).collect();
        let login = [authentication(0, b""), welcome()].concat();
        let rows: Vec<u8> = (0..100).flat_map(|_| row(&[Some("x")])).collect();
        let result = [message(b'2', b""), rows, message(b'C', tag), ready()].concat();
        [login, settings, described(&[("a", 25)]), result].concat()
    };
    for tag in [&b"SELECT\0"[..], b"SELECT 100\0", b"SELECT many\0"] {
        let server = saying(session(tag)).await;
        assert_eq!(read(&server, select("SELECT a FROM t")).await.unwrap().1.len(), 100);
    }
    for tag in [&b"SELECT 5000\0"[..], b"SELECT 99\0", b"SELECT 0\0", b"FETCH 101\0"] {
        let error = error(&saying(session(tag)).await, "SELECT a FROM t").await;
        assert_eq!(error.code(), Code::ConnectionBroken, "{error}");
        assert!(error.message().contains("100 arrived"), "{error}");
    }
}

#[tokio::test]
async fn dropping_a_read_closes_the_connection() {
    let (listener, settings) = listen().await;
    let server = crate::open(settings).unwrap();
    let reading = tokio::spawn(async move { read(&server, select("SELECT a FROM t")).await });
    let mut peer = accept(&listener).await;
    let unended = whole_session(&[row(&[Some("x")])]);
    peer.send(&unended[..unended.len() - ready().len()]).await;
    peer.start_up().await;
    // Everything that the client has to say, up to the Sync after its Execute.
    let mut syncs = 0;
    while syncs < 2 {
        syncs += i32::from(peer.receive().await.unwrap().0 == b'S');
    }
    reading.abort();
    assert!(peer.receive().await.is_none());
}
