//! The stores under test, by the text that names them.

use std::sync::Arc;

use outflow_core::Result;
use outflow_core::ports::state::{State, StateStore as _};
use outflow_state::SqliteStore;

/// Claims the store in this folder.
pub async fn claim(place: &str) -> Result<Arc<dyn State>> {
    SqliteStore::new(place).claim(None).await
}
