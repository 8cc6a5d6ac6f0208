//! Reads the body of an answer with a status of success: whether it is a yes.
//!
//! What always holds: a yes is only what can be read as one, by what the kind of destination
//! documents; a page for people is never one. What it does not do: undo a compression, which the
//! client has done.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use outflow_core::outcome::TELLING_MEMBERS;
use outflow_egress::page::is_markup;
use serde::Deserialize;
use serde_json::Value;

use crate::manifest::Expect;

/// What a body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Every call is taken.
    Yes,
    /// Something in the request is refused.
    No,
    /// These calls are refused, each by its index and with the service's words; the others are
    /// taken.
    Partly(Vec<(usize, String)>),
    /// None of these: what it is.
    Unclear(&'static str),
}

/// What the body of an answer with a 2xx status says about a request of `calls` calls. `whole`:
/// nothing of it was left out.
pub(crate) fn read(
    expect: Expect,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    whole: bool,
    calls: usize,
) -> Body {
    let body = body.trim_ascii();
    if is_page(expect, headers, body) {
        return Body::Unclear("a web page");
    }
    if status == 206 {
        return Body::Unclear("a part of an answer");
    }
    let report = body.starts_with(b"{").then(|| serde_json::from_slice::<Report>(body).ok()).flatten();
    let names_calls = expect == Expect::Any || status == 207;
    if let Some(report) = report.as_ref().filter(|report| report.reports_error()) {
        let refused = if names_calls { report.refused(calls) } else { None };
        return refused.map_or(Body::No, Body::Partly);
    }
    // The calls fared differently, says this status: a yes to all of them has to be said.
    if status == 207 && !report.is_some_and(|report| report.reports_success()) {
        return Body::Unclear("a status for several calls (207) without one for each");
    }
    let is_yes = match expect {
        Expect::Json => whole && (body.is_empty() || is_json_yes(body)),
        Expect::Ok => whole && (body.is_empty() || body.eq_ignore_ascii_case(b"ok") || is_json_yes(body)),
        Expect::Any => true,
    };
    if is_yes { Body::Yes } else { Body::Unclear("something else") }
}

/// Whether it is JSON that can be a yes: an object, a list, or `true`. A text, `false` and the like
/// are none.
fn is_json_yes(body: &[u8]) -> bool {
    let can_be = body.starts_with(b"{") || body.starts_with(b"[") || body == b"true";
    can_be && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// How JSON reports errors with a status of success.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    success: Value,
    #[serde(default)]
    ok: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Option<Value>,
}

impl Report {
    fn reports_error(&self) -> bool {
        let denied = [&self.success, &self.ok].into_iter().any(is_no);
        denied || failed(&self.status) || filled(&self.error) || self.errors.as_ref().is_some_and(filled)
    }

    /// Whether it says that nothing was refused.
    fn reports_success(&self) -> bool {
        let is_yes = |value: &Value| matches!(value, Value::Bool(true));
        is_yes(&self.success) || is_yes(&self.ok) || self.errors.is_some()
    }

    /// The calls that its `errors` name by their index, if all of them do so.
    fn refused(&self, calls: usize) -> Option<Vec<(usize, String)>> {
        let items = self.errors.as_ref()?.as_array()?;
        let mut refused: Vec<(usize, String)> = Vec::with_capacity(items.len());
        for item in items {
            let index = ["index", "batch_index"].iter().find_map(|name| item.get(name)?.as_u64())?;
            let index = usize::try_from(index).ok().filter(|index| *index < calls)?;
            // Several errors can be about one call.
            if !refused.iter().any(|(known, _)| *known == index) {
                refused.push((index, words_of(item).unwrap_or_else(|| item.to_string())));
            }
        }
        Some(refused)
    }
}

fn is_no(value: &Value) -> bool {
    *value == Value::Bool(false) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false"))
}

/// A member `status` that says that it went wrong. Others, such as an order's, mean nothing.
fn failed(status: &Value) -> bool {
    match status {
        Value::String(word) => {
            ["error", "fail", "failed", "failure"].iter().any(|w| word.eq_ignore_ascii_case(w))
        }
        Value::Number(number) => number.as_u64().is_some_and(|n| (400..600).contains(&n)),
        _ => false,
    }
}

fn filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) => true,
        Value::Number(n) => n.as_f64() != Some(0.0),
    }
}

/// What a service says in JSON, for people: `{"error":"…"}` without its braces. `None` if it is no
/// JSON, or says nothing under such names.
pub(crate) fn words(body: &[u8]) -> Option<String> {
    words_of(&serde_json::from_slice(body.trim_ascii()).ok()?)
}

fn words_of(value: &Value) -> Option<String> {
    let mut found = Vec::new();
    collect(value, false, &mut found);
    (!found.is_empty()).then(|| found.join("; "))
}

/// The depth is bounded by the parser.
fn collect(value: &Value, is_telling: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_telling && !text.trim().is_empty() && !found.contains(text) => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, is_telling, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let is_telling = TELLING_MEMBERS.iter().any(|telling| name.eq_ignore_ascii_case(telling));
                collect(value, is_telling, found);
            }
        }
        _ => {}
    }
}

