//! Reads answers: what a status, a body or a broken connection means for the records of a request.
//!
//! This module decides what happened; the engine decides what follows. Reasons are cut and contain
//! neither control characters nor secrets of the destination.

use jiff::Timestamp;
use outflow_core::{Answer, Code, Refusal, Reply, steers_terminal};
use outflow_egress::{BodyEnd, Response, SendError, SendErrorKind};
use serde::Deserialize;
use serde_json::Value;

use crate::hint;
use crate::manifest::Expect;

/// A reason is cut to this many bytes.
const REASON_BYTES: usize = 1000;
/// A shorter secret could be part of any text and is not masked.
const SHORTEST_SECRET: usize = 8;

/// Reads the answers of one destination.
pub(crate) struct Reader {
    pub expect: Expect,
    /// Texts that are masked in reasons.
    pub secrets: Vec<String>,
}

impl Reader {
    /// What `result` means. `now` is used if the answer has no `Date`.
    pub fn read(&self, result: Result<Response, SendError>, now: Timestamp) -> Reply {
        match result {
            Ok(response) => {
                let hint = hint::rate(&response.headers, now);
                Reply { answer: self.answered(&response, now), hint }
            }
            Err(error) => self.unanswered(&error).into(),
        }
    }

    fn answered(&self, response: &Response, now: Timestamp) -> Answer {
        let status = response.status;
        let stop = |code, reason| Answer::Stop { code, status: Some(status), reason };
        let refusal = |code| Refusal { code, status: Some(status), reason: self.reason(response) };
        match status {
            200..=299 => self.success(response),
            400 | 409 | 422 => Answer::Refused(refusal(Code::CallRefused)),
            413 => Answer::TooLarge(refusal(Code::CallTooLargeForDestination)),
            401 | 403 => stop(Code::DestinationAuthFailed, self.reason(response)),
            300..=399 => stop(Code::DestinationAddressWrong, redirect(response)),
            408 | 425 | 429 | 500..=599 if !matches!(status, 501 | 505) => {
                let code = match status {
                    408 => Code::DestinationTimeout,
                    425 | 429 => Code::DestinationThrottled,
                    _ => Code::DestinationServerError,
                };
                let after = hint::retry_after(&response.headers, now);
                Answer::Retry { code, status: Some(status), reason: self.reason(response), after }
            }
            _ => stop(Code::DestinationAddressWrong, self.reason(response)),
        }
    }

    fn unanswered(&self, error: &SendError) -> Answer {
        let code = match error.kind {
            SendErrorKind::Blocked => Code::AddressNotAllowed,
            SendErrorKind::Tls => Code::DestinationTlsFailed,
            SendErrorKind::ConnectTimeout
            | SendErrorKind::HeadTimeout
            | SendErrorKind::BodyTimeout
            | SendErrorKind::TotalTimeout => Code::DestinationTimeout,
            SendErrorKind::Resolve
            | SendErrorKind::Refused
            | SendErrorKind::Connect
            | SendErrorKind::Reset
            | SendErrorKind::Protocol => Code::DestinationUnreachable,
        };
        let reason = self.clean(&error.to_string());
        match code {
            Code::AddressNotAllowed | Code::DestinationTlsFailed => {
                Answer::Stop { code, status: None, reason }
            }
            _ => Answer::Retry { code, status: None, reason, after: None },
        }
    }

    /// A 2xx means success only if the body is complete, of the expected kind and reports no error.
    fn success(&self, response: &Response) -> Answer {
        if let BodyEnd::Failed(error) = &response.end {
            let mut answer = self.unanswered(error);
            if let Answer::Retry { status, .. } = &mut answer {
                *status = Some(response.status);
            }
            return answer;
        }
        let body = response.body.trim_ascii();
        let is_complete = matches!(response.end, BodyEnd::Complete);
        let report = serde_json::from_slice::<ErrorReport>(body);
        let json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        let is_expected = match self.expect {
            Expect::Json => is_complete && (body.is_empty() || report.is_ok() || json()),
            Expect::Text => !is_page(body),
        };
        if !is_expected {
            let what = if is_page(body) { "a web page" } else { "something else" };
            let reason = self.clean(&format!(
                "{what} in place of the answer that the API gives: is the address right, and nothing in between? {}",
                shown(body)
            ));
            return Answer::Stop {
                code: Code::DestinationAnswerInvalid,
                status: Some(response.status),
                reason,
            };
        }
        match report {
            Ok(report) if report.reports_error() => {
                let (status, reason) = (Some(response.status), self.reason(response));
                Answer::Refused(Refusal { code: Code::CallRefused, status, reason })
            }
            _ => Answer::Delivered,
        }
    }

    /// The answer's body as a reason; without one, the name of the status.
    fn reason(&self, response: &Response) -> String {
        let text = self.clean(shown(response.body.trim_ascii()).as_ref());
        if !text.is_empty() {
            return text;
        }
        let words = http::StatusCode::from_u16(response.status).ok().and_then(|s| s.canonical_reason());
        words.unwrap_or("no reason given").to_owned()
    }

    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|s| s.len() >= SHORTEST_SECRET) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !steers_terminal(*c))
            .collect();
        text.truncate(text.floor_char_boundary(REASON_BYTES));
        text.trim().to_owned()
    }
}

