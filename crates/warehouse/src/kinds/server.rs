//! The settings of a Redshift or PostgreSQL database.

use std::time::Duration;

use outflow_core::schema::{Key, Kind, Shape};
use outflow_core::{Code, Secret};
use serde_json::{Map, Value};

use super::{DatabaseSettings, Input, MAX_QUERIES, SettingProblem, Values, address, iam, problem};
use crate::ServerKind;
use crate::settings::{Login, ServerSettings, Tunnel};
use crate::tls::{Tls, TlsMode};

/// The words of `ssl`, with libpq's meaning.
const TLS_MODES: [(&str, TlsMode); 5] = [
    ("disable", TlsMode::Disable),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];
const TLS_WORDS: Kind = Kind::Word(&["disable", "prefer", "require", "verify-ca", "verify-full"]);

pub(super) const SHAPE: Shape = Shape {
    what: "a database",
    keys: &[
        Key::new(
            "url",
            Kind::Text,
            "postgres://, redshift:// or jdbc:redshift://, in place of host, port, database, user and password",
        ),
        Key::new("host", Kind::Text, "the server's name or address; needed without url"),
        Key::new(
            "port",
            Kind::Whole { min: 1, max: 65_535 },
            "5439 for redshift and 5432 for postgres by default",
        ),
        Key::new("database", Kind::Text, "the database's name on the server; needed without url"),
        Key::new("user", Kind::Text, "the user's name; needed without iam"),
        Key::new("password", Kind::Secret, "a reference to the user's password"),
        Key::new("iam", Kind::Table(&iam::SHAPE), "user and password come from AWS; for redshift"),
        Key::new("tunnel", Kind::Table(&TUNNEL), "an SSH server that leads to the host"),
        Key::new(
            "ssl",
            Kind::Either(&[TLS_WORDS, Kind::Table(&TLS)]),
            "verify-full for redshift and prefer for postgres by default",
        ),
        Key::new(
            "allow_cleartext_password",
            Kind::Flag,
            "whether the password may be given in clear text to a server that is not verified; false by default",
        ),
        Key::new(
            "allow_functions",
            Kind::List(&Kind::Text),
            "functions that queries may call although the database marks them as volatile: name or schema.name",
        ),
        Key::new(
            "connect_timeout",
            Kind::Duration { min: 1, max: 3_600 },
            "how long the server may take to answer",
        ),
        MAX_QUERIES,
    ],
    open: false,
};

const TUNNEL: Shape = Shape {
    what: "a tunnel",
    keys: &[
        Key::new("host", Kind::Text, "the SSH server's name, address, or alias in the settings of ssh")
            .required(),
        Key::new("port", Kind::Whole { min: 1, max: 65_535 }, "22 by default"),
        Key::new("user", Kind::Text, "the user's name there; as ssh decides by default"),
        Key::new("key", Kind::Path, "the private key; as ssh decides by default"),
        Key::new(
            "known_hosts",
            Kind::Path,
            "the file of trusted servers' keys; ~/.ssh/known_hosts by default",
        ),
    ],
    open: false,
};

const TLS: Shape = Shape {
    what: "a table of mode, ca and server_name",
    keys: &[
        Key::new("mode", TLS_WORDS, "how much is checked"),
        Key::new("ca", Kind::Path, "a PEM file with the roots to trust in place of the public ones"),
        Key::new(
            "server_name",
            Kind::Text,
            "the name in the certificate, where it is not the host: behind a tunnel",
        ),
    ],
    open: false,
};

pub(super) fn read(
    kind: ServerKind,
    input: &Input<'_>,
    problems: &mut Vec<SettingProblem>,
) -> Option<DatabaseSettings> {
    let settings = expanded(kind, input.values, problems)?;
    let input = &Input { name: input.name, values: Values(&settings) };
    let values = input.values;
    for (key, about) in
        [("host", "the server's name or address"), ("database", "the database's name on the server")]
    {
        if !values.has(key) {
            let help = format!("a database needs it, or `url`: {about}");
            problems.push(problem("", Code::MissingKey, format!("{key:?} is missing"), help));
        }
    }
    let login = login(kind, input, problems);
    let tls = tls(kind, values);
    if values.has("iam")
        && let Some(Tls { mode: mode @ (TlsMode::Disable | TlsMode::Prefer), .. }) = tls
    {
        let word = if mode == TlsMode::Disable { "disable" } else { "prefer" };
        let message = format!("\"ssl\" cannot be {word} with \"iam\"");
        let help = "Redshift takes such passwords over TLS only: use verify-full";
        problems.push(problem("ssl", Code::InvalidValue, message, help));
    }
    let tunnel = match values.table("tunnel") {
        None if values.has("tunnel") => return None,
        None => None,
        Some(values) => Some(tunnel(values, problems)?),
    };
    Some(DatabaseSettings::Server(ServerSettings {
        kind,
        host: values.text("host")?.to_owned(),
        port: values.port(kind.facts().port)?,
        database: values.text("database")?.to_owned(),
        login: login?,
        tunnel,
        tls: tls?,
        allow_cleartext_password: values.flag("allow_cleartext_password").unwrap_or(false),
        allow_functions: values.texts("allow_functions"),
        connect_timeout: values
            .number("connect_timeout")
            .map_or(ServerSettings::CONNECT_TIMEOUT, Duration::from_secs),
    }))
}

