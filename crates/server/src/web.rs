//! The page: its files, and `index.html` for every other address that a browser opens.
//!
//! What always holds: nothing here knows who asks, so nothing here says anything of the
//! installation. A file below `assets/` never changes under its name. `index.html` allows no script
//! that is not ours, and only styles of this very answer. What it does not do: answer below `/api`.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use outflow_core::Code;
use outflow_page::File;

use crate::problem::Refusal;

/// Files whose names hold a hash of their content.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Answers what no route of the API answers.
pub(crate) async fn page(request: Request) -> Response {
    let path = request.uri().path();
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_page || path == "/api" || path.starts_with("/api/") {
        return no_such_address().into_response();
    }
    let name = path.trim_start_matches('/');
    match outflow_page::file(name) {
        Some(file) => of_file(file, request.headers()),
        None if name.starts_with("assets/") => Refusal::new(Code::NoSuchAddress, "the page has no such file")
            .help("load the page again")
            .into_response(),
        None => index(),
    }
}

fn of_file(file: &'static File, asked: &HeaderMap) -> Response {
    let inflates = file.is_gzip && accepts_gzip(asked);
    let body = if inflates || !file.is_gzip {
        Body::from(file.bytes)
    } else {
        Body::from(file.plain().into_owned())
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if inflates {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.path.starts_with("assets/") {
        headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    }
    response
}

/// Whether the client takes gzip. One that names it with a weight of nothing does not.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let texts = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        is_gzip && weight.is_ok_and(|weight| weight > 0.0)
    })
}

fn index() -> Response {
    let nonce = match nonce() {
        Ok(nonce) => nonce,
        Err(refusal) => return refusal.into_response(),
    };
    let html = outflow_page::index(&nonce).unwrap_or_else(without_page);
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HTML);
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    let policy = format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    // Letters and digits are values of headers.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// What a browser shows of a build without the page.
fn without_page(why: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Outflow</title>\n\
         <h1>Outflow is running</h1>\n<p>This build has no page ({why}); build it again on a machine \
         with Node 20.19 and npm 11 or later to get one. The API is at <code>/api/v1</code>.</p>\n</html>\n"
    )
}

/// A random text for one answer.
fn nonce() -> Result<String, Refusal> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| Refusal::new(Code::TaskFailed, "the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn no_such_address() -> Refusal {
    Refusal::new(Code::NoSuchAddress, "the API has no such address").help("see /api/v1/openapi.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (asked, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(asked))].into_iter().collect();
            assert_eq!(accepts_gzip(&headers), expected, "{asked}");
        }
    }
}
