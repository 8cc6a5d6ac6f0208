//! Who asks, and whether they may.
//!
//! What always holds: a handler's first argument is a [`May`], which names a permission as a type.
//! It is made from the head of the request alone, so whoever has no permission has no body read.
//! What a handler changes through it is in the audit log under the name of whoever asks.
//!
//! What it does not do: know passwords, tokens or roles. `outflow_app::people` does.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use http::request::Parts;
use outflow_app::App;
pub use outflow_app::people::{Permission, Principal};
use outflow_core::Actor;

use crate::context::Context;
use crate::problem::Refusal;
use crate::request_id::RequestId;

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
    ListSecrets WriteSecrets
    ReadProject ReadStatus ReadRuns ReadUsage ReadAlerts ReadSelf OwnAccount ReadRows QuerySources
    TestDestinations StartRuns DecideRuns Pause ManageAlerts ManageSettings ManageUsers ManageTokens
    WriteProject PurgePeople ReadAudit ReadMetrics
}

/// A permission as a type.
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// Whether whoever sent the request may see values of rows: not, until it is known who it is.
#[derive(Clone, Default)]
pub(crate) struct SeesRows(Arc<AtomicBool>);

impl SeesRows {
    fn set(&self, sees: bool) {
        self.0.store(sees, Ordering::Relaxed);
    }

    /// Whether they may.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
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
        if let Some(sees_rows) = head.extensions.get::<SeesRows>() {
            sees_rows.set(principal.may(Permission::ReadRows));
        }
        principal.require(P::PERMISSION)?;
        let request_id = head.extensions.get::<RequestId>().map(|id| id.as_str().to_owned());
        principal.actor = Actor { request_id, ..principal.actor };
        let app = context.app().by(principal.actor.clone());
        Ok(Self { principal, app, permission: PhantomData })
    }
}
