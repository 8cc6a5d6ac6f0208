//! The variables that name a proxy, which Outflow does not use.
//!
//! What always holds: nothing here says what a variable holds, as it may hold a password. What it
//! does not do: read `NO_PROXY` host by host.

use std::sync::LazyLock;

use outflow_core::{Code, Error};

const NAMES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that are set in this process and name a proxy. None, if `NO_PROXY` excepts every
/// host.
pub fn ignored() -> &'static [&'static str] {
    static SET: LazyLock<Vec<&'static str>> = LazyLock::new(|| set(&|name| std::env::var(name).ok()));
    &SET
}

/// The same as a warning (D102); `None` if there is nothing to say.
pub fn warning() -> Option<Error> {
    warn(ignored())
}

/// What to add to the reason of a connection that failed.
pub fn remark() -> Option<String> {
    let names = ignored();
    (!names.is_empty()).then(|| format!("{} set, and Outflow does not use a proxy", are(names)))
}

fn set(variable: &dyn Fn(&str) -> Option<String>) -> Vec<&'static str> {
    let everything = |name: &str| variable(name).is_some_and(|hosts| hosts.trim() == "*");
    if everything("NO_PROXY") || everything("no_proxy") {
        return Vec::new();
    }
    let is_set = |name: &&str| variable(name).is_some_and(|value| !value.trim().is_empty());
    let mut found: Vec<&'static str> = NAMES.into_iter().filter(is_set).collect();
    // Of the two spellings, one will do.
    found.dedup_by(|later, first| later.eq_ignore_ascii_case(first));
    found
}

fn are(names: &[&str]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn warn(names: &[&str]) -> Option<Error> {
    let message = format!("{} set, and Outflow does not use a proxy: it connects directly", are(names));
    let help = "let this machine reach the destinations without it, or send to a gateway of your own \
                (`base_url`, `url`); NO_PROXY=* or an unset variable silences this";
    (!names.is_empty()).then(|| Error::new(Code::ProxyIgnored, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Vec<&'static str> {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        set(&get)
    }

    #[test]
    fn a_proxy_that_is_set_is_named_and_never_shown() {
        let secret = "http://me:s3cret@proxy:3128";
        assert_eq!(found(&[("HTTPS_PROXY", secret), ("https_proxy", secret)]), ["HTTPS_PROXY"]);
        assert_eq!(found(&[("all_proxy", secret)]), ["all_proxy"]);
        assert!(found(&[]).is_empty() && found(&[("HTTP_PROXY", " ")]).is_empty());
        assert!(found(&[("HTTP_PROXY", secret), ("no_proxy", "*")]).is_empty());
        let warning = warn(&found(&[("HTTP_PROXY", secret), ("ALL_PROXY", secret)])).unwrap();
        assert!(warning.message().starts_with("HTTP_PROXY, ALL_PROXY are set"), "{warning}");
        assert!(!format!("{warning:?} {:?}", warning.help_text()).contains("s3cret"));
        assert!(warn(&[]).is_none());
    }
}
