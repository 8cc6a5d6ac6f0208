//! What the extended protocol keeps by name in a session: parsed statements and portals.

use std::sync::Arc;

use super::rows::Column;
use super::statement::Statement;
use super::types::Shape;

/// A parsed statement.
#[derive(Clone)]
pub(super) struct Prepared {
    pub statement: Arc<Statement>,
    /// Known once they were needed.
    pub columns: Option<Arc<Vec<Column>>>,
}

/// A statement with its parameters.
pub(super) struct Portal {
    pub prepared: Prepared,
    /// The formats that the client asked for.
    pub formats: Vec<i16>,
    pub shapes: Vec<Shape>,
    pub begun: bool,
}
