//! What each answer means.

use http::HeaderMap;

use super::*;

const NOW: &str = "2026-11-24T10:00:00Z";

fn reader() -> Reader {
    Reader::new(Expect::Json, vec!["s3cret-key".to_owned()])
}

fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Response { status, headers: map, body: body.into(), end: BodyEnd::Complete }
}

fn read(response: Response) -> Answer {
    reader().read(Ok(response), 2, NOW.parse().unwrap()).answer
}

#[test]
fn every_status_has_its_answer() {
    for status in 101..=999 {
        let answer = read(response(status, &[], r#"{"success":true}"#));
        let (name, code) = match &answer {
            Answer::Delivered => ("delivered", None),
            Answer::Refused(r) => ("refused", Some(r.code)),
            Answer::TooLarge(r) => ("too large", Some(r.code)),
            Answer::Retry { code, .. } => ("retry", Some(*code)),
            Answer::Stop { code, .. } => ("stop", Some(*code)),
            Answer::Partial(_) => ("partial", None),
        };
        let want = match status {
            206 => ("stop", Some(Code::DestinationAnswerInvalid)),
            200..=299 => ("delivered", None),
            407 | 511 => ("stop", Some(Code::DestinationAnswerInvalid)),
            400 | 409 | 422 => ("refused", Some(Code::CallRefused)),
            413 => ("too large", Some(Code::CallTooLargeForDestination)),
            401 | 403 => ("stop", Some(Code::DestinationAuthFailed)),
            408 => ("retry", Some(Code::DestinationTimeout)),
            425 | 429 => ("retry", Some(Code::DestinationThrottled)),
            501 | 505 => ("stop", Some(Code::DestinationAddressWrong)),
            500..=599 => ("retry", Some(Code::DestinationServerError)),
            _ => ("stop", Some(Code::DestinationAddressWrong)),
        };
        assert_eq!((name, code), want, "{status}");
        let reported = match answer {
            Answer::Refused(r) | Answer::TooLarge(r) => r.status,
            Answer::Retry { status, .. } | Answer::Stop { status, .. } => status,
            _ => Some(status),
        };
        assert_eq!(reported, Some(status));
    }
}

#[test]
fn retry_after_is_honoured_within_reason() {
    let wait = |value: &str, date: Option<&str>| {
        let mut headers = vec![("retry-after", value)];
        headers.extend(date.map(|d| ("date", d)));
        match read(response(429, &headers, "")) {
            Answer::Retry { after, .. } => after.map(|d| d.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    for (value, want) in [
        ("7", Some(7)),
        (" 120 ", Some(120)),
        ("0", None),
        ("-5", None),
        ("-0.5", None),
        ("3.5", Some(4)),
        ("3.0", Some(3)),
        (".5", Some(1)),
        ("0.0", None),
        ("1e3", None),
        ("inf", None),
        ("NaN", None),
        ("4 seconds", None),
        ("99999999", Some(3600)),
        ("99999999999999999999999", Some(3600)),
        ("soon", None),
        ("", None),
        ("1.5", Some(2)),
        ("Tue, 24 Nov 2026 10:00:30 GMT", Some(30)),
        ("Tuesday, 24-Nov-26 10:00:30 GMT", Some(30)),
        ("Tue Nov 24 10:00:30 2026", Some(30)),
        ("2026-11-24T10:00:30Z", Some(30)),
        ("Tuesday, 24-Nov-76 10:00:30 GMT", Some(3600)),
        ("Tue Nov 24 09:00:00 2026", None),
        ("Tue, 24 Nov 2026 09:00:00 GMT", None),
        ("Sat, 01 Jan 2050 00:00:00 GMT", Some(3600)),
        ("Tue, 99 Nov 2026 10:00:30 GMT", None),
    ] {
        assert_eq!(wait(value, None), want, "{value:?}");
    }
    let (now, mut several) = (NOW.parse().unwrap(), HeaderMap::new());
    for value in ["2", "soon", "9", "5"] {
        several.append("retry-after", value.parse().unwrap());
    }
    assert_eq!(
        hint::retry_after(&several, now),
        After::Wait { wait: std::time::Duration::from_secs(9), asked: None }
    );
    several = HeaderMap::from_iter([(http::header::RETRY_AFTER, "soon".parse().unwrap())]);
    assert_eq!(hint::retry_after(&several, now), After::Unclear);
    let skewed = Some("Sun, 01 Jan 2023 00:00:00 GMT");
    assert_eq!(wait("Sun, 01 Jan 2023 00:00:45 GMT", skewed), Some(45), "the answer's own clock counts");
}

#[test]
fn a_wait_that_is_asked_for_is_told_with_its_status() {
    let told = |value: &str, body: &str| match read(response(429, &[("retry-after", value)], body)) {
        Answer::Retry { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    for (value, want) in [
        ("7", "429: Too Many Requests; it asks to wait 7s (Retry-After)"),
        (
            "99999999999999999999",
            "429: Too Many Requests; it asks to wait more than a year (Retry-After), and 3600s is the most that counts",
        ),
        (
            "86400",
            "429: Too Many Requests; it asks to wait 1d (Retry-After), and 3600s is the most that counts",
        ),
        ("-4", "429: Too Many Requests; it asks for a wait (Retry-After) that cannot be read"),
        ("0", "429: Too Many Requests"),
    ] {
        assert_eq!(told(value, "{}"), want, "{value}");
    }
    assert_eq!(told("0", r#"{"error":"slow down"}"#), "429: slow down");
    let negative = HeaderMap::from_iter([(http::header::RETRY_AFTER, "-4".parse().unwrap())]);
    assert_eq!(hint::retry_after(&negative, NOW.parse().unwrap()), After::Unclear, "and so it is logged");
}

#[test]
fn an_answer_that_is_too_long_is_said_to_be() {
    for body in [br#"{"success":true"#.to_vec(), vec![b' '; outflow_egress::KEPT_BYTES]] {
        let cut = Response { end: BodyEnd::Cut, ..response(200, &[], body) };
        match read(cut) {
            Answer::Stop { code: Code::DestinationAnswerInvalid, reason, .. } => {
                assert!(reason.starts_with("an answer of more than 64 KiB"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_status_of_success_counts_only_with_a_body_that_makes_sense() {
    use Expect::{Any, Json};
    let deep = "[".repeat(100_000);
    for (expect, body, want) in [
        (Json, r#"{"success":true}"#, "yes"),
        (Json, "", "yes"),
        (Json, " \n", "yes"),
        (Json, "[]", "yes"),
        (Json, "true", "yes"),
        (Json, "{}", "yes"),
        (Json, r#"{"success":true,"errors":[],"error":null}"#, "yes"),
        (Json, r#"{"success":false}"#, "no"),
        (Json, r#"{"errors":[{"index":1}]}"#, "no"),
        (Json, r#"{"error":"bad"}"#, "no"),
        (Json, "OK", "nonsense"),
        (Json, "<html><body>Log in</body></html>", "nonsense"),
        (Json, "{\"success\":", "nonsense"),
        (Json, "\0\0", "nonsense"),
        (Json, deep.as_str(), "nonsense"),
        (Json, "\u{feff}<!DOCTYPE html>", "nonsense"),
        (Any, "OK", "yes"),
        (Any, "", "yes"),
        (Any, "{\"success\":", "yes"),
        (Any, r#"{"success":false}"#, "no"),
        (Any, "<!doctype HTML><p>", "nonsense"),
        (Any, "<ok/>", "yes"),
        (Any, r#"{"errors":{"0":"bad"}}"#, "no"),
    ] {
        let reader = Reader::new(expect, Vec::new());
        let got = reader.read(Ok(response(200, &[], body)), 2, NOW.parse().unwrap()).answer;
        let ok = match &got {
            Answer::Delivered => want == "yes",
            Answer::Refused(r) => want == "no" && r.code == Code::CallRefused && r.reason == body,
            Answer::Stop { code: Code::DestinationAnswerInvalid, .. } => want == "nonsense",
            _ => false,
        };
        assert!(ok, "{expect:?} {:?} is {want}, not {got:?}", &body[..body.floor_char_boundary(60)]);
    }
    let cut = Response { end: BodyEnd::Cut, ..response(200, &[], vec![b' '; 65536]) };
    assert!(matches!(read(cut), Answer::Stop { code: Code::DestinationAnswerInvalid, .. }));
}

#[test]
fn reasons_are_short_clean_and_keep_secrets() {
    let reason = |body: &[u8]| match read(response(400, &[], body)) {
        Answer::Refused(r) => r.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b" bad \x1b[31mcall\x00\r\nhere "), "bad [31mcall  here");
    assert_eq!(reason(b""), "Bad Request");
    assert_eq!(reason(b"key s3cret-key is wrong"), "key *** is wrong");
    assert_eq!(reason(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    let long = reason("é".repeat(5000).as_bytes());
    assert_eq!((long.len(), long.chars().all(|c| c == 'é')), (1000, true));
    assert_eq!(reason(format!("x{}", "é".repeat(5000)).as_bytes()).len(), 999);
    // Of a page, no markup.
    match read(response(413, &[], "<html>long</html>")) {
        Answer::TooLarge(refusal) => assert_eq!(refusal.reason, "(a web page)"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_redirect_is_reported_without_path_and_query() {
    let reason = |location: &str| match read(response(302, &[("location", location)], "")) {
        Answer::Stop { code: Code::DestinationAddressWrong, reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason("https://other.example/in?token=t0ken"),
        "it redirects to https://other.example, and redirects are not followed"
    );
    for login in
        ["https://login.example/in?token=t0ken", "/users/sign_in?to=t0ken", "https://id.example/saml/t0ken"]
    {
        let reason = reason(login);
        assert!(reason.contains("log-in page") && !reason.contains("t0ken"), "{reason}");
    }
    assert_eq!(reason("/in?token=t0ken"), "it redirects elsewhere, and redirects are not followed");
}

#[test]
fn an_answer_that_cannot_be_read_is_no_yes_and_no_rubbish() {
    let unreadable = |status| {
        let words = "compressed with br, which Outflow did not ask for".to_owned();
        let end = BodyEnd::Unreadable(words);
        read(Response { end, ..response(status, &[], "") })
    };
    match unreadable(200) {
        Answer::Stop { code: Code::DestinationAnswerInvalid, reason, .. } => {
            assert!(reason.contains("compressed with br"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    match unreadable(400) {
        Answer::Refused(refusal) => assert!(refusal.reason.contains("compressed with br"), "{refusal:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_is_never_an_answer_of_the_service() {
    let page = "<!DOCTYPE html><title>Sign in</title>";
    let told = |status| match read(response(status, &[("content-type", "text/html")], page)) {
        Answer::Stop { code, reason, .. } => (code, reason),
        other => panic!("{status}: {other:?}"),
    };
    for status in [200, 202, 400, 409, 422, 407, 511] {
        let (code, reason) = told(status);
        assert_eq!(code, Code::DestinationAnswerInvalid, "{status}");
        assert!(reason.contains("with the title \"Sign in\""), "{reason}");
    }
    assert_eq!(told(403).0, Code::DestinationAuthFailed);
    let nginx = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>";
    assert_eq!(told_of(400, nginx), (Code::DestinationAddressWrong, WRITE_HTTPS.to_owned()));
    let go = "Client sent an HTTP request to an HTTPS server.";
    assert_eq!(told_of(400, go), (Code::DestinationAddressWrong, WRITE_HTTPS.to_owned()));
}

fn told_of(status: u16, body: &str) -> (Code, String) {
    match read(response(status, &[], body)) {
        Answer::Stop { code, reason, .. } => (code, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stop_and_a_retry_say_what_the_service_says() {
    let json = r#"{"error":{"code":7,"message":"bad key"}}"#;
    for status in [401, 403, 404] {
        assert_eq!(told_of(status, json).1, "bad key", "{status}");
    }
    match read(response(503, &[], json)) {
        Answer::Retry { reason, .. } => assert_eq!(reason, "bad key"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_that_are_refused_by_their_index_are_dead_letters_alone() {
    let body = r#"{"errors":[{"batch_index":1,"message":"no\u001b id"}]}"#;
    match read(response(207, &[], body)) {
        Answer::Partial(refused) => {
            let Refusal { code, status, reason } = &refused[0].1;
            assert_eq!((refused.len(), refused[0].0, *code, *status), (1, 1, Code::CallRefused, Some(207)));
            assert_eq!(reason, "no id");
        }
        other => panic!("{other:?}"),
    }
}
