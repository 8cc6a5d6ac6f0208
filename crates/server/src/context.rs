//! What every handler has: the application and who recognises people.

use std::sync::Arc;

use outflow_app::App;

use crate::access::Authenticator;

/// Shared by all requests.
#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

struct Inner {
    app: App,
    authenticator: Arc<dyn Authenticator>,
}

impl Context {
    /// For this application.
    pub(crate) fn new(app: App, authenticator: Arc<dyn Authenticator>) -> Self {
        Self(Arc::new(Inner { app, authenticator }))
    }

    /// The application.
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    /// Who recognises people.
    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.0.authenticator
    }
}
