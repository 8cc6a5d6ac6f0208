//! Descriptions of columns, and rows.

use std::collections::HashMap;
use std::io;

use super::statement::Statement;
use super::types::{OwnTypes, Shape, append, has_binary, is_text, oid, shape};
use super::wire::{Fields, frame, text};

/// A column as PostgreSQL describes it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub table: u32,
    pub attribute: i16,
    behind: u32,
    size: i16,
    modifier: i32,
}

/// Where a column comes from, for the descriptions of Redshift's protocol 1 and up.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub schema: String,
    pub table: String,
    pub column: String,
    pub not_null: bool,
    pub auto_increment: bool,
}

/// What a description looks like in this session.
pub(super) struct Look<'a> {
    pub own: OwnTypes,
    /// Redshift's protocol.
    pub protocol: i32,
    /// `describe_field_name_in_uppercase`.
    pub uppercase: bool,
    pub database: &'a str,
    pub origins: &'a HashMap<(u32, i16), Origin>,
}

/// Reads a RowDescription of PostgreSQL.
pub(super) fn columns(body: &[u8]) -> io::Result<Vec<Column>> {
    let mut fields = Fields(body);
    let count = fields.i16()?;
    (0..count)
        .map(|_| {
            let name = fields.text()?;
            let (table, attribute, behind) = (fields.i32()? as u32, fields.i16()?, fields.i32()? as u32);
            let (size, modifier) = (fields.i16()?, fields.i32()?);
            fields.i16()?;
            Ok(Column { name, table, attribute, behind, size, modifier })
        })
        .collect()
}

/// The format of a column among those of a Bind message: none is text, one is for all.
fn asked(formats: &[i16], at: usize) -> bool {
    match formats {
        [] => false,
        [one] => *one == 1,
        many => many.get(at) == Some(&1),
    }
}

/// How each column's values are changed.
pub(super) fn shapes(
    columns: &[Column],
    formats: &[i16],
    statement: &Statement,
    own: OwnTypes,
) -> Vec<Shape> {
    let mut shapes = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let redshift = oid(column.behind, own);
        shapes.push(if statement.is_explain && statement.reads_table {
            Shape::Plan
        } else if statement.calls_version && !statement.reads_table && is_text(redshift) {
            Shape::Padded
        } else {
            shape(redshift, column.modifier, asked(formats, at))
        });
    }
    shapes
}

/// The formats to ask PostgreSQL for: what is changed on the way is needed as text.
pub(super) fn formats_behind(shapes: &[Shape], formats: &[i16]) -> Vec<i16> {
    let shapes = shapes.iter().enumerate();
    shapes.map(|(at, shape)| i16::from(*shape == Shape::Plain && asked(formats, at))).collect()
}

/// Appends a RowDescription as Redshift writes it.
pub(super) fn describe(columns: &[Column], formats: &[i16], look: &Look<'_>, out: &mut Vec<u8>) {
    let mut body = (columns.len() as i16).to_be_bytes().to_vec();
    for (at, column) in columns.iter().enumerate() {
        let redshift = oid(column.behind, look.own);
        // What Redshift alone has is kept under a prefix, which SHOW shows.
        let name = column.name.strip_prefix("redshift.").unwrap_or(&column.name);
        if look.uppercase {
            text(&mut body, &name.to_ascii_uppercase());
        } else {
            text(&mut body, name);
        }
        let size = if redshift == column.behind { column.size } else { -1 };
        body.extend_from_slice(&column.table.to_be_bytes());
        body.extend_from_slice(&column.attribute.to_be_bytes());
        body.extend_from_slice(&redshift.to_be_bytes());
        body.extend_from_slice(&size.to_be_bytes());
        body.extend_from_slice(&column.modifier.to_be_bytes());
        body.extend_from_slice(&i16::from(asked(formats, at) && has_binary(redshift)).to_be_bytes());
        if look.protocol >= 1 {
            origin(column, redshift, look, &mut body);
        }
    }
    frame(out, b'T', &body);
}

/// Four names and flags.
fn origin(column: &Column, redshift: u32, look: &Look<'_>, body: &mut Vec<u8>) {
    let nowhere = Origin::default();
    let known = look.origins.get(&(column.table, column.attribute));
    let origin = known.unwrap_or(&nowhere);
    let catalog = if known.is_some() { look.database } else { "" };
    for name in [&origin.schema, &origin.table, &origin.column] {
        text(body, name);
    }
    text(body, catalog);
    let flags = [
        (0, origin.not_null),
        (1, look.protocol >= 3 && is_text(redshift)),
        (4, origin.auto_increment),
        (8, known.is_none()),
        (12, true),
    ];
    let flags = flags.iter().map(|&(bit, on)| i16::from(on) << bit).sum::<i16>();
    body.extend_from_slice(&flags.to_be_bytes());
}

/// Whether rows go on as they are.
pub(super) fn are_plain(shapes: &[Shape]) -> bool {
    shapes.iter().all(|shape| *shape == Shape::Plain)
}

/// Appends a DataRow with its values changed.
pub(super) fn row(body: &[u8], shapes: &[Shape], out: &mut Vec<u8>) -> io::Result<()> {
    let mut fields = Fields(body);
    let count = fields.i16()?;
    let mut changed = count.to_be_bytes().to_vec();
    for at in 0..count as usize {
        let Some(value) = fields.value()? else {
            changed.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        };
        let start = changed.len();
        changed.extend_from_slice(&[0; 4]);
        append(shapes.get(at).copied().unwrap_or(Shape::Plain), value, &mut changed);
        let length = (changed.len() - start - 4) as i32;
        changed[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    frame(out, b'D', &changed);
    Ok(())
}
