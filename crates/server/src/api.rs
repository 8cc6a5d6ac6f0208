//! The handlers, one file for each kind of thing, and the table of their routes.

mod about;

use axum::Router;
use axum::middleware::from_fn_with_state;
use outflow_core::Code;

use crate::context::Context;
use crate::envelope::{Envelope, envelope};
use crate::patience::Patience::Usual;
use crate::problem::Refusal;
use crate::routes::Routes;

/// Every route.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .open(about::__path_alive, about::alive)
        .open(about::__path_ready, about::ready)
        .add(Usual, about::__path_version, about::version)
        .add(Usual, about::__path_health, about::health)
        .add(Usual, about::__path_openapi, about::openapi)
}

/// The service that answers.
pub(crate) fn service(context: Context, surroundings: Envelope) -> Router {
    routes()
        .router
        .fallback(no_such_address)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(surroundings, envelope))
        .with_state(context)
}

async fn no_such_address() -> Refusal {
    Refusal::new(Code::NoSuchAddress, "the API has no such address").help("see /api/v1/openapi.json")
}

async fn no_such_method() -> Refusal {
    Refusal::new(Code::MethodNotAllowed, "this address has other methods").help("see /api/v1/openapi.json")
}
