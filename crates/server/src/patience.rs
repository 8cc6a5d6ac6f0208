//! How long a request may take, and how many may be in flight.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use outflow_core::Code;

use crate::problem::Refusal;

/// How long the handler of a route may take, its body's arrival included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It reads the state, or asks the supervisor.
    Usual,
    /// It waits for a warehouse or a destination.
    Long,
}

impl Patience {
    const fn duration(self) -> Duration {
        match self {
            Self::Usual => Duration::from_secs(30),
            Self::Long => Duration::from_secs(300),
        }
    }
}

/// Ends a request that takes too long.
pub(crate) async fn within(State(patience): State<Patience>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience.duration(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("the request took longer than {:?}", patience.duration());
            Refusal::new(Code::RequestTimeout, message).into_response()
        }
    }
}
