//! Where a state on PostgreSQL is: the URL
//! `postgres://user:password@host:port/database?option=value`.
//!
//! What always holds: the password is shown nowhere, neither by `Display` nor by `Debug`. What it
//! does not do: connect, or read a file before it is needed.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use outflow_core::{Code, Error, Result, Secret};
use outflow_egress::Verify;
use outflow_egress::files::read_text;

const PORT: u16 = 5432;
const SCHEMA: &str = "outflow";
const FORM: &str = "write postgres://USER@HOST:PORT/DATABASE, with the options schema, sslmode, sslrootcert, \
     password_file and host";

/// Where a state on PostgreSQL is, and how to log in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host names, addresses or folders of Unix sockets, with ports. The first that can be written
    /// to is taken.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) user: String,
    pub(super) password: Password,
    pub(super) database: String,
    pub(super) schema: String,
    /// How much of the server's certificate is checked; `None`: no TLS.
    pub(super) tls: Option<Verify>,
    pub(super) root_certificate: Option<PathBuf>,
}

/// Where the password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Password {
    /// The server requires none.
    None,
    /// From the URL or the environment.
    Text(Secret),
    /// From a file that is read for each connection: it may be replaced while Outflow runs.
    File(PathBuf),
}

impl Address {
    /// Whether a text is meant as such a URL.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Reads a URL. A password that it does not have is taken from the variable `PGPASSWORD`.
    ///
    /// # Errors
    /// `InvalidValue`: the text is not such a URL. `UnknownKey`: it has an unknown option.
    pub fn parse(url: &str) -> Result<Self> {
        Self::parse_with(url, std::env::var("PGPASSWORD").ok())
    }

    fn parse_with(url: &str, environment: Option<String>) -> Result<Self> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or_else(|| invalid("it does not begin with postgres://"))?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
        let mut options = Options::parse(options)?;
        let user = decode(user)?;
        if user.is_empty() {
            return Err(invalid("the user is missing"));
        }
        let hosts = match options.host.take() {
            Some(host) if hosts.is_empty() => vec![(host, PORT)],
            Some(_) => return Err(invalid("the host is given twice")),
            None => hosts.split(',').map(host_and_port).collect::<Result<_>>()?,
        };
        let password = match (password, options.password_file.take()) {
            (Some(_), Some(_)) => return Err(invalid("it has a password and the option password_file")),
            (Some(text), None) => Password::Text(Secret::new(decode(text)?)),
            (None, Some(file)) => Password::File(file),
            (None, None) => environment.map_or(Password::None, |text| Password::Text(Secret::new(text))),
        };
        let database = if database.is_empty() { user.clone() } else { decode(database)? };
        let tls = match options.sslmode {
            Some(mode) => mode,
            None if hosts.iter().all(|(host, _)| is_local(host)) => None,
            None => Some(Verify::Full),
        };
        if options.sslrootcert.is_some() && !matches!(tls, Some(Verify::Full | Verify::CaOnly)) {
            return Err(invalid("sslrootcert needs sslmode=verify-full or verify-ca"));
        }
        let schema = options.schema.take().unwrap_or_else(|| SCHEMA.to_owned());
        let root_certificate = options.sslrootcert.take();
        Ok(Self { hosts, user, password, database, schema, tls, root_certificate })
    }

    /// The password as it is now.
    pub(super) fn password(&self) -> Result<Option<Secret>> {
        match &self.password {
            Password::None => Ok(None),
            Password::Text(text) => Ok(Some(text.clone())),
            Password::File(file) => match read_text(file) {
                Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
                Err(e) => {
                    let message = format!("the password file {} {e}", file.display());
                    Err(Error::new(Code::StateUnavailable, message)
                        .help("the file that password_file names holds the password in one line"))
                }
            },
        }
    }
}

/// Without the password, and without options that do not say which state it is.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        for (i, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let brackets = if host.contains(':') { ("[", "]") } else { ("", "") };
            write!(f, "{comma}{}{host}{}:{port}", brackets.0, brackets.1)?;
        }
        write!(f, "/{}?schema={}", self.database, self.schema)
    }
}

#[derive(Default)]
struct Options {
    host: Option<String>,
    schema: Option<String>,
    sslmode: Option<Option<Verify>>,
    sslrootcert: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

impl Options {
    fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for option in text.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = decode(value)?;
            match name {
                "host" => options.host = Some(value),
                "schema" => options.schema = Some(schema(value)?),
                "sslmode" => options.sslmode = Some(tls(&value)?),
                "sslrootcert" => options.sslrootcert = Some(value.into()),
                "password_file" => options.password_file = Some(value.into()),
                _ => {
                    let message = format!("the URL of the state has the unknown option {name:?}");
                    return Err(Error::new(Code::UnknownKey, message).help(FORM));
                }
            }
        }
        Ok(options)
    }
}

