//! The sync that findings are about.

use std::sync::Arc;

use outflow_core::SyncSpec;
use outflow_core::ports::destination::Destination;

/// The destinations that a sync's calls go to, by name.
pub type Destinations = [(String, Arc<dyn Destination>)];

/// The sync to check.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The sync.
    pub spec: &'a SyncSpec,
    /// Whether its calls go to Customer.io.
    pub customer_io: bool,
    /// Where its calls go, as far as these destinations can be made.
    pub destinations: &'a Destinations,
}
