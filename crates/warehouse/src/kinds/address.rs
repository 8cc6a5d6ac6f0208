//! Where a server is, in the forms that people have at hand: a host, or a URL with everything.
//!
//! Consoles show `name:5439/dev`, tools want `jdbc:redshift://…`, platforms give
//! `postgres://user:password@host/db`. What always holds: no message repeats a user, a password or
//! a whole URL. What it does not do: look a name up.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Map, Value, json};

use crate::ServerKind;

/// What is wrong, and what helps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub message: String,
    pub help: String,
}

fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), help: help.into() })
}

/// The parts of an address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    database: Option<String>,
}

impl Parts {
    /// The parts as they are written in a project, without user and password.
    fn lines(&self) -> String {
        let port = self.port.map(|port| format!(", `port: {port}`")).unwrap_or_default();
        let database = self.database.as_ref().map(|name| format!(", `database: {name}`")).unwrap_or_default();
        format!("write `host: {}`{port}{database}", self.host)
    }
}

/// A project that is read without its secrets keeps references as they are written.
fn is_reference(text: &str) -> bool {
    text.contains("${")
}

/// The host as it is looked up: without blanks at its ends, and an IPv6 address without brackets.
pub(super) fn host(text: &str) -> Result<String, Wrong> {
    let host = text.trim();
    if is_reference(host) || is_ip(host) {
        return Ok(host.to_owned());
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && is_ip(inner)
    {
        return Ok(inner.to_owned());
    }
    if host.starts_with(['/', '@']) {
        let help = "write the server's name or address; on this machine, `host: 127.0.0.1`";
        return wrong("\"host\" is a Unix socket, and Outflow connects over TCP", help);
    }
    if host.contains("://") || host.starts_with("jdbc:") {
        let help = match split(without_scheme(host)) {
            Ok(parts) if !parts.host.is_empty() => format!("{}; or write `url:` in its place", parts.lines()),
            _ => "write the server's name or address alone".to_owned(),
        };
        return wrong("\"host\" holds a URL", help);
    }
    if host.contains(',') {
        return wrong(
            "\"host\" names several servers",
            "write one of them; each is a database of its own here",
        );
    }
    if host.contains(['/', ':', '@', '?']) {
        let message = match host.contains(':') {
            true => "\"host\" holds a port, or more than a host",
            false => "\"host\" holds more than a host",
        };
        return match split(host) {
            Ok(parts) if !parts.host.is_empty() => wrong(message, parts.lines()),
            _ => wrong(message, "write the server's name or address alone, and its port as `port: 5439`"),
        };
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("\"host\" holds a blank", "write the server's name or address alone");
    }
    Ok(host.to_owned())
}

/// An address, an IPv6 one perhaps with a zone.
fn is_ip(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    text.parse::<IpAddr>().is_ok() || address.parse::<Ipv6Addr>().is_ok()
}

/// What stands behind the scheme, and in front of the parameters.
fn without_scheme(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['?', '#', ';']).next().unwrap_or_default()
}

/// Takes `user:password@host:port/database` apart.
fn split(text: &str) -> Result<Parts, Wrong> {
    let (authority, database) = match text.split_once('/') {
        Some((authority, path)) => (authority, path.split('/').next().filter(|name| !name.is_empty())),
        None => (text, None),
    };
    let (login, server) = match authority.rsplit_once('@') {
        Some((login, server)) => (Some(login), server),
        None => (None, authority),
    };
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, password)) => (given(user)?, given(password)?),
        None => (None, None),
    };
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return wrong("an IPv6 address has no closing bracket", "write `[::1]`"),
        },
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return wrong("the port is no number from 1 to 65535", "write it like host:5439"),
        },
    };
    let database = database.map(decoded).transpose()?;
    Ok(Parts { user, password, host: decoded(host)?, port, database })
}

fn given(text: &str) -> Result<Option<String>, Wrong> {
    if text.is_empty() { Ok(None) } else { decoded(text).map(Some) }
}

/// A text with `%20` and the like undone.
fn decoded(text: &str) -> Result<String, Wrong> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        let Some((high, low)) = digit(0).zip(digit(1)) else {
            return wrong(
                "a % stands alone",
                "write %25 for a percent sign, %40 for @, %3A for : and %2F for /",
            );
        };
        bytes.push((high * 16 + low) as u8);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).or_else(|_| wrong("it is not UTF-8 text", "write it as UTF-8"))
}

