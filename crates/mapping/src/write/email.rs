//! The email that is a person's only identifier: as clean as every other identifier.
//!
//! What always holds: an email beside another identifier is a trait like any other, and is sent as
//! it is. What it does not do: judge whether the text is an address.

use outflow_core::{Code, ColumnType};
use serde_json::Value;

use super::{identifier, object, value};
use crate::Field;
use crate::fields::{self, Section};
use crate::plan::Plan;

/// The column of the email or of the traits that have it, its text with a clean email, and what is
/// to be said about it.
pub(crate) struct CleanEmail {
    pub(crate) column: usize,
    /// `None`: it was clean.
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) warning: Option<Code>,
}

/// Cleans the email of a row that became a call.
pub(crate) fn cleaned(plan: &Plan, fields: &[Field<'_>]) -> Option<CleanEmail> {
    match plan.email {
        Some(column) => of_column(column, plan.columns[column].ty, fields[column]?),
        None => {
            let column = plan.part(Section::Body)?.whole?;
            of_traits(column, plan.columns[column].ty, fields[column]?)
        }
    }
}

fn of_column(column: usize, ty: ColumnType, text: &[u8]) -> Option<CleanEmail> {
    let id = identifier::identifier(ty, text).ok()??;
    let is_clean = value::plain(ty, text).ok()?? == id.text;
    let text = match ty {
        _ if is_clean => None,
        ColumnType::Json => Some(quoted(&id.text)?),
        _ => Some(id.text.to_vec()),
    };
    Some(CleanEmail { column, text, warning: id.warning })
}

fn of_traits(column: usize, ty: ColumnType, text: &[u8]) -> Option<CleanEmail> {
    let mut traits = object::read(ty, text).ok()?;
    let email = traits.get_mut(fields::EMAIL)?;
    let given = email.as_str()?.to_owned();
    let id = identifier::identifier(ColumnType::Text, given.as_bytes()).ok()??;
    let warning = id.warning;
    if id.text == given.as_bytes() {
        return Some(CleanEmail { column, text: None, warning });
    }
    *email = Value::String(String::from_utf8(id.text.into_owned()).ok()?);
    let mut text = Vec::new();
    object::put(&mut text, traits);
    Some(CleanEmail { column, text: Some(text), warning })
}

/// The text as JSON.
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    Some(Value::String(std::str::from_utf8(text).ok()?.to_owned()).to_string().into_bytes())
}
