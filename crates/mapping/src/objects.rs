//! The slow path: objects that come whole, as JSON, and are looked into.
//!
//! Rows take it only where a JSON column is named like a part (or a known object of `context`) and cannot be copied as it is: `context` and `integrations` always,
//! `traits` and `properties` where other columns join them.

use outflow_core::{Code, ColumnType};
use serde_json::{Map, Value};

use crate::bad::Bad;
use crate::fields::{self, Kind, Members, Section};
use crate::members::{self, Notes};
use crate::tree::Leaf;
use crate::write::json;

type Object = Map<String, Value>;

const NO_OBJECT: Bad =
    Bad::value(Code::WrongType, "is not a JSON object; select an object, or name the column otherwise");
const NO_JSON: Bad =
    Bad::value(Code::InvalidJson, "holds a value that is not plain JSON; mend it where it is stored");

/// The object in a column.
pub(crate) fn read(ty: ColumnType, text: &[u8]) -> Result<Object, Bad> {
    takes_json(ty)?;
    json::object(text)?.ok_or(NO_OBJECT)
}

/// The text of the object in a column, checked.
pub(crate) fn raw(ty: ColumnType, text: &[u8]) -> Result<&[u8], Bad> {
    takes_json(ty)?;
    Some(json::checked(text)?).filter(|text| text.starts_with(b"{")).ok_or(NO_OBJECT)
}

fn takes_json(ty: ColumnType) -> Result<(), Bad> {
    match ty {
        ColumnType::Json | ColumnType::Text | ColumnType::Char => Ok(()),
        _ => Err(NO_OBJECT),
    }
}

/// Brings an object that stands for a whole part into its documented form.
pub(crate) fn documented(
    part: Section,
    object: Object,
    column: usize,
    notes: &mut Notes,
) -> Result<Object, Bad> {
    match part {
        Section::Context => known(&fields::CONTEXT, object, column, notes),
        Section::Integrations => integrations(object, column, notes),
        Section::Body => Ok(object),
    }
}

/// The same for an object of `context`: documented names, documented types, nothing empty among the known.
pub(crate) fn known(
    members: &'static Members,
    object: Object,
    column: usize,
    notes: &mut Notes,
) -> Result<Object, Bad> {
    let mut result = Object::new();
    for (name, value) in object {
        match members.find(&name) {
            (None, Kind::Free) => drop(result.insert(name, value)),
            (found, kind) => {
                if let Some(value) = convert(kind, &value, column, notes)? {
                    result.insert(found.map_or(name, str::to_owned), value);
                }
            }
        }
    }
    Ok(result)
}

fn integrations(object: Object, column: usize, notes: &mut Notes) -> Result<Object, Bad> {
    let mut result = Object::new();
    for (mut name, value) in object {
        fields::integration_name(&mut name);
        if let Some(value) = convert(Kind::Integration, &value, column, notes)? {
            result.insert(name, value);
        }
    }
    Ok(result)
}

/// Brings the object type among the traits of a group into its documented form.
pub(crate) fn object_type(traits: &mut Object, column: usize, notes: &mut Notes) -> Result<(), Bad> {
    let Some(value) = traits.get(fields::OBJECT_TYPE) else { return Ok(()) };
    match convert(Kind::ObjectType, value, column, notes)? {
        Some(value) => drop(traits.insert(fields::OBJECT_TYPE.to_owned(), value)),
        None => drop(traits.shift_remove(fields::OBJECT_TYPE)),
    }
    Ok(())
}

/// One value, written as a column of JSON would be.
fn convert(kind: Kind, value: &Value, column: usize, notes: &mut Notes) -> Result<Option<Value>, Bad> {
    let text = value.to_string();
    let Some(text) = members::given(ColumnType::Json, Some(text.as_bytes())) else { return Ok(None) };
    let mut out = Vec::new();
    let leaf = Leaf { column, ty: ColumnType::Json, kind };
    if !members::typed(leaf, text, notes, &mut out)? {
        return Ok(None);
    }
    serde_json::from_slice(&out).map(Some).map_err(|_| NO_JSON)
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
pub(crate) fn reread(text: &[u8]) -> Result<Object, Bad> {
    serde_json::from_slice(text).map_err(|_| NO_JSON)
}

/// Appends an object.
pub(crate) fn put(out: &mut Vec<u8>, object: Object) {
    out.extend_from_slice(Value::Object(object).to_string().as_bytes());
}
