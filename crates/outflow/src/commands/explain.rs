//! `outflow explain`: the page of a code.

use outflow_core::{Code, Error};
use outflow_engine::Errors;

use crate::exit::Exit;
use crate::output::{Printer, table};

/// Prints the page, or the list of all codes.
pub fn explain(code: Option<&str>, printer: Printer) -> Result<Exit, Errors> {
    let Some(text) = code else {
        let rows: Vec<_> = Code::ALL.iter().map(|c| vec![c.to_string(), c.title().to_owned()]).collect();
        printer.text(&table(&["code", "what"], &rows));
        return Ok(Exit::Done);
    };
    match Code::from_name(text.trim()) {
        Some(code) => {
            printer.text(code.page());
            Ok(Exit::Done)
        }
        None => Err(Error::new(Code::ConflictingOptions, format!("{text:?} is not a code"))
            .help("`outflow explain` without a code lists them all")
            .into()),
    }
}
