//! Pages: `?limit=&cursor=` to `{items, next_cursor}`.

use std::fmt::Display;

use outflow_core::Code;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Refusal;

/// A page has no more items than this, and as many as this if no number is sent.
const MOST: u64 = 500;
const USUAL: u64 = 50;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    items: Vec<T>,
    /// What to send as `cursor` for the next page; null if this is the last one.
    next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRequest {
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    pub(crate) cursor: Option<String>,
}

/// The number of items that is wanted.
///
/// # Errors
/// C005: none, or too many.
pub(crate) fn limit(wanted: Option<u64>) -> Result<u64, Refusal> {
    match wanted {
        None => Ok(USUAL),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(_) => {
            let message = format!("a page has from 1 to {MOST} items");
            Err(Refusal::new(Code::InvalidValue, message).at("limit"))
        }
    }
}

/// The position that a cursor means.
///
/// # Errors
/// C005: it is no cursor.
pub(crate) fn position(cursor: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(cursor) = cursor else { return Ok(None) };
    let digits = (1..=18).contains(&cursor.len()) && cursor.bytes().all(|b| b.is_ascii_digit());
    match cursor.parse() {
        Ok(position) if digits => Ok(Some(position)),
        _ => Err(no_cursor()),
    }
}

/// C005: it is no cursor.
pub(crate) fn no_cursor() -> Refusal {
    let refusal = Refusal::new(Code::InvalidValue, "this is no cursor of a page").at("cursor");
    refusal.help("send what the page before has as next_cursor, unchanged")
}

/// The two numbers that a cursor `1-4711` means.
///
/// # Errors
/// C005: it is no cursor.
pub(crate) fn pair(cursor: Option<&str>) -> Result<Option<(u64, u64)>, Refusal> {
    let Some(cursor) = cursor else { return Ok(None) };
    // One without a hyphen is refused for its empty second part.
    let (first, second) = cursor.split_once('-').unwrap_or((cursor, ""));
    Ok(position(Some(first))?.zip(position(Some(second))?))
}

impl<T> Page<T> {
    /// A page of items of which one more than the limit was read: the rest is on other pages.
    /// `position` says where an item is.
    pub(crate) fn of<P: Display>(mut items: Vec<T>, limit: u64, position: impl Fn(&T) -> P) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = items.len() <= limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| !is_last).map(|last| position(last).to_string());
        Self { items, next_cursor }
    }

    /// A page of items that was read as one.
    pub(crate) fn with_next(items: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_one_begins_and_the_last_one_says_none() {
        let page = Page::of(vec![9, 8, 7], 2, |n| *n);
        assert_eq!((page.items, page.next_cursor.as_deref()), (vec![9, 8], Some("8")));
        let page = Page::of(vec![7, 6], 2, |n| *n);
        assert_eq!((page.items, page.next_cursor), (vec![7, 6], None));
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(limit(None).unwrap(), USUAL);
        assert!(limit(Some(0)).is_err() && limit(Some(501)).is_err());
        assert_eq!(position(Some("17")).unwrap(), Some(17));
        assert_eq!(pair(Some("1-4711")).unwrap(), Some((1, 4711)));
        assert!(["1", "1-", "-1", "1-2-3", "x-1"].iter().all(|wrong| pair(Some(wrong)).is_err()));
        for wrong in ["", "-1", "+1", "1e3", "9999999999999999999", "x"] {
            assert!(position(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
