//! Objects that come whole, as JSON: read from a column, merged, and written again.

use std::borrow::Cow;

use outflow_core::{Code, ColumnType};
use serde_json::{Map, Value};

use super::json::{self, Scalar};
use super::value::array;
use crate::row_error::RowError;

pub(crate) type Object = Map<String, Value>;

const NO_OBJECT: RowError =
    RowError::value(Code::WrongType, "is not a JSON object; select an object, or name the column otherwise");
pub(crate) const NO_JSON: RowError =
    RowError::value(Code::InvalidJson, "holds a value that is not plain JSON; fix it where it is stored");

/// The object in a column.
pub(crate) fn read(ty: ColumnType, text: &[u8]) -> Result<Object, RowError> {
    json::object(&given(ty, text)?)?.ok_or(NO_OBJECT)
}

/// The text of the object in a column, checked, and whether a number in it lies beyond 2^53.
pub(crate) fn raw(ty: ColumnType, text: &[u8]) -> Result<(Cow<'_, [u8]>, bool), RowError> {
    let (text, is_beyond) = match given(ty, text)? {
        Cow::Borrowed(text) => {
            let (text, is_beyond) = json::scanned(text)?;
            (Cow::Borrowed(text), is_beyond)
        }
        Cow::Owned(text) => (Cow::Owned(text), false),
    };
    if text.starts_with(b"{") { Ok((text, is_beyond)) } else { Err(NO_OBJECT) }
}

/// The JSON in a column that may hold an object.
fn given(ty: ColumnType, text: &[u8]) -> Result<Cow<'_, [u8]>, RowError> {
    match ty {
        ColumnType::Json if text.trim_ascii_start().starts_with(b"\"") => match json::scalar(text)? {
            // Where any column may hold any text, what is not JSON comes as a string of it.
            Scalar::String(string) if string.trim_ascii_start().starts_with(b"{") => {
                json::checked(&string).map_err(|error| error.showing(&string))?;
                Err(NO_OBJECT)
            }
            _ => Err(NO_OBJECT),
        },
        ColumnType::Json => Ok(Cow::Borrowed(text)),
        // What begins otherwise is no object, and no JSON gone wrong.
        ColumnType::Text | ColumnType::Char if !text.trim_ascii_start().starts_with(b"{") => {
            json::checked(text).map_err(RowError::wants_object)?;
            Err(NO_OBJECT)
        }
        ColumnType::Text | ColumnType::Char => Ok(Cow::Borrowed(text)),
        ColumnType::Hstore => {
            let mut json = Vec::new();
            array::hstore(&mut json, text)?;
            Ok(Cow::Owned(json))
        }
        _ => Err(NO_OBJECT),
    }
}

/// Puts what columns wrote over what came whole.
pub(crate) fn merge(under: &mut Object, over: Object) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge(under, over),
            (_, value) => drop(under.insert(name, value)),
        }
    }
}

/// The object that columns wrote.
pub(crate) fn reread(text: &[u8]) -> Result<Object, RowError> {
    serde_json::from_slice(text).map_err(|_| NO_JSON)
}

/// Appends an object.
pub(crate) fn put(out: &mut Vec<u8>, object: Object) {
    out.extend_from_slice(Value::Object(object).to_string().as_bytes());
}