/// How JSON reports an error with a status of success: `success: false`, or errors.
#[derive(Deserialize)]
struct ErrorReport {
    #[serde(default)]
    success: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
}

impl ErrorReport {
    fn reports_error(&self) -> bool {
        let filled = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(true) => true,
            Value::Number(n) => n.as_f64() != Some(0.0),
        };
        self.success == Value::Bool(false) || filled(&self.error) || filled(&self.errors)
    }
}

fn is_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |with: &[u8]| body.get(..with.len()).is_some_and(|b| b.eq_ignore_ascii_case(with));
    begins(b"<!doctype html") || begins(b"<html") || begins(b"<head")
}

/// A body as text. The markup of a web page is left out.
fn shown(body: &[u8]) -> std::borrow::Cow<'_, str> {
    if is_page(body) {
        return "(a web page)".into();
    }
    // More than is kept, since cleaning shortens it, and less than a whole body, which can be long.
    String::from_utf8_lossy(&body[..body.len().min(4 * REASON_BYTES)])
}

/// The target of a redirect without path and query, which can contain secrets.
fn redirect(response: &Response) -> String {
    let location = response.headers.get(http::header::LOCATION).and_then(|l| l.to_str().ok());
    let uri = location.and_then(|l| l.parse::<http::Uri>().ok());
    let host = uri.as_ref().and_then(|u| u.host());
    match (host, uri.as_ref().and_then(|u| u.scheme_str())) {
        (Some(host), Some(scheme)) => {
            format!("it redirects to {scheme}://{host}, and redirects are not followed")
        }
        _ => "it redirects elsewhere, and redirects are not followed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const NOW: &str = "2026-11-24T10:00:00Z";

    fn reader() -> Reader {
        Reader { expect: Expect::Json, secrets: vec!["s3cret-key".to_owned()] }
    }

    fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Response {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Response { status, headers: map, body: body.into(), end: BodyEnd::Complete }
    }

    fn read(response: Response) -> Answer {
        reader().read(Ok(response), NOW.parse().unwrap()).answer
    }

    #[test]
    fn every_status_has_its_answer() {
        for status in 101..=999 {
            let answer = read(response(status, &[], "{}"));
            let (name, code) = match &answer {
                Answer::Delivered => ("delivered", None),
                Answer::Refused(r) => ("refused", Some(r.code)),
                Answer::TooLarge(r) => ("too large", Some(r.code)),
                Answer::Retry { code, .. } => ("retry", Some(*code)),
                Answer::Stop { code, .. } => ("stop", Some(*code)),
                Answer::Partial(_) => ("partial", None),
            };
            let want = match status {
                200..=299 => ("delivered", None),
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
            ("99999999", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("soon", None),
            ("", None),
            ("1.5", None),
            ("Tue, 24 Nov 2026 10:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 09:00:00 GMT", None),
            ("Sat, 01 Jan 2050 00:00:00 GMT", Some(3600)),
            ("Tue, 99 Nov 2026 10:00:30 GMT", None),
        ] {
            assert_eq!(wait(value, None), want, "{value:?}");
        }
        let skewed = Some("Sun, 01 Jan 2023 00:00:00 GMT");
        assert_eq!(wait("Sun, 01 Jan 2023 00:00:45 GMT", skewed), Some(45), "the answer's own clock counts");
    }

    #[test]
    fn a_status_of_success_counts_only_with_a_body_that_makes_sense() {
        use Expect::{Json, Text};
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
            (Text, "OK", "yes"),
            (Text, "", "yes"),
            (Text, "{\"success\":", "yes"),
            (Text, r#"{"success":false}"#, "no"),
            (Text, "<!doctype HTML><p>", "nonsense"),
            (Text, "<ok/>", "yes"),
            (Text, r#"{"errors":{"0":"bad"}}"#, "no"),
        ] {
            let got =
                Reader { expect, ..reader() }.read(Ok(response(200, &[], body)), NOW.parse().unwrap()).answer;
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
        assert_eq!(reason(b"<html>long</html>"), "(a web page)");
        assert_eq!(reason(b"key s3cret-key is wrong"), "key *** is wrong");
        assert_eq!(reason(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        let long = reason("é".repeat(5000).as_bytes());
        assert_eq!((long.len(), long.chars().all(|c| c == 'é')), (1000, true));
        assert_eq!(reason(format!("x{}", "é".repeat(5000)).as_bytes()).len(), 999);
    }

    #[test]
    fn a_redirect_is_reported_without_path_and_query() {
        let reason = |location: &str| match read(response(302, &[("location", location)], "")) {
            Answer::Stop { code: Code::DestinationAddressWrong, reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            reason("https://login.example/in?token=t0ken"),
            "it redirects to https://login.example, and redirects are not followed"
        );
        assert_eq!(reason("/in?token=t0ken"), "it redirects elsewhere, and redirects are not followed");
    }
}
