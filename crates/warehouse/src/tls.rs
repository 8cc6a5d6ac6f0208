//! How a connection to a server is encrypted.

use std::path::PathBuf;

/// How a connection is encrypted, and whom the server must be.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// How strict to be.
    pub mode: TlsMode,
    /// A PEM file with the only authorities to trust. `None`: the public ones.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must be for, where `host` is a tunnel or an alias.
    pub server_name: Option<String>,
}

impl Tls {
    /// Whether a server must have proved by its certificate who it is.
    pub(crate) fn is_verified(&self) -> bool {
        match self.mode {
            TlsMode::Disable | TlsMode::Prefer => false,
            TlsMode::Require => self.ca.is_some(),
            TlsMode::VerifyCa | TlsMode::VerifyFull => true,
        }
    }
}

/// The modes mean what `sslmode` means to libpq.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain text.
    Disable,
    /// Encrypted if the server can, to whomever.
    Prefer,
    /// Encrypted, to whomever; with a CA file the same as `VerifyCa`.
    Require,
    /// Encrypted, to a server with a certificate of a trusted authority.
    VerifyCa,
    /// Encrypted, to a server with a certificate of a trusted authority for its name.
    #[default]
    VerifyFull,
}
