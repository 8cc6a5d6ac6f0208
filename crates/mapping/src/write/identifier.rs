//! Identifiers: always strings, free of what is invisible around them, the same however the
//! warehouse writes the number.

use std::borrow::Cow;

use outflow_core::{Code, ColumnType};

use super::json::{self, Scalar};
use super::{number, unseen, value};
use crate::row_error::RowError;

const FRACTION: &str =
    "cannot be an identifier, as it is not a whole number; cast the column to BIGINT or VARCHAR in the query";
const COMPOUND: &str =
    "cannot be an identifier, as it is a JSON array or object; select the part that identifies";
const OBJECT_TYPE: &str = "is not an object type, which is a whole number; cast the column in the query";

/// An identifier, not yet escaped.
pub(crate) struct Identifier<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    /// What is to be said about it.
    pub(crate) warning: Option<Code>,
}

/// The identifier in this text. `None`: nothing in it can be seen.
pub(crate) fn identifier(ty: ColumnType, text: &[u8]) -> Result<Option<Identifier<'_>>, RowError> {
    let id = match ty {
        ColumnType::Int => {
            return Ok(Some(Identifier { text: Cow::Borrowed(text), warning: None }));
        }
        ColumnType::Numeric | ColumnType::Float => Some(Cow::Borrowed(whole(text.trim_ascii())?)),
        ColumnType::Json => match json::scalar(text)? {
            Scalar::Number(number) => Some(Cow::Borrowed(whole(number)?)),
            Scalar::Compound => return Err(RowError::value(Code::InvalidIdentifier, COMPOUND)),
            _ => value::plain(ty, text)?,
        },
        ColumnType::Array(_) | ColumnType::Hstore => {
            return Err(RowError::value(Code::InvalidIdentifier, COMPOUND));
        }
        _ => value::plain(ty, text)?,
    };
    let Some(id) = id else { return Ok(None) };
    let has_unseen = unseen::has_unseen(&id);
    let text = unseen::trimmed(id);
    if text.is_empty() {
        return Ok(None);
    }
    let warning = match has_unseen {
        true => Some(Code::UnseenCharacters),
        false => unseen::is_placeholder(&text).then_some(Code::PlaceholderIdentifier),
    };
    Ok(Some(Identifier { text, warning }))
}

/// The object type in this text: the digits of a whole number. `None`: it is blank.
pub(crate) fn object_type(ty: ColumnType, text: &[u8]) -> Result<Option<Cow<'_, [u8]>>, RowError> {
    let bad = || RowError::value(Code::InvalidObjectType, OBJECT_TYPE);
    let number = match ty {
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => Some(Cow::Borrowed(text)),
        ColumnType::Json if matches!(json::scalar(text)?, Scalar::Compound) => return Err(bad()),
        ColumnType::Array(_) | ColumnType::Hstore => return Err(bad()),
        _ => value::plain(ty, text)?,
    };
    let Some(number) = number.map(unseen::trimmed).filter(|n| !n.is_empty()) else { return Ok(None) };
    let digits = number::whole(&number).filter(|d| d[0] != b'-').ok_or_else(bad)?;
    let zeros = digits.iter().take_while(|d| **d == b'0').count().min(digits.len() - 1);
    Ok(Some(part(&number, zeros, digits.len())))
}

fn whole(number: &[u8]) -> Result<&[u8], RowError> {
    if number.trim_ascii().is_empty() {
        return Ok(b"");
    }
    number::whole(number).ok_or(RowError::value(Code::InvalidIdentifier, FRACTION))
}

fn part<'a>(text: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_vec()),
    }
}