/// The settings that a URL stands for: `host`, `port`, `database`, `user`, `password`, `ssl` and
/// `connect_timeout`, as far as it has them.
pub(super) fn settings_of(url: &str, kind: ServerKind) -> Result<Map<String, Value>, Wrong> {
    let url = url.trim();
    let read = read(url, kind);
    if read.is_err() && is_reference(url) {
        let names = ["host", "database", "user", "password"];
        return Ok(names.into_iter().map(|name| (name.to_owned(), url.into())).collect());
    }
    read
}

const FORM: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, redshift://… or jdbc:redshift://…";

fn read(url: &str, kind: ServerKind) -> Result<Map<String, Value>, Wrong> {
    let (scheme, _) = match url.split_once("://") {
        Some(parts) => parts,
        None => return wrong("the URL has no ://", FORM),
    };
    let scheme = scheme.to_ascii_lowercase();
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(&scheme);
    match scheme {
        "postgres" | "postgresql" => {}
        "redshift" if kind == ServerKind::Redshift => {}
        "redshift" => return wrong("the URL is one of Redshift", "write `type: redshift` in the source"),
        "redshift:iam" => {
            let help = "write `host`, `port`, `database` and `iam: { cluster: …, region: … }` in its place";
            return wrong("the URL asks for a log-in by IAM", help);
        }
        _ => return wrong("the URL is of another kind of server", FORM),
    }
    let parts = split(without_scheme(url))?;
    if parts.host.is_empty() {
        return wrong("the URL names no host", FORM);
    }
    let mut settings = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value);
        }
    };
    set("host", Some(parts.host.into()));
    set("port", parts.port.map(Value::from));
    set("database", parts.database.map(Value::from));
    set("user", parts.user.map(Value::from));
    set("password", parts.password.map(Value::from));
    let (mut mode, mut ca) = (None, None);
    let parameters = url.split_once(['?', ';']).map_or("", |(_, parameters)| parameters);
    for parameter in parameters.split(['&', ';']).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decoded(value)?;
        match name.to_ascii_lowercase().as_str() {
            "user" | "uid" => set("user", Some(value.into())),
            "password" | "pwd" => set("password", Some(value.into())),
            "sslmode" => mode = Some(mode_of(&value)?),
            "ssl" if mode.is_none() => {
                mode = Some(if value.eq_ignore_ascii_case("false") { "disable" } else { "verify-full" });
            }
            "ssl" => {}
            "sslrootcert" if value == "system" => {}
            "sslrootcert" => ca = Some(value),
            "connect_timeout" | "logintimeout" => match value.parse::<u64>() {
                Ok(seconds @ 1..=3_600) => set("connect_timeout", Some(seconds.into())),
                Ok(0) => {}
                _ => {
                    return wrong(
                        "connect_timeout is no number of seconds up to 3600",
                        "write connect_timeout=30",
                    );
                }
            },
            "application_name" | "applicationname" | "tcpkeepalive" | "keepalives" => {}
            _ => {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
                let message = format!("the URL has the parameter {name:?}, on which Outflow does not act");
                let help = "leave it out; sslmode, sslrootcert, user, password and connect_timeout are taken";
                return wrong(message, help);
            }
        }
    }
    match (mode, ca) {
        (mode, Some(ca)) => set("ssl", Some(json!({ "mode": mode.unwrap_or("verify-full"), "ca": ca }))),
        (mode, None) => set("ssl", mode.map(Value::from)),
    }
    Ok(settings)
}

