//! Columns and rows, in the form that every warehouse produces.
//!
//! A row is a byte string: for each column a 32-bit big-endian length (-1 for NULL) and that many
//! bytes of text. This is the body of PostgreSQL's DataRow message without its column count, so the
//! wire client passes rows on unchanged. Texts are those of a PostgreSQL session in UTC with ISO
//! dates; SQLite's adapter writes the same forms.

use serde::{Deserialize, Serialize};

/// What the text of a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// `t` or `f`.
    Bool,
    /// A whole number of at most 64 bits, in decimal.
    Int,
    /// A decimal number with all its digits: `92.00000000`; `NaN` and `Infinity` occur in
    /// PostgreSQL.
    Numeric,
    /// A binary floating point number: `0.1`, `1e+20`, `NaN`, `Infinity`, `-Infinity`.
    Float,
    /// Text, and every type without its own variant.
    Text,
    /// `CHAR(n)`: text padded with blanks to its length.
    Char,
    /// `YYYY-MM-DD`, with ` BC` behind years before 1; `infinity`.
    Date,
    /// `HH:MM:SS[.ffffff]`.
    Time,
    /// `HH:MM:SS[.ffffff]+00[:MM]`.
    TimeTz,
    /// `YYYY-MM-DD HH:MM:SS[.ffffff]`, meant as UTC; ` BC`; `infinity`.
    Timestamp,
    /// The same with an offset: `+00`, `-03:30`, `+05:30:10`.
    TimestampTz,
    /// One JSON value: json, jsonb, Redshift's SUPER, and SQLite values without a declared type.
    Json,
    /// Bytes as hexadecimal digits; PostgreSQL's bytea has `\x` in front, Redshift's VARBYTE has
    /// not.
    Bytes,
    /// An interval in the server's style.
    Interval,
    /// An array of PostgreSQL, `{1,NULL,2}`, nested or not, with what its elements are.
    Array(ElementType),
    /// PostgreSQL's hstore: `"plan"=>"pro", "seats"=>NULL`.
    Hstore,
    /// A text that only the database itself reads as a value: a row, an amount of money.
    Opaque,
}

/// What the elements of an array are: the types of columns that are no arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// [`ColumnType::Bool`]
    Bool,
    /// [`ColumnType::Int`]
    Int,
    /// [`ColumnType::Numeric`]
    Numeric,
    /// [`ColumnType::Float`]
    Float,
    /// [`ColumnType::Text`]
    Text,
    /// [`ColumnType::Char`]
    Char,
    /// [`ColumnType::Date`]
    Date,
    /// [`ColumnType::Time`]
    Time,
    /// [`ColumnType::TimeTz`]
    TimeTz,
    /// [`ColumnType::Timestamp`]
    Timestamp,
    /// [`ColumnType::TimestampTz`]
    TimestampTz,
    /// [`ColumnType::Json`]
    Json,
    /// [`ColumnType::Bytes`]
    Bytes,
    /// [`ColumnType::Interval`]
    Interval,
    /// [`ColumnType::Hstore`]
    Hstore,
    /// [`ColumnType::Opaque`]
    Opaque,
}

impl ElementType {
    /// The type of a column that holds one such element.
    pub const fn column_type(self) -> ColumnType {
        match self {
            Self::Bool => ColumnType::Bool,
            Self::Int => ColumnType::Int,
            Self::Numeric => ColumnType::Numeric,
            Self::Float => ColumnType::Float,
            Self::Text => ColumnType::Text,
            Self::Char => ColumnType::Char,
            Self::Date => ColumnType::Date,
            Self::Time => ColumnType::Time,
            Self::TimeTz => ColumnType::TimeTz,
            Self::Timestamp => ColumnType::Timestamp,
            Self::TimestampTz => ColumnType::TimestampTz,
            Self::Json => ColumnType::Json,
            Self::Bytes => ColumnType::Bytes,
            Self::Interval => ColumnType::Interval,
            Self::Hstore => ColumnType::Hstore,
            Self::Opaque => ColumnType::Opaque,
        }
    }
}

