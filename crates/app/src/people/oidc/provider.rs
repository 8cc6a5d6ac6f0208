//! The provider: what it says about itself, its keys, and what it gives for a code.
//!
//! What always holds: every request goes through the one HTTP client, with its address filter and
//! its limits. What the provider says about itself and its keys are kept for an hour; a key that is
//! not known has the keys fetched again, at most once a minute. However many wait for an answer,
//! one of them asks. No error quotes an answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outflow_core::{Clock as _, Code, Error, Secret, SystemClock};
use outflow_egress::{BodyEnd, Client, Deadlines, Target};
use outflow_project::oidc::OidcSettings;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::flows::Flow;
use super::form;
use super::id_token::{self, Claims, Expected, Failure};
use super::keys::Keys;

/// For one request.
const DEADLINES: Deadlines = Deadlines {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(8),
};
/// What the provider says about itself, and its keys, are asked for again after this time.
const KEPT: Duration = Duration::from_secs(3600);
/// A key that is not known has the keys fetched again no more often than this.
const REFETCH: Duration = Duration::from_secs(60);

/// What the provider says about itself (OpenID Connect Discovery 1.0).
struct Metadata {
    authorization: String,
    token: String,
    keys: String,
    userinfo: Option<String>,
    /// The client's secret goes into the body, as the provider takes it no other way.
    secret_in_body: bool,
}

/// What was fetched.
#[derive(Default)]
struct Fetched {
    metadata: Option<(Arc<Metadata>, Instant)>,
    keys: Option<(Arc<Keys>, Instant)>,
    /// When a key was not known last and the keys were fetched again.
    refetched: Option<Instant>,
    /// When the last request failed, and why.
    failed: Option<(Instant, String)>,
}

/// The provider of a project.
pub(crate) struct Provider {
    pub(super) settings: OidcSettings,
    client: Client,
    fetched: Mutex<Fetched>,
}

/// A029.
fn unusable(what: &str, why: &str) -> Error {
    Error::new(Code::ProviderUnavailable, format!("{what} of the sign-in provider {why}"))
        .help("try again; else compare server.oidc with the provider's settings")
}

impl Provider {
    /// The provider of these settings. It is asked nothing yet.
    pub(crate) fn new(settings: OidcSettings, client: Client) -> Self {
        Self { settings, client, fetched: Mutex::default() }
    }

    /// Where a browser goes to sign in.
    pub(super) async fn address(&self, flow: &Flow, state: &str) -> Result<String, Error> {
        let metadata = self.metadata().await?;
        let scope = self.settings.scopes.join(" ");
        let query = form::encode(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &flow.redirect),
            ("scope", &scope),
            ("state", state),
            ("nonce", &flow.nonce),
            ("code_challenge", &flow.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let separator = if metadata.authorization.contains('?') { '&' } else { '?' };
        Ok(format!("{}{separator}{query}", metadata.authorization))
    }

    /// The claims about whoever has this code: those of the ID token, and with them those of
    /// `userinfo` if one of `wanted` is not in the token.
    pub(super) async fn claims(&self, code: &Secret, flow: &Flow, wanted: &[&str]) -> Result<Claims, Error> {
        let metadata = self.metadata().await?;
        let answer = self.exchange(&metadata, code, flow).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let none = || unusable("the answer to the code", "has no ID token");
        let mut claims = self.checked(text("id_token").ok_or_else(none)?, &flow.nonce, &metadata).await?;
        if wanted.iter().all(|name| claims.contains_key(*name)) {
            return Ok(claims);
        }
        let (Some(address), Some(access)) = (&metadata.userinfo, text("access_token")) else {
            return Ok(claims);
        };
        let about = self.userinfo(address, access).await?;
        // It may be about somebody else (5.3.2).
        if about.get("sub") != claims.get("sub") {
            return Err(id_token::refused("and its userinfo are about different people"));
        }
        for (name, value) in about {
            claims.entry(name).or_insert(value);
        }
        Ok(claims)
    }

    /// The claims of an ID token that is right. Keys that it is not signed with may be old.
    async fn checked(&self, token: &str, nonce: &str, metadata: &Metadata) -> Result<Claims, Error> {
        let (issuer, client_id) = (self.settings.issuer.as_str(), self.settings.client_id.as_str());
        let expected = Expected { issuer, client_id, nonce, now: SystemClock.now() };
        for is_again in [false, true] {
            let keys = self.keys(metadata, is_again).await?;
            match id_token::claims(token, &keys, &expected) {
                Ok(claims) => return Ok(claims),
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::UnknownKey) => {}
            }
        }
        Err(id_token::refused("is signed by a key that the provider does not publish"))
    }