/// Whether the answer is a page for people. An API that speaks JSON has no answer of the type HTML;
/// to a webhook many frameworks give that type to any text.
fn is_page(expect: Expect, headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_html = ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html));
    let by_type = is_html
        && match expect {
            Expect::Json => true,
            Expect::Ok => !body.is_empty() && !body.eq_ignore_ascii_case(b"ok"),
            Expect::Any => body.starts_with(b"<"),
        };
    by_type || is_markup(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html() -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap())])
    }

    fn of(expect: Expect, status: u16, body: &str) -> Body {
        read(expect, status, &HeaderMap::new(), body.as_bytes(), true, 3)
    }

    #[test]
    fn a_yes_is_only_what_the_kind_of_destination_says_for_one() {
        use Expect::{Any, Json, Ok};
        for (expect, body, want) in [
            (Json, "{}", "yes"),
            (Json, "[]", "yes"),
            (Json, "true", "yes"),
            (Json, "", "yes"),
            (Json, "false", "unclear"),
            (Json, "null", "unclear"),
            (Json, "\"log in\"", "unclear"),
            (Json, "OK", "unclear"),
            (Json, "{\"success\":\"false\"}", "no"),
            (Json, "{\"ok\":false}", "no"),
            (Json, "{\"status\":\"error\"}", "no"),
            (Json, "{\"status\":401}", "no"),
            (Json, "{\"status\":\"shipped\"}", "yes"),
            (Ok, "OK", "yes"),
            (Ok, "ok\n", "yes"),
            (Ok, "", "yes"),
            (Ok, "{}", "yes"),
            (Ok, "Welcome to the gateway", "unclear"),
            (Ok, "NOT OK", "unclear"),
            (Ok, "{\"error\":\"x\"}", "no"),
            (Any, "thanks", "yes"),
            (Any, "<ok/>", "yes"),
            (Any, "<p>sign in</p>", "unclear"),
            (Any, "<pre>fine</pre>", "yes"),
            (Any, "<!-- a gateway --><html>", "unclear"),
            (Any, "<?xml version=\"1.0\"?>\n<!DOCTYPE html>", "unclear"),
            (Any, "<?xml version=\"1.0\"?><receipt/>", "yes"),
        ] {
            let got = match of(expect, 200, body) {
                Body::Yes => "yes",
                Body::No => "no",
                Body::Partly(_) => "partly",
                Body::Unclear(_) => "unclear",
            };
            assert_eq!(got, want, "{expect:?} {body}");
        }
    }

    #[test]
    fn a_page_is_known_by_its_type_where_the_api_has_no_pages() {
        use Expect::{Any, Json, Ok};
        let page = |expect, body: &str| is_page(expect, &html(), body.as_bytes());
        assert!(page(Json, "{\"success\":true}") && page(Json, ""));
        assert!(!page(Ok, "OK") && page(Ok, "sign in"));
        assert!(!page(Any, "OK") && page(Any, "<b>sign in</b>") && !page(Any, ""));
    }

    #[test]
    fn several_answers_in_one_are_read_or_are_no_yes() {
        use Expect::{Any, Json, Ok};
        let refused = |index: usize, words: &str| (index, words.to_owned());
        let errors =
            "{\"errors\":[{\"batch_index\":1,\"reason\":\"invalid\",\"message\":\"no id\"},{\"index\":2}]}";
        let both = Body::Partly(vec![refused(1, "invalid; no id"), refused(2, "{\"index\":2}")]);
        assert_eq!(of(Any, 207, errors), both);
        assert_eq!(of(Any, 200, errors), both);
        assert_eq!(of(Json, 207, errors), both);
        assert_eq!(of(Json, 200, errors), Body::No, "no kind documents it");
        for body in
            ["{\"errors\":[{\"index\":3}]}", "{\"errors\":[\"one is bad\"]}", "{\"errors\":{\"0\":\"bad\"}}"]
        {
            assert_eq!(of(Any, 207, body), Body::No, "{body}");
        }
        for body in ["{\"success\":true}", "{\"errors\":[]}"] {
            assert_eq!(of(Json, 207, body), Body::Yes, "{body}");
        }
        for (expect, body) in
            [(Any, ""), (Any, "OK"), (Ok, "OK"), (Json, "{}"), (Json, "{\"results\":[{\"status\":400}]}")]
        {
            assert!(matches!(of(expect, 207, body), Body::Unclear(_)), "{body}");
        }
        assert!(matches!(of(Any, 206, "OK"), Body::Unclear(_)));
        for status in [200, 201, 202, 203, 204, 205, 226, 299] {
            assert_eq!(of(Json, status, "{}"), Body::Yes, "{status}");
        }
    }

    #[test]
    fn what_a_service_says_is_read_out_of_its_json() {
        let said = |body: &str| words(body.as_bytes());
        for (body, want) in [
            (r#"{"error":"unauthorized"}"#, Some("unauthorized")),
            (r#"{"meta":{"errors":["bad key","bad key"]}}"#, Some("bad key")),
            (r#"{"error":{"code":7,"message":"no such source"}}"#, Some("no such source")),
            (r#"[{"Message":"one"},{"detail":"two"}]"#, Some("one; two")),
            (r#"{"email":"ada@example.com"}"#, None),
            (r#"{"error":""}"#, None),
            ("unauthorized", None),
            ("{", None),
        ] {
            assert_eq!(said(body).as_deref(), want, "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), tag in "<!--|<\\?|<title>|<html|\\{\"errors\":", status in 200_u16..300) {
            let body = [tag.as_bytes(), &body].concat();
            for expect in [Expect::Json, Expect::Ok, Expect::Any] {
                read(expect, status, &HeaderMap::new(), &body, true, 3);
            }
            words(&body);
        }
    }
}