impl ColumnType {
    /// The type of an array's elements, if arrays of this type have a form in JSON.
    pub const fn as_element(self) -> Option<ElementType> {
        Some(match self {
            Self::Bool => ElementType::Bool,
            Self::Int => ElementType::Int,
            Self::Numeric => ElementType::Numeric,
            Self::Float => ElementType::Float,
            Self::Text => ElementType::Text,
            Self::Char => ElementType::Char,
            Self::Date => ElementType::Date,
            Self::Time => ElementType::Time,
            Self::TimeTz => ElementType::TimeTz,
            Self::Timestamp => ElementType::Timestamp,
            Self::TimestampTz => ElementType::TimestampTz,
            Self::Json => ElementType::Json,
            Self::Bytes => ElementType::Bytes,
            Self::Interval => ElementType::Interval,
            Self::Hstore => ElementType::Hstore,
            Self::Opaque => ElementType::Opaque,
            Self::Array(_) => return None,
        })
    }

    /// Whether its values, or the elements of its arrays, are texts that only the database reads.
    pub const fn is_opaque(self) -> bool {
        matches!(self, Self::Opaque | Self::Array(ElementType::Opaque))
    }

    /// The name in messages and file headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "integer",
            Self::Numeric => "numeric",
            Self::Float => "float",
            Self::Text => "text",
            Self::Char => "char",
            Self::Date => "date",
            Self::Time => "time",
            Self::TimeTz => "timetz",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Json => "json",
            Self::Bytes => "bytes",
            Self::Interval => "interval",
            Self::Array(_) => "array",
            Self::Hstore => "hstore",
            Self::Opaque => "opaque",
        }
    }
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The label. Redshift and PostgreSQL fold it; `query` restores the case that the user wrote.
    pub name: String,
    /// What its text means.
    pub ty: ColumnType,
    /// The type's name in the database, for people: `character varying`, `oid 4000`.
    pub declared: String,
}

/// Some rows, in one buffer that is used again for the next ones.
#[derive(Debug, Default)]
pub struct RowPage {
    /// The bytes that the rows lie in.
    pub data: Vec<u8>,
    /// Where each row begins and ends in `data`.
    pub rows: Vec<(u32, u32)>,
}

impl RowPage {
    /// Removes the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.rows.clear();
    }

    /// Appends a row made of these texts.
    pub fn push<'a>(&mut self, fields: impl IntoIterator<Item = Option<&'a [u8]>>) {
        let start = self.data.len() as u32;
        for field in fields {
            match field {
                Some(text) => {
                    self.data.extend_from_slice(&(text.len() as i32).to_be_bytes());
                    self.data.extend_from_slice(text);
                }
                None => self.data.extend_from_slice(&(-1_i32).to_be_bytes()),
            }
        }
        self.rows.push((start, self.data.len() as u32));
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.rows.iter().map(|&(start, end)| Row { bytes: &self.data[start as usize..end as usize] })
    }
}

/// One row: exactly one well-formed field for each column, checked when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    bytes: &'a [u8],
}

impl<'a> Row<'a> {
    /// A row over these bytes, or `None` if they are not exactly `columns` well-formed fields.
    pub fn checked(bytes: &'a [u8], columns: usize) -> Option<Self> {
        let mut at = 0_usize;
        for _ in 0..columns {
            let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            at += 4;
            if length >= 0 {
                at = at.checked_add(length as usize)?;
            } else if length != -1 {
                return None;
            }
        }
        (at == bytes.len()).then_some(Self { bytes })
    }

    /// The texts of the columns; `None` is NULL.
    pub fn fields(self) -> Fields<'a> {
        Fields { rest: self.bytes }
    }

    /// The size in bytes, lengths included.
    pub fn size(self) -> usize {
        self.bytes.len()
    }
}

/// Walks the fields of a row.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        if length < 0 {
            self.rest = rest;
            return Some(None);
        }
        let (field, rest) = rest.split_at_checked(length as usize)?;
        self.rest = rest;
        Some(Some(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_what_was_put_in() {
        let mut page = RowPage::default();
        page.push([Some(b"a".as_slice()), None, Some(b"")]);
        page.push([None, None, None]);
        let rows: Vec<Vec<_>> = page.iter().map(|r| r.fields().collect()).collect();
        assert_eq!(rows, [vec![Some(b"a".as_slice()), None, Some(b"")], vec![None, None, None]]);
    }

    #[test]
    fn lengths_that_lie_are_not_a_row() {
        for bytes in
            [&b"\0\0\0\x05ab"[..], b"\0\0\0", b"\xff\xff\xff\xfe", b"\0\0\0\x01ab", b"\x7f\xff\xff\xffa", b""]
        {
            assert!(Row::checked(bytes, 1).is_none(), "{bytes:?}");
        }
        assert!(Row::checked(b"\0\0\0\x02ab", 1).is_some());
        assert!(Row::checked(b"\0\0\0\x02ab", 2).is_none());
    }
}
