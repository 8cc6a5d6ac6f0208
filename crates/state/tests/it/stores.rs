//! The stores under test, by the text that names them.

use std::sync::Arc;

use outflow_core::Result;
use outflow_core::ports::state::State;
use outflow_state::{Location, open};

/// Claims the store in this folder, or at this URL.
pub async fn claim(place: &str) -> Result<Arc<dyn State>> {
    open(&Location::parse(place)?).claim(None).await
}
