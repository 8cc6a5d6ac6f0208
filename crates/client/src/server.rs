//! A server: its address, who asks, and whether it is one.

use std::path::PathBuf;
use std::sync::Arc;

use outflow_app::{Errors, FORMAT_VERSION};
use outflow_core::{Code, Error, Secret};
use outflow_egress::{AddressPolicy, Client, Proxies};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::Answer;

/// Which server, and who asks.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its address: `https://outflow.example:8443`.
    pub url: String,
    /// The token.
    pub token: Secret,
    /// A PEM file with certificates to trust beside the usual ones.
    pub ca: Option<PathBuf>,
}

/// A server. Clones share its connections.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) client: Client,
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) token: Secret,
    /// It was asked which version it is.
    is_known: OnceCell<()>,
}

/// Who asks, as the server knows them.
#[derive(Clone, Debug, Deserialize)]
pub struct Me {
    /// `person` or `token`.
    pub kind: String,
    /// The user's name, or the token's id.
    pub name: String,
    /// What they may do.
    pub permissions: Vec<String>,
}

/// The version of a server. An answer without these keys is not that of an Outflow.
#[derive(Deserialize)]
struct Version {
    version: String,
    format_version: u32,
}

impl Server {
    /// A server that was not asked anything yet. Proxies are those of the environment.
    ///
    /// # Errors
    /// C005: the address or the file of certificates is not usable.
    pub fn new(options: ServerOptions) -> Result<Self, Error> {
        let ServerOptions { url, token, ca } = options;
        let url = address(&url)?;
        let (proxies, _) = Proxies::of(&|name| std::env::var(name).ok());
        let mut client = Client::usual(AddressPolicy::AllowAll, proxies);
        if let Some(ca) = ca {
            client = client.trusting(&ca).map_err(|e| e.at("--ca or OUTFLOW_CA"))?;
        }
        Ok(Self(Arc::new(Inner { client, url, token, is_known: OnceCell::new() })))
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Who asks.
    ///
    /// # Errors
    /// C040…C042; A001: the token is not one of the server's.
    pub fn me<'a>(&'a self) -> Answer<'a, Me> {
        Box::pin(async move {
            self.check().await?;
            self.get("me").document().await
        })
    }

    /// Whether it is an Outflow whose documents this program knows. It is asked once.
    pub(crate) async fn check(&self) -> Result<(), Errors> {
        self.0.is_known.get_or_try_init(|| self.asked()).await?;
        Ok(())
    }

    async fn asked(&self) -> Result<(), Errors> {
        let value: Value = match self.get("version").document().await {
            Ok(value) => value,
            // It is an Outflow, which does not say its version to everybody.
            Err(errors) if errors.0.iter().any(|e| e.code() == Code::NotPermitted) => return Ok(()),
            Err(errors) => return Err(errors),
        };
        let Ok(Version { version, format_version }) = serde_json::from_value(value) else {
            return Err(not_an_outflow(&self.0.url, "its answer is another one").into());
        };
        if format_version == FORMAT_VERSION {
            return Ok(());
        }
        let message = format!(
            "the server is Outflow {version}, whose documents have the form {format_version}; this program knows \
             the form {FORMAT_VERSION}"
        );
        let error = Error::new(Code::OtherServerVersion, message).at(self.0.url.clone());
        Err(error.help(format!("use the outflow {version} that the server has")).into())
    }
}

/// The address without what is behind the host and the port.
fn address(text: &str) -> Result<String, Error> {
    let url = text.trim().trim_end_matches('/');
    outflow_egress::Target::new(url, []).map_err(|e| e.at("--server or OUTFLOW_SERVER"))?;
    if url.contains(['?', '#']) {
        let message = "the address of a server has no query";
        return Err(Error::new(Code::InvalidValue, message).at("--server or OUTFLOW_SERVER"));
    }
    Ok(url.to_owned())
}

/// Something else answers at the address.
pub(crate) fn not_an_outflow(url: &str, why: &str) -> Error {
    Error::new(Code::NotAnOutflow, format!("what answers is not the API of an Outflow: {why}"))
        .at(url)
        .help("write the address of `outflow serve --listen`, without a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        assert_eq!(address(" https://outflow.example:8443/ ").unwrap(), "https://outflow.example:8443");
        for wrong in ["outflow.example", "ftp://x", "https://u:p@x", "https://x/?a=b", ""] {
            assert_eq!(address(wrong).unwrap_err().code(), Code::InvalidValue, "{wrong}");
        }
    }
}
