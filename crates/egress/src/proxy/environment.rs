//! The variables that name proxies, as other programs read them.
//!
//! What always holds: nothing here says what a variable holds, as it may hold a password.

use std::sync::Arc;

use outflow_core::{Code, Error};

use super::exceptions::Exceptions;
use super::{Environment, Proxies, Proxy};

/// Reads the variables.
pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>) -> (Proxies, Vec<Error>) {
    let mut warnings = Vec::new();
    let all = proxy("ALL_PROXY", variable, &mut warnings);
    let https = proxy("HTTPS_PROXY", variable, &mut warnings).or_else(|| all.clone());
    let http = proxy("HTTP_PROXY", variable, &mut warnings).or(all);
    if https.is_none() && http.is_none() {
        return (Proxies::Direct, warnings);
    }
    let direct = set("NO_PROXY", variable).map(|(_, text)| Exceptions::read(&text)).unwrap_or_default();
    (Proxies::Environment(Arc::new(Environment { https, http, direct })), warnings)
}

/// The variable's spelling and value, if it is set.
fn set(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<(String, String)> {
    [name.to_owned(), name.to_ascii_lowercase()].into_iter().find_map(|name| {
        let value = variable(&name).filter(|value| !value.trim().is_empty())?;
        Some((name, value))
    })
}

fn proxy(name: &str, variable: &dyn Fn(&str) -> Option<String>, warnings: &mut Vec<Error>) -> Option<Proxy> {
    let (name, value) = set(name, variable)?;
    match Proxy::parse(&value) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            let message =
                format!("{name} names a proxy that Outflow cannot use, and is ignored: {}", error.message());
            let warning = Error::new(Code::ProxyIgnored, message);
            warnings.push(match error.help_text() {
                Some(help) => warning.help(help),
                None => warning,
            });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    /// Through which proxy a URL is reached, and how many warnings there are.
    fn way(variables: &[(&str, &str)], url: &str) -> (Option<String>, usize) {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let (proxies, warnings) = read(&get);
        let target = Target::new(url, []).unwrap();
        (proxies.towards(&target.origin).map(Proxy::address), warnings.len())
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_stands_for_both() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2")];
        for (variables, url, want) in [
            (&both[..], "https://h.example/", Some("s:1")),
            (&both[..], "http://h.example/", Some("p:2")),
            (&both[..1], "http://h.example/", None),
            (&[("all_proxy", "a:3")], "https://h.example/", Some("a:3")),
            (&[("ALL_PROXY", "a:3"), ("https_proxy", "s:1")], "https://h.example/", Some("s:1")),
            (&[("HTTPS_PROXY", "up:1"), ("https_proxy", "low:1")], "https://h.example/", Some("up:1")),
            (&[("HTTPS_PROXY", " "), ("https_proxy", "low:1")], "https://h.example/", Some("low:1")),
            (&[], "https://h.example/", None),
        ] {
            assert_eq!(way(variables, url), (want.map(str::to_owned), 0), "{variables:?} {url}");
        }
    }

    #[test]
    fn a_proxy_of_another_kind_is_warned_of_and_never_shown() {
        let get = |name: &str| (name == "https_proxy").then(|| "socks5://me:s3cret@h:1".to_owned());
        let (proxies, warnings) = read(&get);
        assert!(matches!(proxies, Proxies::Direct));
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].code(), Code::ProxyIgnored);
        assert!(warnings[0].message().starts_with("https_proxy names a proxy"), "{}", warnings[0]);
        assert!(!format!("{:?} {:?}", warnings[0], warnings[0].help_text()).contains("s3cret"));
    }

    #[test]
    fn no_proxy_and_this_machine_go_past_it() {
        let with = |no: &str, url: &str| way(&[("ALL_PROXY", "a:3"), ("no_proxy", no)], url).0;
        for (no, url) in [
            ("*", "https://h.example/"),
            ("h.example", "https://h.example/"),
            ("x, .example ,y", "https://h.example/"),
            ("example", "https://h.example/"),
            ("*.example", "https://h.example/"),
            ("h.example:443", "https://h.example/"),
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("10.1.2.3", "http://10.1.2.3:8080/"),
            ("fd00::/8", "http://[fd00::1]/"),
            ("", "http://localhost:8080/"),
            ("", "http://app.localhost/"),
            ("", "http://127.0.0.9/"),
            ("", "http://[::1]/"),
        ] {
            assert_eq!(with(no, url), None, "{no} {url}");
        }
        for (no, url) in [
            ("h.example:8443", "https://h.example/"),
            ("ample", "https://h.example/"),
            ("g.h.example", "https://h.example/"),
            ("10.0.0.0/8", "http://11.1.2.3/"),
            ("10.0.0.0/99", "http://10.1.2.3/"),
            ("", "https://h.example/"),
        ] {
            assert_eq!(with(no, url).as_deref(), Some("a:3"), "{no} {url}");
        }
    }
}
