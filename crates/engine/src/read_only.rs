//! Whether a query may run: its functions, judged by what the catalogue of its database says.
//!
//! What always holds: every statement that runs a query of a user begins here, or after [`check`]
//! on the same query. The text has been judged before (`Query::parse`); the read-only transaction
//! comes after. What it does not do: see into functions that are marked as stable.

use outflow_core::ports::warehouse::{RowStream, Session, Statement, Warehouse};
use outflow_core::{Code, ErrorKind};
use outflow_query::Query;

use crate::Errors;

/// Begins a statement that is this query with its variables filled in.
///
/// # Errors
/// Those of [`check`] and of [`Session::query`].
pub(crate) async fn query(
    mut session: Box<dyn Session>,
    warehouse: &dyn Warehouse,
    query: &Query,
    statement: Statement,
) -> Result<Box<dyn RowStream>, Errors> {
    check(&mut *session, warehouse, query).await?;
    Ok(session.query(statement).await?)
}

/// Refuses a query that can run a function which may do more than read.
///
/// # Errors
/// Q012 for each such function, and what breaks the connection.
pub(crate) async fn check(
    session: &mut dyn Session,
    warehouse: &dyn Warehouse,
    query: &Query,
) -> Result<(), Errors> {
    let Some(references) = query.references() else { return Ok(()) };
    let allowed = warehouse.allow_functions();
    match session.volatile_functions(references).await {
        Ok(found) => Ok(query.judge_functions(&found, allowed)?),
        // The connection may be gone, or the database busy: nothing is known about its catalogue.
        Err(error)
            if error.code().kind() == ErrorKind::Transient || error.code() == Code::ProtocolViolation =>
        {
            Err(error.into())
        }
        Err(error) => Ok(query.judge_without_catalogue(&error, allowed)?),
    }
}
