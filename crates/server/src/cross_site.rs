//! Requests that a page of another site makes a browser send.
//!
//! What always holds: with the cookie of a session, nothing changes for such a request. A browser
//! says where a request comes from in `Sec-Fetch-Site`, an older one in `Origin`; no page can
//! change either. A client that sends neither is no browser and has no cookie that it did not mean
//! to send.

use http::{HeaderMap, Method, header};
use outflow_core::{Code, Error};

/// Whether this request may use its cookie.
///
/// # Errors
/// A010: a page of another site sent it.
pub(crate) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_ours = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        // `none`: a person typed the address, or used a bookmark.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = text(header::HOST.as_str()).unwrap_or_default();
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            !host.is_empty() && authority.is_some_and(|found| found.eq_ignore_ascii_case(host))
        }
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Error::new(Code::CrossSite, "the request comes from a page of another site")
        .help("use Outflow's own page, or send a token: Authorization: Bearer TOKEN"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_comes_from_our_own_page() {
        let is_let_in = |method: Method, headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            check(&method, &headers.collect()).is_ok()
        };
        for (headers, expected) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "")], false),
            (
                &[("sec-fetch-site", "cross-site"), ("origin", "https://o.example"), ("host", "o.example")],
                false,
            ),
            (&[("origin", "https://o.example"), ("host", "o.example")], true),
            (&[("origin", "https://o.example:8443"), ("host", "O.example:8443")], true),
            (&[("origin", "https://o.example:8443"), ("host", "o.example")], false),
            (&[("origin", "https://evil.example"), ("host", "o.example")], false),
            (&[("origin", "https://o.example.evil.example"), ("host", "o.example")], false),
            (&[("origin", "null"), ("host", "o.example")], false),
            (&[("origin", "https://o.example")], false),
            (&[("origin", "://"), ("host", "")], false),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(is_let_in(method.clone(), headers), expected, "{method} {headers:?}");
            }
            assert!(is_let_in(Method::GET, headers), "what only reads is answered, and not readable there");
        }
    }
}
