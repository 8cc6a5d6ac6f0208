//! Writes the members of a part, column by column, straight into the call.

use std::borrow::Cow;

use outflow_core::{CallFlags, Code, ColumnType};
use serde_json::Value;

use crate::Field;
use crate::bad::Bad;
use crate::fields::Kind;
use crate::objects;
use crate::tree::{Content, Leaf, Node};
use crate::write::json::{self, Scalar};
use crate::write::{identifier, number, text, time, value};

/// What is noticed while a row is written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) flags: CallFlags,
    /// Warnings with their columns, each once.
    pub(crate) found: Vec<(Code, usize)>,
    /// An object type was written.
    pub(crate) object_type: bool,
}

impl Notes {
    pub(crate) fn clear(&mut self) {
        self.flags = CallFlags::default();
        self.found.clear();
        self.object_type = false;
    }

    fn warn(&mut self, code: Code, column: usize) {
        if !self.found.contains(&(code, column)) {
            self.found.push((code, column));
        }
    }
}

/// Appends the members; what is absent leaves no trace.
pub(crate) fn write(
    nodes: &[Node],
    fields: &[Field<'_>],
    notes: &mut Notes,
    out: &mut Vec<u8>,
) -> Result<(), Bad> {
    for node in nodes {
        let mark = out.len();
        let first = out.last() == Some(&b'{');
        out.extend_from_slice(&node.key[usize::from(first)..]);
        let written = match &node.content {
            Content::Leaf(leaf) => write_leaf(*leaf, fields[leaf.column], notes, out)?,
            Content::Branch(nodes) => {
                out.push(b'{');
                write(nodes, fields, notes, out)?;
                close(out)
            }
        };
        if !written {
            out.truncate(mark);
        }
    }
    Ok(())
}

/// Ends an object. `false`: it is empty.
pub(crate) fn close(out: &mut Vec<u8>) -> bool {
    let any = out.last() != Some(&b'{');
    out.push(b'}');
    any
}

/// The text of a field that counts NULL, blank and JSON null as absent.
pub(crate) fn given(ty: ColumnType, field: Field<'_>) -> Option<&[u8]> {
    let text = field?;
    let blank = match (ty, text.trim_ascii()) {
        (ColumnType::Json, b"null") => true,
        (ColumnType::Json, [b'"', inner @ .., b'"']) => inner.iter().all(|b| *b == b' '),
        (_, text) => text.is_empty(),
    };
    (!blank).then_some(text)
}

/// Appends a column's value. `false`: it is absent, and nothing is appended.
#[inline]
fn write_leaf(leaf: Leaf, field: Field<'_>, notes: &mut Notes, out: &mut Vec<u8>) -> Result<bool, Bad> {
    if matches!(leaf.kind, Kind::Trait) {
        match field {
            Some(text) => any(leaf, text, notes, out).map_err(|bad| bad.of(leaf.column))?,
            None => null(notes, out),
        }
        return Ok(true);
    }
    match given(leaf.ty, field) {
        Some(text) => typed(leaf, text, notes, out).map_err(|bad| bad.of(leaf.column)),
        None if matches!(leaf.kind, Kind::CreatedAt) => {
            null(notes, out);
            Ok(true)
        }
        None => Ok(false),
    }
}

fn null(notes: &mut Notes, out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
    notes.flags.set(CallFlags::NULLS);
}

#[inline]
fn any(leaf: Leaf, text: &[u8], notes: &mut Notes, out: &mut Vec<u8>) -> Result<(), Bad> {
    value::natural(out, leaf.ty, text)?;
    match leaf.ty {
        ColumnType::Int | ColumnType::Numeric if number::is_beyond_exact(text) => {
            notes.warn(Code::LargeInteger, leaf.column);
        }
        ColumnType::Json if text.trim_ascii() == b"null" => notes.flags.set(CallFlags::NULLS),
        _ => {}
    }
    Ok(())
}

/// Appends a value that is there, as its field wants it. `false`: what is in it counts as absent.
pub(crate) fn typed(leaf: Leaf, text: &[u8], notes: &mut Notes, out: &mut Vec<u8>) -> Result<bool, Bad> {
    match leaf.kind {
        Kind::Trait | Kind::Free => any(leaf, text, notes, out)?,
        Kind::CreatedAt => time::moment(out, leaf.ty, text)?,
        Kind::ObjectType => {
            let Some(digits) = identifier::object_type(leaf.ty, text)? else { return Ok(false) };
            text::string(out, &digits)?;
            notes.object_type = true;
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
            let object = objects::known(members, objects::read(leaf.ty, text)?, leaf.column, notes)?;
            if object.is_empty() {
                return Ok(false);
            }
            objects::put(out, object);
        }
    }
    Ok(true)
}

/// The text of a text field, if there is one that is not blank.
pub(crate) fn content(ty: ColumnType, text: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Bad> {
    Ok(value::plain(ty, text)?.filter(|content| !text::is_blank(content)))
}

fn integration(ty: ColumnType, text: &[u8], out: &mut Vec<u8>) -> Result<bool, Bad> {
    const SAYS: &str = "neither enables nor disables an integration; give true, false or a JSON object";
    if ty == ColumnType::Json && matches!(json::scalar(text)?, Scalar::Compound) {
        if !text.trim_ascii().starts_with(b"{") {
            return Err(Bad::value(Code::WrongType, SAYS));
        }
        json::copy(out, text)?;
        return Ok(true);
    }
    let Some(content) = content(ty, text)? else { return Ok(false) };
    let is = value::boolean(&content).map_err(|_| Bad::value(Code::WrongType, SAYS))?;
    value::literal(out, is);
    Ok(true)
}

/// Keywords: a JSON array, or words between commas.
fn keywords(ty: ColumnType, text: &[u8], out: &mut Vec<u8>) -> Result<bool, Bad> {
    let listed = match ty {
        ColumnType::Json => matches!(json::scalar(text)?, Scalar::Compound),
        ColumnType::Text | ColumnType::Char => {
            text.trim_ascii().starts_with(b"[") && json::checked(text).is_ok()
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
