//! The table of routes. A route is a handler with its description; the permission that it needs is
//! read from the type of its first argument.
//!
//! What always holds: a handler whose first argument is no [`May`] cannot be added (it does not
//! compile), but for the few of [`Routes::open`], which reveal nothing.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;

use axum::routing::{MethodFilter, MethodRouter};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use crate::access::{May, Needs, Permission};
use crate::context::Context;
use crate::patience::{Patience, within};

/// The arguments of a handler that begin with a permission.
pub(crate) trait Guarded {
    /// The permission.
    type Needs: Needs;
}

macro_rules! guarded {
    ($($argument:ident)*) => {
        impl<M, P: Needs, $($argument),*> Guarded for (M, May<P>, $($argument,)*) {
            type Needs = P;
        }
    };
}

guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);
guarded!(A B C D E);

/// A route as the description has it.
pub(crate) struct Route {
    /// The path, with its parameters in braces.
    pub(crate) path: String,
    /// The method.
    pub(crate) method: HttpMethod,
    /// What it needs; `None`: nothing.
    pub(crate) permission: Option<Permission>,
    /// Its description.
    pub(crate) operation: Operation,
    /// The schemas that the description refers to.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

/// All routes.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<Context>,
    pub(crate) routes: Vec<Route>,
}

impl Routes {
    /// Adds a handler that needs a permission. `D` is the type that `utoipa::path` makes beside it.
    pub(crate) fn add<D, H, T>(self, patience: Patience, _: D, handler: H) -> Self
    where
        D: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static>,
        H: Handler<T, Context>,
        T: Guarded + 'static,
    {
        self.put::<D, H, T>(patience, Some(T::Needs::PERMISSION), handler)
    }

    /// Adds a handler for everybody.
    pub(crate) fn open<D, H, T>(self, _: D, handler: H) -> Self
    where
        D: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static>,
        H: Handler<T, Context>,
        T: 'static,
    {
        self.put::<D, H, T>(Patience::Usual, None, handler)
    }

    /// Adds what this adds.
    pub(crate) fn with(self, add: impl FnOnce(Self) -> Self) -> Self {
        add(self)
    }

    fn put<D, H, T>(mut self, patience: Patience, permission: Option<Permission>, handler: H) -> Self
    where
        D: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static>,
        H: Handler<T, Context>,
        T: 'static,
    {
        let (path, mut schemas) = (D::path(), Vec::new());
        D::schemas(&mut schemas);
        let mut methods: MethodRouter<Context> = MethodRouter::new();
        for method in D::methods() {
            methods = methods.on(filter(&method), handler.clone());
            let schemas = std::mem::take(&mut schemas);
            let (path, mut operation) = (path.clone(), D::operation());
            operation.tags = Some(D::tags().into_iter().map(str::to_owned).collect());
            self.routes.push(Route { path, method, permission, operation, schemas });
        }
        self.router = self.router.route(&path, methods.layer(from_fn_with_state(patience, within)));
        self
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Delete => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}
