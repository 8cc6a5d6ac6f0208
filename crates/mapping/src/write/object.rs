//! Objects that come whole, as JSON: read from a column, merged, and written again.

use outflow_core::{Code, ColumnType};
use serde_json::{Map, Value};

use super::json;
use crate::row_error::RowError;

pub(crate) type Object = Map<String, Value>;

const NO_OBJECT: RowError =
    RowError::value(Code::WrongType, "is not a JSON object; select an object, or name the column otherwise");
pub(crate) const NO_JSON: RowError =
    RowError::value(Code::InvalidJson, "holds a value that is not plain JSON; fix it where it is stored");

/// The object in a column.
pub(crate) fn read(ty: ColumnType, text: &[u8]) -> Result<Object, RowError> {
    takes_json(ty)?;
    json::object(text)?.ok_or(NO_OBJECT)
}

/// The text of the object in a column, checked.
pub(crate) fn raw(ty: ColumnType, text: &[u8]) -> Result<&[u8], RowError> {
    takes_json(ty)?;
    Some(json::checked(text)?).filter(|text| text.starts_with(b"{")).ok_or(NO_OBJECT)
}

fn takes_json(ty: ColumnType) -> Result<(), RowError> {
    match ty {
        ColumnType::Json | ColumnType::Text | ColumnType::Char => Ok(()),
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