/// The settings with those that `url` stands for, and the host as it is meant. `None`: one of them
/// is wrong.
fn expanded(
    kind: ServerKind,
    values: Values<'_>,
    problems: &mut Vec<SettingProblem>,
) -> Option<Map<String, Value>> {
    let mut settings = values.0.clone();
    let before = problems.len();
    if let Some(host) = values.text("host") {
        match address::host(host) {
            Ok(host) => drop(settings.insert("host".to_owned(), host.into())),
            Err(wrong) => problems.push(problem("host", Code::InvalidValue, wrong.message, wrong.help)),
        }
    }
    if values.has("url") {
        match address::settings_of(values.text("url")?, kind) {
            Err(wrong) => problems.push(problem("url", Code::InvalidValue, wrong.message, wrong.help)),
            Ok(meant) => {
                for (name, value) in meant {
                    if let Some(key) =
                        SHAPE.keys.iter().find(|key| key.name == name && settings.contains_key(&name))
                    {
                        let message = format!("{name:?} stands in \"url\", too");
                        problems.push(problem(
                            key.name,
                            Code::ConflictingOptions,
                            message,
                            "keep one of them",
                        ));
                    }
                    settings.insert(name, value);
                }
            }
        }
    }
    (problems.len() == before).then_some(settings)
}

/// Who logs in, and with what.
fn login(kind: ServerKind, input: &Input<'_>, problems: &mut Vec<SettingProblem>) -> Option<Login> {
    let (name, values) = (input.name, input.values);
    if values.has("iam") {
        return iam::read(kind, input, problems).map(Login::Iam);
    }
    if !values.has("user") {
        let help = "name the user who reads: `user: outflow_reader`";
        problems.push(problem("", Code::MissingKey, format!("database {name:?} has no user"), help));
    }
    if kind.facts().needs_password && !values.has("password") {
        let help = "write `password: ${env:REDSHIFT_PASSWORD}` and set that environment variable, or \
                    log in with `iam`";
        problems.push(problem("", Code::MissingKey, format!("database {name:?} has no password"), help));
    }
    let password = Secret::new(values.text("password").unwrap_or_default());
    Some(Login::Password { user: values.text("user")?.to_owned(), password })
}

fn tls(kind: ServerKind, values: Values<'_>) -> Option<Tls> {
    let table = values.table("ssl");
    let word = values.text("ssl").or_else(|| table?.text("mode"));
    let mode = match word {
        None => kind.facts().tls,
        Some(word) => TLS_MODES.iter().find(|(known, _)| *known == word)?.1,
    };
    let server_name = table.and_then(|t| t.text("server_name")).map(str::to_owned);
    Some(Tls { mode, ca: table.and_then(|t| t.path("ca")), server_name })
}

fn tunnel(values: Values<'_>, problems: &mut Vec<SettingProblem>) -> Option<Tunnel> {
    for (key, setting) in [("host", "tunnel.host"), ("user", "tunnel.user")] {
        if values.text(key).is_some_and(|text| !text.is_empty() && !Tunnel::takes(text)) {
            let help = "use letters, digits and . _ - : @ +, and no - at the beginning";
            let message = format!("{key:?} cannot be a {key} of ssh");
            problems.push(problem(setting, Code::InvalidValue, message, help));
        }
    }
    // ssh would take it for a name with a colon in it.
    if let Some(host) = values.text("host").filter(|host| Tunnel::takes(host) && host.contains(':'))
        && let Err(wrong) = address::host(host)
    {
        problems.push(problem("tunnel.host", Code::InvalidValue, wrong.message, wrong.help));
    }
    Some(Tunnel {
        host: values.text("host")?.to_owned(),
        port: values.port(22)?,
        user: values.text("user").map(str::to_owned),
        key: values.path("key"),
        known_hosts: values.path("known_hosts"),
    })
}
