//! Cookies: the session of a browser, and what says that a user has signed in there before.
//!
//! What always holds: their names begin with `__Host-`, so that a browser takes them over TLS alone
//! (or from this machine itself), for this host and all of its paths, and no page of a neighbouring
//! host can set one. Scripts do not see them, and other sites do not send them with what changes
//! something.

use http::{HeaderMap, HeaderValue, header};
use outflow_core::Code;
use outflow_core::{Error, Secret};

/// The session.
pub(crate) const SESSION: &str = "__Host-outflow";
/// The browser, for a year: longer than a session.
pub(crate) const BROWSER: &str = "__Host-outflow-browser";
/// A sign-in with a provider that has begun, until the browser comes back from there.
pub(crate) const SIGN_IN: &str = "__Host-outflow-oidc";
const YEAR_S: i64 = 365 * 24 * 3600;

/// The cookie of this name that the request has.
pub(crate) fn find(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| Secret::new(value))
}

/// Has the browser keep a session for this many seconds, and that it was there for a year.
///
/// # Errors
/// A secret that is no header's value: a bug.
pub(crate) fn keep(session: &Secret, session_s: i64, browser: &Secret) -> Result<[HeaderValue; 2], Error> {
    Ok([cookie(SESSION, session.expose(), session_s)?, cookie(BROWSER, browser.expose(), YEAR_S)?])
}

/// Has the browser forget its session.
///
/// # Errors
/// As for [`keep`].
pub(crate) fn forget() -> Result<HeaderValue, Error> {
    cookie(SESSION, "", 0)
}

/// Has the browser keep for this many seconds that it has begun to sign in with a provider. It
/// comes back from another site, by a link: `SameSite=Lax` lets the cookie come along.
///
/// # Errors
/// As for [`keep`].
pub(crate) fn keep_sign_in(begun: &Secret, seconds: u64) -> Result<HeaderValue, Error> {
    cookie(SIGN_IN, begun.expose(), i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Has the browser forget that.
///
/// # Errors
/// As for [`keep`].
pub(crate) fn forget_sign_in() -> Result<HeaderValue, Error> {
    cookie(SIGN_IN, "", 0)
}

fn cookie(name: &str, value: &str, seconds: i64) -> Result<HeaderValue, Error> {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let mut cookie = HeaderValue::from_str(&text)
        .map_err(|e| Error::new(Code::TaskFailed, "a cookie cannot be written").caused_by(e))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_set_for_this_host_alone() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; __Host-outflow-browser=b"));
        headers.append(header::COOKIE, HeaderValue::from_static("x__Host-outflow=no;__Host-outflow=s=1"));
        let found = |name| find(&headers, name).map(|secret| secret.expose().to_owned());
        assert_eq!((found(SESSION).as_deref(), found(BROWSER).as_deref()), (Some("s=1"), Some("b")));
        assert_eq!(found("outflow"), None);
        let [session, _] = keep(&Secret::new("s"), 60, &Secret::new("b")).unwrap();
        let expected = "__Host-outflow=s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(session, expected);
        assert!(session.is_sensitive());
        assert!(forget().unwrap().to_str().unwrap().ends_with("Max-Age=0"));
    }
}
