//! The slow path: objects that come whole, as JSON, and are looked into.
//!
//! Rows take it only where a JSON column is named like a part (or a known object of `context`) and
//! cannot be copied as it is: `context` and `integrations` always, `traits` and `properties` where
//! other columns join them.

use serde_json::Value;

use crate::fields::{self, Kind, Section};
use crate::leaf::{convert, known};
use crate::notes::Notes;
use crate::row_error::RowError;
use crate::write::object::Object;

/// Brings an object that is a whole section into its documented form.
pub(crate) fn documented(
    part: Section,
    object: Object,
    column: usize,
    notes: &mut Notes,
) -> Result<Object, RowError> {
    match part {
        Section::Context => known(&fields::CONTEXT, object, column, notes),
        Section::Integrations => integrations(object, column, notes),
        Section::Body => Ok(object),
    }
}

fn integrations(object: Object, column: usize, notes: &mut Notes) -> Result<Object, RowError> {
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
pub(crate) fn object_type(traits: &mut Object, column: usize, notes: &mut Notes) -> Result<(), RowError> {
    let Some(value) = traits.get(fields::OBJECT_TYPE) else { return Ok(()) };
    match convert(Kind::ObjectType, value, column, notes)? {
        Some(value) => drop(traits.insert(fields::OBJECT_TYPE.to_owned(), value)),
        None => drop(traits.shift_remove(fields::OBJECT_TYPE)),
    }
    Ok(())
}

/// Adds the members of an object to what the call says, in whatever order they come.
pub(crate) fn say(part: Section, object: &Object, path: &mut Vec<String>, notes: &mut Notes) {
    for (name, value) in object {
        path.push(name.clone());
        match value {
            Value::Object(object) => say(part, object, path, notes),
            value => notes.say(part.place(path), value.to_string().as_bytes()),
        }
        path.pop();
    }
}
