//! `outflow explain`: the page of a code.

use outflow_app::Errors;
use outflow_core::Code;

use crate::exit::Exit;
use crate::output::{Printer, table};

/// Prints the page, or the list of all codes.
pub fn explain(code: Option<&str>, printer: Printer) -> Result<Exit, Errors> {
    let Some(text) = code else {
        let rows: Vec<_> = Code::ALL.iter().map(|c| vec![c.to_string(), c.title().to_owned()]).collect();
        printer.text(&table(&["code", "what"], &rows));
        return Ok(Exit::Done);
    };
    printer.text(super::code(text)?.page());
    Ok(Exit::Done)
}
