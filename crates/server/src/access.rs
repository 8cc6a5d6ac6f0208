//! Who asks, and whether they may.
//!
//! What always holds: a handler's first argument is a [`May`], which names a permission as a type.
//! It is made from the head of the request alone, so whoever has no permission has no body read.
//!
//! What it does not do: know passwords, tokens or roles. An [`Authenticator`] does.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use outflow_core::{BoxFuture, Code, Error};

use crate::context::Context;
use crate::problem::Refusal;

macro_rules! permissions {
    ($($name:ident $text:literal;)*) => {
        /// What a request can need.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "a name that says all has no comment")]
        pub enum Permission { $($name,)* }

        impl Permission {
            /// All of them.
            pub const ALL: &[Permission] = &[$(Permission::$name,)*];

            /// Its name in `openapi.json`.
            pub const fn name(self) -> &'static str {
                match self { $(Permission::$name => $text,)* }
            }
        }

        /// A type for each permission, which handlers name.
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

permissions! {
    ReadProject "project.read";
    ReadStatus "status.read";
    ReadRuns "runs.read";
    ReadUsage "usage.read";
    ReadAlerts "alerts.read";
    ReadRows "rows.read";
    QuerySources "sources.query";
    TestDestinations "destinations.test";
    StartRuns "runs.start";
    DecideRuns "runs.decide";
    Pause "pauses.write";
    ManageAlerts "alerts.write";
    ManageSettings "settings.write";
}

/// A permission as a type.
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// Somebody who was recognised.
#[derive(Clone)]
pub struct Principal {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub permissions: Arc<[Permission]>,
}

impl Principal {
    /// Whether they may do that.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

/// Recognises who sends a request.
pub trait Authenticator: Send + Sync {
    /// Who sends a request with this head.
    ///
    /// # Errors
    /// A001: nobody that is known. What else is wrong with their credential.
    fn authenticate<'a>(&'a self, head: &'a Parts) -> BoxFuture<'a, Result<Principal, Error>>;
}

/// Nobody is recognised.
pub(crate) struct Nobody;

impl Authenticator for Nobody {
    fn authenticate<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Principal, Error>> {
        let error = Error::new(Code::NotSignedIn, "nobody is signed in")
            .help("send a token: Authorization: Bearer TOKEN");
        Box::pin(std::future::ready(Err(error)))
    }
}

/// The proof that whoever sent the request has the permission.
pub struct May<P> {
    /// Who it is.
    pub principal: Principal,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Context> for May<P> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, context: &Context) -> Result<Self, Refusal> {
        let principal = context.authenticator().authenticate(head).await?;
        if !principal.may(P::PERMISSION) {
            let message = format!("{:?} may not do this: it takes {}", principal.name, P::PERMISSION.name());
            return Err(Refusal::new(Code::NotPermitted, message).help("ask an administrator for the right"));
        }
        Ok(Self { principal, permission: PhantomData })
    }
}
