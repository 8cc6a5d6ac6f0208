//! One value in the form that its field requires, from a column or from within an object that came
//! whole.

use std::borrow::Cow;

use outflow_core::{CallFlags, Code, ColumnType, hash};
use serde_json::Value;

use crate::Field;
use crate::fields::{Kind, Members};
use crate::notes::Notes;
use crate::row_error::RowError;
use crate::tree::Leaf;
use crate::write::json::{self, Scalar};
use crate::write::object::{self, Object};
use crate::write::value::array;
use crate::write::{identifier, number, text, time, unseen, value};

/// The text of a field that counts NULL, blank and JSON null as absent.
pub(crate) fn given(ty: ColumnType, field: Field<'_>) -> Option<&[u8]> {
    let text = field?;
    let blank = match (ty, text.trim_ascii()) {
        (ColumnType::Json, b"null") => true,
        (ColumnType::Json, [b'"', inner @ .., b'"']) => unseen::trim(inner).is_empty(),
        (ColumnType::Text | ColumnType::Char, text) => unseen::trim(text).is_empty(),
        (_, text) => text.is_empty(),
    };
    (!blank).then_some(text)
}

pub(crate) fn null(notes: &mut Notes, out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
    notes.flags.set(CallFlags::NULLS);
}

#[inline]
pub(crate) fn any(leaf: Leaf, text: &[u8], notes: &mut Notes, out: &mut Vec<u8>) -> Result<(), RowError> {
    let is_beyond = match leaf.ty {
        ColumnType::Json => {
            let is_beyond = json::copy(out, text)?;
            if text.trim_ascii() == b"null" {
                notes.flags.set(CallFlags::NULLS);
            }
            is_beyond
        }
        ColumnType::Array(element) => array::array(out, element.column_type(), text)?,
        ty => {
            value::natural(out, ty, text)?;
            matches!(ty, ColumnType::Int | ColumnType::Numeric) && number::is_beyond_exact(text)
        }
    };
    if is_beyond {
        notes.warn(Code::LargeInteger, leaf.column);
    }
    Ok(())
}

/// Appends a value that is there, in the form that its field requires. `false`: what is in it
/// counts as absent.
pub(crate) fn typed(leaf: Leaf, text: &[u8], notes: &mut Notes, out: &mut Vec<u8>) -> Result<bool, RowError> {
    match leaf.kind {
        Kind::Trait | Kind::Free => any(leaf, text, notes, out)?,
        Kind::CreatedAt => {
            let unit = time::moment(out, leaf.ty, text)?;
            notes.count_unit(leaf.column, unit);
        }
        Kind::ObjectType => {
            let Some(digits) = identifier::object_type(leaf.ty, text)? else { return Ok(false) };
            text::string(out, &digits)?;
            notes.set_object_type(hash::checksum(&digits))?;
        }
        Kind::Text => {
            let Some(content) = content(leaf.ty, text)? else { return Ok(false) };
            text::string(out, &content)?;
        }
        Kind::Flag => {
            let Some(content) = content(leaf.ty, text)? else { return Ok(false) };
            value::literal(out, value::boolean(&content)?);
        }
        Kind::Choice(words) => {
            let Some(content) = content(leaf.ty, text)? else { return Ok(false) };
            match words.iter().find(|word| content.trim_ascii().eq_ignore_ascii_case(word.as_bytes())) {
                Some(word) => text::string(out, word.as_bytes())?,
                None => {
                    text::string(out, &content)?;
                    notes.warn(Code::UnknownChannel, leaf.column);
                }
            }
        }
        Kind::Keywords => return keywords(leaf.ty, text, out),
        Kind::Integration => return integration(leaf.ty, text, out),
        Kind::Object(members) => {
            let object = known(members, object::read(leaf.ty, text)?, leaf.column, notes)?;
            if object.is_empty() {
                return Ok(false);
            }
            object::put(out, object);
        }
    }
    Ok(true)
}

/// The text of a text field, if there is one that is not blank.
pub(crate) fn content(ty: ColumnType, text: &[u8]) -> Result<Option<Cow<'_, [u8]>>, RowError> {
    Ok(value::plain(ty, text)?.filter(|content| !text::is_blank(content)))
}

fn integration(ty: ColumnType, text: &[u8], out: &mut Vec<u8>) -> Result<bool, RowError> {
    const SAYS: &str = "neither enables nor disables an integration; give true, false or a JSON object";
    if ty == ColumnType::Json && matches!(json::scalar(text)?, Scalar::Compound) {
        if !text.trim_ascii().starts_with(b"{") {
            return Err(RowError::value(Code::WrongType, SAYS));
        }
        json::copy(out, text)?;
        return Ok(true);
    }
    let Some(content) = content(ty, text)? else { return Ok(false) };
    let is = value::boolean(&content).map_err(|_| RowError::value(Code::WrongType, SAYS))?;
    value::literal(out, is);
    Ok(true)
}

/// Keywords: a JSON array, or words between commas.
fn keywords(ty: ColumnType, text: &[u8], out: &mut Vec<u8>) -> Result<bool, RowError> {
    let listed = match ty {
        ColumnType::Json => matches!(json::scalar(text)?, Scalar::Compound),
        ColumnType::Text | ColumnType::Char => {
            text.trim_ascii().starts_with(b"[") && json::checked(text).is_ok()
        }
        ColumnType::Array(element) => {
            let mut json = Vec::new();
            array::array(&mut json, element.column_type(), text)?;
            return keywords(ColumnType::Json, &json, out);
        }
        _ => false,
    };
    let mark = out.len();
    out.push(b'[');
    if listed {
        for word in json::array(text)? {
            let word = Value::to_string(&word);
            if let Some(content) = content(ColumnType::Json, word.as_bytes())? {
                text::string(out, &content)?;
                out.push(b',');
            }
        }
    } else if let Some(content) = content(ty, text)? {
        for word in content.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|w| !w.is_empty()) {
            text::string(out, word)?;
            out.push(b',');
        }
    }
    if out.pop() == Some(b'[') {
        out.truncate(mark);
        return Ok(false);
    }
    out.push(b']');
    Ok(true)
}

/// Brings an object of `context` into its documented form: documented names, documented types,
/// nothing empty among the known.
pub(crate) fn known(
    members: &'static Members,
    object: Object,
    column: usize,
    notes: &mut Notes,
) -> Result<Object, RowError> {
    let mut result = Object::new();
    for (name, value) in object {
        match members.find(&name) {
            (None, Kind::Free) => drop(result.insert(name, value)),
            (found, kind) => {
                let converted = match convert(kind, &value, column, notes) {
                    Ok(converted) => converted,
                    Err(error) => {
                        notes.leave_out(error.of(column))?;
                        None
                    }
                };
                if let Some(value) = converted {
                    result.insert(found.map_or(name, str::to_owned), value);
                }
            }
        }
    }
    Ok(result)
}

/// One value, written as a column of JSON would be.
pub(crate) fn convert(
    kind: Kind,
    value: &Value,
    column: usize,
    notes: &mut Notes,
) -> Result<Option<Value>, RowError> {
    let text = value.to_string();
    let Some(text) = given(ColumnType::Json, Some(text.as_bytes())) else { return Ok(None) };
    let mut out = Vec::new();
    let leaf = Leaf { column, ty: ColumnType::Json, kind, place: 0 };
    if !typed(leaf, text, notes, &mut out)? {
        return Ok(None);
    }
    serde_json::from_slice(&out).map(Some).map_err(|_| object::NO_JSON)
}
