//! What every handler has: the application and who recognises people.

use std::sync::Arc;

use outflow_app::App;
use outflow_core::Code;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::openapi::OpenApi;

use crate::authenticator::Authenticator;
use crate::idempotency::Keys;
use crate::problem::Refusal;

/// Requests that query a warehouse or call a destination, at a time.
const PREVIEWS: usize = 8;
/// Clients that listen to events, at a time.
const LISTENERS: usize = 1_200;

/// Shared by all requests.
#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

struct Inner {
    app: App,
    authenticator: Arc<dyn Authenticator>,
    description: Option<Value>,
    keys: Keys,
    previews: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    over_tls: bool,
}

impl Context {
    /// For this application. `over_tls`: the server itself speaks TLS.
    pub(crate) fn new(
        app: App,
        authenticator: Arc<dyn Authenticator>,
        description: &OpenApi,
        over_tls: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            authenticator,
            description: serde_json::to_value(description).ok(),
            keys: Keys::default(),
            previews: Arc::new(Semaphore::new(PREVIEWS)),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            over_tls,
        }))
    }

    /// The description of the API; `None` if it cannot be written.
    pub(crate) fn description(&self) -> Option<&Value> {
        self.0.description.as_ref()
    }

    /// Whether the server itself speaks TLS.
    pub(crate) fn over_tls(&self) -> bool {
        self.0.over_tls
    }

    /// The application.
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    /// The idempotency keys.
    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// A place among the requests that query a warehouse.
    ///
    /// # Errors
    /// A025: there is none.
    pub(crate) fn preview(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.0.previews.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{PREVIEWS} requests query warehouses or destinations already");
            Refusal::new(Code::ServerBusy, message).retry_after(5)
        })
    }

    /// A place among those who listen to events.
    ///
    /// # Errors
    /// A025: there is none.
    pub(crate) fn listener(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.0.listeners.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{LISTENERS} clients listen to events already");
            Refusal::new(Code::ServerBusy, message).retry_after(30)
        })
    }

    /// Who recognises people.
    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.0.authenticator
    }
}
