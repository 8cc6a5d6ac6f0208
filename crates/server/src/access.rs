//! Who asks, and whether they may.
//!
//! What always holds: a handler's first argument is a [`May`], which names a permission as a type.
//! It is made from the head of the request alone, so whoever has no permission has no body read.
//! What a handler changes through it is in the audit log under the name of whoever asks.
//!
//! What it does not do: know passwords, tokens or roles. `outflow_app::people` does.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use outflow_app::App;
use outflow_app::people::Credential;
pub use outflow_app::people::{Permission, Principal};
use outflow_core::{Actor, BoxFuture, Code, Error, Secret};

use crate::client;
use crate::context::Context;
use crate::problem::Refusal;
use crate::request_id::RequestId;
use crate::{cookies, cross_site};

/// A type for each permission, which handlers name.
macro_rules! types {
    ($($name:ident)*) => {
        pub(crate) mod to {
            $(
                /// The permission of that name.
                pub(crate) struct $name;
                impl super::Needs for $name {
                    const PERMISSION: super::Permission = super::Permission::$name;
                }
            )*
        }
    };
}

types! {
    ReadProject ReadStatus ReadRuns ReadUsage ReadAlerts ReadSelf OwnAccount ReadRows QuerySources
    TestDestinations StartRuns DecideRuns Pause ManageAlerts ManageSettings ManageUsers ManageTokens
}

/// A permission as a type.
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// Recognises who sends a request.
pub trait Authenticator: Send + Sync {
    /// Who sends a request with this head.
    ///
    /// # Errors
    /// A001: the request does not say. What else is wrong with their credential.
    fn authenticate<'a>(
        &'a self,
        app: &'a App,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Principal, Error>>;
}

/// By the tokens and the sessions of the installation.
pub(crate) struct People;

impl Authenticator for People {
    fn authenticate<'a>(
        &'a self,
        app: &'a App,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Principal, Error>> {
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

/// The proof that whoever sent the request has the permission.
pub struct May<P> {
    /// Who it is.
    pub principal: Principal,
    /// The application, acting for them.
    pub app: App,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Context> for May<P> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, context: &Context) -> Result<Self, Refusal> {
        let mut principal = context.authenticator().authenticate(context.app(), head).await?;
        principal.require(P::PERMISSION)?;
        let request_id = head.extensions.get::<RequestId>().map(|id| id.as_str().to_owned());
        principal.actor = Actor { request_id, ..principal.actor };
        let app = context.app().by(principal.actor.clone());
        Ok(Self { principal, app, permission: PhantomData })
    }
}