fn mode_of(word: &str) -> Result<&'static str, Wrong> {
    Ok(match word {
        "disable" => "disable",
        "allow" | "prefer" => "prefer",
        "require" => "require",
        "verify-ca" => "verify-ca",
        "verify-full" => "verify-full",
        _ => {
            return wrong(
                "sslmode is none of libpq's",
                "write disable, prefer, require, verify-ca or verify-full",
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWS: &str = "c.abc123.eu-central-1.redshift.amazonaws.com";

    #[test]
    fn a_host_is_taken_as_it_is_meant() {
        for (text, host) in [
            (AWS, AWS),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            (" db.example\n", "db.example"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("db_1.internal", "db_1.internal"),
            ("${env:HOST}", "${env:HOST}"),
        ] {
            assert_eq!(super::host(text).as_deref(), Ok(host), "{text:?}");
        }
    }

    #[test]
    fn what_is_more_than_a_host_is_taken_apart() {
        let pieces = format!("`host: {AWS}`, `port: 5439`, `database: dev`");
        for (text, help) in [
            (format!("{AWS}:5439/dev"), pieces.as_str()),
            (format!("jdbc:redshift://{AWS}:5439/dev"), &pieces),
            (format!("jdbc:redshift://{AWS}:5439/dev?user=me&password=s3cret"), &pieces),
            (format!("redshift://me:s3cret@{AWS}:5439/dev"), &pieces),
            ("127.0.0.1:5439".to_owned(), "`host: 127.0.0.1`, `port: 5439`"),
            ("[::1]:5432".to_owned(), "`host: ::1`, `port: 5432`"),
            ("https://db.example/".to_owned(), "`host: db.example`"),
            ("me@db.example".to_owned(), "`host: db.example`"),
            ("db.example/dev".to_owned(), "`host: db.example`, `database: dev`"),
            ("db.example:x".to_owned(), "alone"),
            ("/var/run/postgresql".to_owned(), "127.0.0.1"),
            ("a,b".to_owned(), "one of them"),
            ("db example".to_owned(), "alone"),
        ] {
            let wrong = super::host(&text).unwrap_err();
            assert!(wrong.help.contains(help), "{text}: {wrong:?}");
            assert!(
                !format!("{wrong:?}").contains("s3cret") && wrong.message.starts_with("\"host\""),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_url_becomes_settings() {
        for (kind, url, want) in [
            (
                ServerKind::Postgres,
                "postgres://me:p%40ss@db.example:6432/shop?sslmode=require",
                json!({"host": "db.example", "port": 6432, "database": "shop", "user": "me", "password": "p@ss", "ssl": "require"}),
            ),
            (
                ServerKind::Redshift,
                "jdbc:redshift://c.example:5439/dev;ssl=true;UID=me;PWD=x",
                json!({"host": "c.example", "port": 5439, "database": "dev", "user": "me", "password": "x", "ssl": "verify-full"}),
            ),
            (
                ServerKind::Redshift,
                "postgresql://c.example/dev",
                json!({"host": "c.example", "database": "dev"}),
            ),
            (
                ServerKind::Redshift,
                "REDSHIFT://c.example/dev",
                json!({"host": "c.example", "database": "dev"}),
            ),
            (
                ServerKind::Postgres,
                "postgres://[::1]/x?sslrootcert=/ca.pem&sslmode=verify-ca&connect_timeout=9&application_name=a",
                json!({"host": "::1", "database": "x", "ssl": {"mode": "verify-ca", "ca": "/ca.pem"}, "connect_timeout": 9}),
            ),
            (ServerKind::Postgres, "postgres://h", json!({"host": "h"})),
        ] {
            assert_eq!(settings_of(url, kind).map(Value::Object), Ok(want), "{url}");
        }
        let unresolved = settings_of("${env:DATABASE_URL}", ServerKind::Redshift).unwrap();
        assert_eq!(unresolved["host"], "${env:DATABASE_URL}");
        let partly = settings_of("postgres://me:${env:PW}@h/db", ServerKind::Postgres).unwrap();
        assert_eq!((&partly["password"], &partly["host"]), (&json!("${env:PW}"), &json!("h")));
    }

    #[test]
    fn a_url_that_cannot_be_right_is_never_shown() {
        for (url, message) in [
            ("mysql://me:s3cret@h/db", "another kind"),
            ("h:5432/s3cret", "no ://"),
            ("redshift://me:s3cret@h/db", "one of Redshift"),
            ("jdbc:redshift:iam://s3cret:eu-west-1/dev", "IAM"),
            ("postgres://me:s3cret@h:port/db", "port"),
            ("postgres://me:s3cret@/db", "no host"),
            ("postgres://me:s3cret%@h/db", "%"),
            ("postgres://me:s3cret@h/db?sslmode=maybe", "sslmode"),
            ("postgres://me:s3cret@h/db?target_session_attrs=s3cret", "target_session_attrs"),
        ] {
            let wrong = settings_of(url, ServerKind::Postgres).unwrap_err();
            assert!(wrong.message.contains(message), "{url}: {wrong:?}");
            assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
        }
    }
}