    /// Has the code exchanged for tokens.
    async fn exchange(&self, metadata: &Metadata, code: &Secret, flow: &Flow) -> Result<Claims, Error> {
        let OidcSettings { client_id, client_secret, .. } = &self.settings;
        let mut body = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", flow.redirect.as_str()),
            ("code_verifier", flow.verifier.expose()),
        ];
        let login = format!("{}:{}", form::escape(client_id), form::escape(client_secret.expose()));
        let login = format!("Basic {}", STANDARD.encode(login));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        match metadata.secret_in_body {
            true => {
                body.extend([("client_id", client_id.as_str()), ("client_secret", client_secret.expose())])
            }
            false => headers.push(("authorization", login.as_str())),
        }
        let what = "the token endpoint";
        let (status, answer) = self.ask(what, &metadata.token, headers, Some(form::encode(&body))).await?;
        match (status, answer.get("error").and_then(Value::as_str)) {
            (200, None) => Ok(answer),
            (_, Some("invalid_grant")) => {
                let message = "the sign-in provider does not take the code: it was used, or has ended";
                Err(Error::new(Code::ProviderRefused, message).help("begin the sign-in again"))
            }
            (_, Some("invalid_client" | "unauthorized_client")) => {
                Err(unusable(what, "does not accept client_id and client_secret"))
            }
            (status, _) => Err(unusable(what, &format!("answered with status {status}"))),
        }
    }

    async fn userinfo(&self, address: &str, access: &str) -> Result<Claims, Error> {
        let (what, bearer) = ("the userinfo endpoint", format!("Bearer {access}"));
        match self.ask(what, address, vec![("authorization", bearer.as_str())], None).await? {
            (200, claims) => Ok(claims),
            (status, _) => Err(unusable(what, &format!("answered with status {status}"))),
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let (asked, mut fetched) = (Instant::now(), self.fetched.lock().await);
        if let Some((metadata, _)) = fetched.metadata.as_ref().filter(|(_, at)| at.elapsed() < KEPT) {
            return Ok(metadata.clone());
        }
        let what = "the discovery document";
        let address =
            format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let document = self.document(what, &address, asked, &mut fetched).await?;
        let metadata = Arc::new(self.read(&document).map_err(|why| unusable(what, &why))?);
        fetched.metadata = Some((metadata.clone(), Instant::now()));
        Ok(metadata)
    }

    /// The keys. `is_again`: one was not among them.
    async fn keys(&self, metadata: &Metadata, is_again: bool) -> Result<Arc<Keys>, Error> {
        let (asked, mut fetched) = (Instant::now(), self.fetched.lock().await);
        let may_refetch = is_again && fetched.refetched.is_none_or(|at| at.elapsed() >= REFETCH);
        if let Some((keys, _)) = fetched.keys.as_ref().filter(|(_, at)| at.elapsed() < KEPT && !may_refetch) {
            return Ok(keys.clone());
        }
        if may_refetch {
            fetched.refetched = Some(Instant::now());
        }
        let what = "the set of keys";
        let document = self.document(what, &metadata.keys, asked, &mut fetched).await?;
        let keys = Keys::of(&Value::Object(document)).ok_or_else(|| unusable(what, "has no keys"))?;
        let keys = Arc::new(keys);
        fetched.keys = Some((keys.clone(), Instant::now()));
        Ok(keys)
    }

    /// A document of the provider. Whoever has waited while another's request failed gets that
    /// failure, and does not wait for one of their own.
    async fn document(
        &self,
        what: &str,
        address: &str,
        asked: Instant,
        fetched: &mut Fetched,
    ) -> Result<Claims, Error> {
        if let Some((_, message)) = fetched.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(Error::new(Code::ProviderUnavailable, message.clone()));
        }
        let answered = match self.ask(what, address, Vec::new(), None).await {
            Ok((200, document)) => Ok(document),
            Ok((status, _)) => Err(unusable(what, &format!("answered with status {status}"))),
            Err(error) => Err(error),
        };
        answered.inspect_err(|error| fetched.failed = Some((Instant::now(), error.message().to_owned())))
    }

    /// What the discovery document says.
    fn read(&self, document: &Claims) -> Result<Metadata, String> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&self.settings.issuer) {
            return Err("is of another issuer than server.oidc.issuer".to_owned());
        }
        let is_local = !self.settings.issuer.starts_with("https://");
        let url = |name: &str, address: &str| {
            let is_plain = Target::new(address, []).is_ok() && !address.contains('#');
            let is_safe = is_local || address.starts_with("https://");
            (is_plain && is_safe).then(|| address.to_owned()).ok_or(format!("has no usable {name}"))
        };
        let required = |name: &str| url(name, text(name).unwrap_or_default());
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        let takes = |name: &str| methods.is_some_and(|all| all.iter().any(|method| method == name));
        Ok(Metadata {
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            keys: required("jwks_uri")?,
            userinfo: text("userinfo_endpoint").map(|it| url("userinfo_endpoint", it)).transpose()?,
            secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
        })
    }

    /// Sends a request, a POST if there is a body. The answer is an object.
    async fn ask(
        &self,
        what: &str,
        address: &str,
        headers: Vec<(&str, &str)>,
        body: Option<String>,
    ) -> Result<(u16, Claims), Error> {
        let headers = headers.into_iter().chain([("accept", "application/json")]);
        let target = Target::new(address, headers).map_err(|_| unusable(what, "has no usable address"))?;
        let sent = match body {
            Some(body) => self.client.post(&target, body.into(), &DEADLINES).await,
            None => self.client.get(&target, &DEADLINES).await,
        };
        let answer = sent.map_err(|e| unusable(what, &format!("did not answer: {}", e.kind)).caused_by(e))?;
        let document = match answer.end {
            BodyEnd::Complete => serde_json::from_slice(&answer.body).ok(),
            _ => None,
        };
        match document {
            Some(document) => Ok((answer.status, document)),
            None if answer.status == 200 => Err(unusable(what, "did not answer with a document of JSON")),
            None => Err(unusable(what, &format!("answered with status {}", answer.status))),
        }
    }
}
