//! How a front end answers while this process serves: `App::serve` has it listen before the first
//! run, keeps it alive beside the supervisor, and ends it with the process.

use std::net::SocketAddr;

use outflow_core::{BoxFuture, Error};
pub use outflow_egress::Network;
pub use outflow_project::{ServerSettings, TlsFiles};

use crate::App;

/// A front end that answers over the network.
pub trait FrontEnd: Send + Sync {
    /// Takes the address, and whatever else can fail. Nothing is answered yet.
    ///
    /// # Errors
    /// C005: the address is not this machine's, or is taken. What is wrong with the settings.
    fn listen(&self, app: App, settings: ServerSettings) -> BoxFuture<'_, Result<Box<dyn Listening>, Error>>;
}

/// A front end that has its address.
pub trait Listening: Send + Sync {
    /// The address.
    fn address(&self) -> SocketAddr;

    /// Answers for ever. After a panic it is called again.
    fn answer(&self) -> BoxFuture<'static, ()>;
}
