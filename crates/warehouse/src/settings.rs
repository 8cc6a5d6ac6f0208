//! What the user says about a Redshift or PostgreSQL server.

use std::path::PathBuf;
use std::time::Duration;

use outflow_core::{Code, Error, Result, Secret};

use crate::aws::{Iam, IamTarget};
use crate::server::kind::ServerKind;
use crate::tls::{Tls, TlsMode};

/// Where a server is and how to log in.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// What the server is.
    pub kind: ServerKind,
    /// A host name or an IP address.
    pub host: String,
    /// Redshift listens on 5439, PostgreSQL on 5432.
    pub port: u16,
    /// The database to open.
    pub database: String,
    /// Who logs in, and with what.
    pub login: Login,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// The password may be given in clear text to a server that has not proved who it is.
    pub allow_cleartext_password: bool,
    /// Functions that queries may call although the catalogue marks them as volatile: `name` or
    /// `schema.name`.
    pub allow_functions: Vec<String>,
    /// The SSH server that leads to the host, if there is one.
    pub tunnel: Option<Tunnel>,
    /// Everything from the look-up of the name to a session that is ready must be done within this
    /// time.
    pub connect_timeout: Duration,
}

impl ServerSettings {
    /// The usual `connect_timeout`: a serverless Redshift that sleeps takes up to a minute to wake.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(75);

    /// Finds what no server could make sense of.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(Code::InvalidValue, what.to_owned()));
        let mut texts = vec![("host", &self.host), ("database", &self.database)];
        match &self.login {
            Login::Password { user, password } => {
                if password.expose().contains('\0') {
                    return wrong("the password holds a NUL character");
                }
                texts.push(("user", user));
            }
            // Redshift takes such a password in no other way, and refuses it as a wrong one.
            Login::Iam(_) if matches!(self.tls.mode, TlsMode::Disable | TlsMode::Prefer) => {
                return wrong("`iam` needs TLS: `ssl` must be require, verify-ca or verify-full");
            }
            Login::Iam(iam) => iam.check()?,
        }
        if let Some(tunnel) = &self.tunnel {
            tunnel.check()?;
        }
        for (name, value) in texts {
            if value.is_empty() {
                return wrong(&format!("\"{name}\" is empty"));
            }
            if value.contains('\0') {
                return wrong(&format!("\"{name}\" holds a NUL character"));
            }
        }
        Ok(())
    }

    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Who logs in, and with what.
#[derive(Clone, Debug)]
pub enum Login {
    /// A user with a password.
    Password {
        /// The user's name.
        user: String,
        /// The password; empty if the server asks for none.
        password: Secret,
    },
    /// A user whose password AWS gives, for a Redshift.
    Iam(Iam),
}

impl Login {
    /// A user with a password.
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Login {
        Login::Password { user: user.into(), password: Secret::new(password) }
    }

    /// The database user, if the settings name one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Login::Password { user, .. } => Some(user),
            Login::Iam(Iam { target: IamTarget::Cluster { user, .. }, .. }) => {
                user.as_ref().map(|user| user.name.as_str())
            }
            Login::Iam(_) => None,
        }
    }
}

/// A way through an SSH server, by the system's `ssh` and what its settings say.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// A name, an address, or an alias from the settings of `ssh`.
    pub host: String,
    /// Usually 22.
    pub port: u16,
    /// `None`: as `ssh` decides.
    pub user: Option<String>,
    /// The private key to use, and no other. `None`: as `ssh` decides.
    pub key: Option<PathBuf>,
    /// The keys of servers that are trusted, and no others. `None`: those of this machine's user.
    pub known_hosts: Option<PathBuf>,
}

impl Tunnel {
    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether this can be the host or the user: both become arguments of a program.
    pub fn takes(text: &str) -> bool {
        let plain = |c: char| c.is_alphanumeric() || "._-:@+\\".contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(plain)
    }

    fn check(&self) -> Result<()> {
        match [Some(&self.host), self.user.as_ref()].into_iter().flatten().find(|text| !Self::takes(text)) {
            None => Ok(()),
            Some(text) => {
                Err(Error::new(Code::InvalidValue, format!("{text:?} cannot be a host or a user of ssh")))
            }
        }
    }
}
