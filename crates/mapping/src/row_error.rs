//! Why a row cannot become a call, and the rejection that says so.

use std::borrow::Cow;

use outflow_core::ports::spool::Rejection;
use outflow_core::{Code, Column};
use serde_json::{Map, Value};

use crate::Field;

/// A reason shows at most this many characters of the value.
const SHOWN: usize = 100;

/// Why a row cannot become a call. The writers of values do not know their column; their callers
/// add it.
#[derive(Debug)]
pub(crate) struct RowError {
    code: Code,
    column: Option<usize>,
    /// What follows the value in the sentence; the whole sentence if there is no value to show.
    says: Cow<'static, str>,
    shows_value: bool,
}

impl RowError {
    /// The value is wrong. `says` follows it in the sentence, and ends with the fix.
    pub(crate) const fn value(code: Code, says: &'static str) -> Self {
        Self { code, column: None, says: Cow::Borrowed(says), shows_value: true }
    }

    /// The row as a whole is wrong. `says` is the whole sentence.
    pub(crate) fn row(code: Code, says: String) -> Self {
        Self { code, column: None, says: Cow::Owned(says), shows_value: false }
    }

    /// Adds the column, unless one is known already.
    pub(crate) fn of(mut self, column: usize) -> Self {
        self.column.get_or_insert(column);
        self
    }

    /// The rejection of the row.
    pub(crate) fn rejection(self, ordinal: u64, columns: &[Column], fields: &[Field<'_>]) -> Box<Rejection> {
        let value = self.column.and_then(|c| fields[c]).filter(|_| self.shows_value);
        let reason = match value {
            Some(text) => format!("{} {}", quoted(text), self.says),
            None => self.says.into_owned(),
        };
        let row: Map<String, Value> = columns
            .iter()
            .zip(fields)
            .map(|(column, field)| {
                let text = field.map(|text| String::from_utf8_lossy(text).into_owned());
                (column.name.clone(), text.map_or(Value::Null, Value::String))
            })
            .collect();
        let column = self.column.map(|c| columns[c].name.clone());
        Box::new(Rejection { ordinal, code: self.code, column, reason, row })
    }
}

fn quoted(text: &[u8]) -> String {
    // Four bytes make a character at most; one more shows whether the value goes on.
    let head = &text[..text.len().min(4 * (SHOWN + 1))];
    let lossy = String::from_utf8_lossy(head);
    match lossy.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &lossy[..end]),
        None => format!("{lossy:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_to_100_characters() {
        assert_eq!(quoted("é".repeat(100).as_bytes()), format!("\"{}\"", "é".repeat(100)));
        assert_eq!(quoted("é".repeat(101).as_bytes()), format!("\"{}\"…", "é".repeat(100)));
        assert_eq!(quoted("😀".repeat(5000).as_bytes()), format!("\"{}\"…", "😀".repeat(100)));
        assert_eq!(quoted(b"a\xff\n"), "\"a\u{fffd}\\n\"");
    }
}
