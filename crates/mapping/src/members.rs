//! Writes the members of a part, column by column, straight into the call.

use crate::Field;
use crate::fields::Kind;
use crate::leaf::{any, given, null, typed};
use crate::notes::Notes;
use crate::row_error::RowError;
use crate::tree::{Content, Leaf, Node};

/// Appends the members; what is absent leaves no trace.
pub(crate) fn write(
    nodes: &[Node],
    fields: &[Field<'_>],
    notes: &mut Notes,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    for node in nodes {
        let mark = out.len();
        let first = out.last() == Some(&b'{');
        out.extend_from_slice(&node.key[usize::from(first)..]);
        let written = match &node.content {
            Content::Leaf(leaf) => {
                let start = out.len();
                match write_leaf(*leaf, fields[leaf.column], notes, out) {
                    Ok(true) => {
                        notes.say(leaf.place, &out[start..]);
                        true
                    }
                    Ok(false) => false,
                    Err(error) if leaf.kind.may_be_left_out() => {
                        notes.leave_out(error)?;
                        false
                    }
                    Err(error) => return Err(error),
                }
            }
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

/// Appends a column's value. `false`: it is absent, and nothing is appended.
#[inline]
fn write_leaf(leaf: Leaf, field: Field<'_>, notes: &mut Notes, out: &mut Vec<u8>) -> Result<bool, RowError> {
    if matches!(leaf.kind, Kind::Trait) {
        match field {
            Some(text) => any(leaf, text, notes, out).map_err(|error| error.of(leaf.column))?,
            None => null(notes, out),
        }
        return Ok(true);
    }
    match given(leaf.ty, field) {
        Some(text) => typed(leaf, text, notes, out).map_err(|error| error.of(leaf.column)),
        None if matches!(leaf.kind, Kind::CreatedAt) => {
            null(notes, out);
            Ok(true)
        }
        None => Ok(false),
    }
}
