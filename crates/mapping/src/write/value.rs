//! Values by the type of their column: as the JSON that the type is, or as a string whatever it is.

pub(crate) mod array;

use std::borrow::Cow;

use outflow_core::{Code, ColumnType};

use super::json::{self, Scalar};
use super::{number, text, time};
use crate::row_error::RowError;

/// Appends the value as the JSON that its type stands for: number, boolean, string or raw JSON.
#[inline]
pub(crate) fn natural(out: &mut Vec<u8>, ty: ColumnType, text: &[u8]) -> Result<(), RowError> {
    match ty {
        ColumnType::Bool => literal(out, boolean(text)?),
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => {
            number::check(text)?;
            out.extend_from_slice(text);
        }
        ColumnType::Text | ColumnType::Time | ColumnType::Interval | ColumnType::Opaque => {
            text::string(out, text)?;
        }
        ColumnType::Char => text::string(out, unpadded(text))?,
        ColumnType::Bytes => text::string(out, hexadecimal(text))?,
        ColumnType::Date => time::date(out, text)?,
        ColumnType::TimeTz => time::time_tz(out, text)?,
        ColumnType::Timestamp | ColumnType::TimestampTz => time::timestamp(out, text)?,
        ColumnType::Json => drop(json::copy(out, text)?),
        ColumnType::Array(element) => drop(array::array(out, element.column_type(), text)?),
        ColumnType::Hstore => array::hstore(out, text)?,
    }
    Ok(())
}

/// The content of the string that a text field gets from this value, not yet escaped. `None`: a
/// JSON null.
pub(crate) fn plain(ty: ColumnType, text: &[u8]) -> Result<Option<Cow<'_, [u8]>>, RowError> {
    const SAYS: &str = "is a JSON array or object, and the field wants a text; select the part that is meant";
    Ok(Some(match ty {
        ColumnType::Text | ColumnType::Time | ColumnType::Interval | ColumnType::Opaque => {
            Cow::Borrowed(text)
        }
        ColumnType::Char => Cow::Borrowed(unpadded(text)),
        ColumnType::Bytes => Cow::Borrowed(hexadecimal(text)),
        ColumnType::Bool => Cow::Borrowed(word(boolean(text)?)),
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => {
            number::check(text)?;
            Cow::Borrowed(text)
        }
        ColumnType::Date | ColumnType::TimeTz | ColumnType::Timestamp | ColumnType::TimestampTz => {
            let mut quoted = Vec::new();
            natural(&mut quoted, ty, text)?;
            Cow::Owned(quoted[1..quoted.len() - 1].to_vec())
        }
        ColumnType::Json => match json::scalar(text)? {
            Scalar::Null => return Ok(None),
            Scalar::Bool(is) => Cow::Borrowed(word(is)),
            Scalar::Number(number) => Cow::Borrowed(number),
            Scalar::String(string) => string,
            Scalar::Compound => return Err(RowError::value(Code::WrongType, SAYS)),
        },
        ColumnType::Array(_) | ColumnType::Hstore => return Err(RowError::value(Code::WrongType, SAYS)),
    }))
}

/// The truth in a word.
pub(crate) fn boolean(text: &[u8]) -> Result<bool, RowError> {
    const SAYS: &str = "is not a boolean; give true or false, t or f, yes or no, 1 or 0";
    const TRUE: [&[u8]; 4] = [b"t", b"true", b"1", b"yes"];
    const FALSE: [&[u8]; 4] = [b"f", b"false", b"0", b"no"];
    let text = text.trim_ascii();
    if TRUE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Ok(true)
    } else if FALSE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Ok(false)
    } else {
        Err(RowError::value(Code::WrongType, SAYS))
    }
}

/// Appends `true` or `false`.
pub(crate) fn literal(out: &mut Vec<u8>, is: bool) {
    out.extend_from_slice(word(is));
}

const fn word(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"false" }
}

fn unpadded(text: &[u8]) -> &[u8] {
    let padding = text.iter().rev().take_while(|b| **b == b' ').count();
    &text[..text.len() - padding]
}

fn hexadecimal(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\\x").unwrap_or(text)
}
