//! The value of a definition, as the state keeps it.

use outflow_core::ports::state::DefinitionId;
use outflow_core::{Code, Error};
use serde_json::Value;

/// The value of a definition.
pub(super) fn parsed(id: &DefinitionId, value: &str) -> Result<Value, Error> {
    serde_json::from_str(value).map_err(|e| {
        Error::new(Code::StateIo, format!("the value of {id} in the state is no JSON"))
            .help("another program changed the tables, or this is a mistake in Outflow; please report it")
            .caused_by(e)
    })
}