fn tls(mode: &str) -> Result<Option<Verify>> {
    match mode {
        "disable" => Ok(None),
        "require" => Ok(Some(Verify::Nothing)),
        "verify-ca" => Ok(Some(Verify::CaOnly)),
        "verify-full" => Ok(Some(Verify::Full)),
        "allow" | "prefer" => Err(invalid("sslmode falls back to an open connection; use verify-full")),
        _ => Err(invalid("sslmode is none of disable, require, verify-ca and verify-full")),
    }
}

/// A name that needs no quotes in SQL.
fn schema(name: String) -> Result<String> {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if is_plain && begins && name.len() < 64 && !name.starts_with("pg_") {
        return Ok(name);
    }
    Err(invalid(
        "the schema's name has to be of lower case letters, digits and _, and must not begin with pg_",
    ))
}

fn host_and_port(text: &str) -> Result<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| invalid("a ] is missing"))?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = match port {
        "" => PORT,
        port => port.parse().map_err(|_| invalid("the port is not a number up to 65535"))?,
    };
    match decode(host)? {
        host if host.is_empty() => Err(invalid("the host is missing")),
        host => Ok((host, port)),
    }
}

/// Whether the way there does not leave the machine.
fn is_local(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Undoes percent encoding.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(), digit());
        let pair = high.zip(low).ok_or_else(|| invalid("a % is not followed by two hexadecimal digits"))?;
        bytes.push((pair.0 * 16 + pair.1) as u8);
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))
}

fn invalid(why: &str) -> Error {
    Error::new(Code::InvalidValue, format!("the URL of the state is wrong: {why}")).help(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::parse_with(url, Some("of the environment".into())).unwrap()
    }

    #[test]
    fn every_part_is_read() {
        let a =
            read("postgres://o%40k:p%3Aw@db.example.com:5433,[fd00::1]/sta%20te?schema=s_1&sslmode=require");
        assert_eq!(a.hosts, [("db.example.com".to_owned(), 5433), ("fd00::1".to_owned(), 5432)]);
        assert_eq!((a.user.as_str(), a.database.as_str(), a.schema.as_str()), ("o@k", "sta te", "s_1"));
        assert_eq!((a.password, a.tls), (Password::Text(Secret::new("p:w")), Some(Verify::Nothing)));
        let a = read("postgresql://me@db?sslrootcert=/ca.pem&password_file=/pw");
        assert_eq!((a.database.as_str(), a.schema.as_str(), a.tls), ("me", "outflow", Some(Verify::Full)));
        assert_eq!((a.password, a.root_certificate), (Password::File("/pw".into()), Some("/ca.pem".into())));
    }

    #[test]
    fn tls_is_left_out_on_the_machine_itself_alone() {
        for local in ["localhost", "127.0.0.1:1", "[::1]", ""] {
            let host = if local.is_empty() { "?host=/run/postgresql" } else { "" };
            assert_eq!(read(&format!("postgres://me@{local}/db{host}")).tls, None, "{local}");
        }
        for remote in ["db", "10.0.0.1", "localhost,db"] {
            assert_eq!(read(&format!("postgres://me@{remote}/db")).tls, Some(Verify::Full), "{remote}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["postgres://me:hush@db/x", "postgres://me:hush@db:port/x", "postgres://me:hush@db/x?a=b"]
        {
            let shown = match Address::parse_with(url, Some("hush".into())) {
                Ok(address) => format!("{address} {address:?}"),
                Err(e) => format!("{e} {e:?} {:?}", e.help_text()),
            };
            assert!(!shown.contains("hush"), "{shown}");
        }
        assert_eq!(read("postgres://me:hush@db/x").to_string(), "postgres://me@db:5432/x?schema=outflow");
    }

    #[test]
    fn wrong_urls_are_refused() {
        for (url, code) in [
            ("postgres://db/x", Code::InvalidValue),
            ("postgres://me@/x", Code::InvalidValue),
            ("postgres://me@db:70000/x", Code::InvalidValue),
            ("postgres://me@db/x?sslmode=prefer", Code::InvalidValue),
            ("postgres://me@db/x?sslmode=disable&sslrootcert=a", Code::InvalidValue),
            ("postgres://me@db/x?schema=a%22b", Code::InvalidValue),
            ("postgres://me@db/x?schema=pg_x", Code::InvalidValue),
            ("postgres://me:a@db/x?password_file=b", Code::InvalidValue),
            ("postgres://me%2@db/x", Code::InvalidValue),
            ("postgres://me@db/x?sslcert=a", Code::UnknownKey),
        ] {
            assert_eq!(Address::parse_with(url, None).unwrap_err().code(), code, "{url}");
        }
    }
}
