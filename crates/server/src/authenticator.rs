//! Who sends a request: by a token, or by the cookie of a session.
//!
//! What always holds: the head of the request alone says it. What this module does not do: judge
//! what somebody may do; `access` does.

use http::header;
use http::request::Parts;
use outflow_app::App;
use outflow_app::people::{Credential, Principal};
use outflow_core::{BoxFuture, Code, Error, Secret};

use crate::{client, cookies, cross_site};

/// Recognises who sends a request.
pub trait Authenticator: Send + Sync {
    /// Who sends a request with this head.
    ///
    /// # Errors
    /// A001: the request does not say. What else is wrong with their credential.
    fn authenticate<'a>(&'a self, app: &'a App, head: &'a Parts) -> BoxFuture<'a, Result<Principal, Error>>;
}

/// By the tokens and the sessions of the installation.
pub(crate) struct People;

impl Authenticator for People {
    fn authenticate<'a>(&'a self, app: &'a App, head: &'a Parts) -> BoxFuture<'a, Result<Principal, Error>> {
        Box::pin(async move { app.authenticate(&credential(head)?, client::of(head)).await })
    }
}

/// A token, or the cookie of a session if no page of another site had it sent.
fn credential(head: &Parts) -> Result<Credential, Error> {
    if let Some(sent) = head.headers.get(header::AUTHORIZATION) {
        let token = sent.to_str().ok().and_then(|sent| sent.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let wrong = || {
            Error::new(Code::CredentialRefused, "the header Authorization has no token")
                .help("send Authorization: Bearer TOKEN")
        };
        return token.map(|(_, token)| Credential::Token(Secret::new(token.trim()))).ok_or_else(wrong);
    }
    let Some(session) = cookies::find(&head.headers, cookies::SESSION) else {
        return Err(Error::new(Code::NotSignedIn, "the request does not say who asks")
            .help("sign in, or send a token: Authorization: Bearer TOKEN"));
    };
    cross_site::check(&head.method, &head.headers)?;
    Ok(Credential::Session(session))
}
