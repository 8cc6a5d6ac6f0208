//! Why a row cannot become a call, and the rejection that says so.

use std::borrow::Cow;

use outflow_core::ports::spool::Rejection;
use outflow_core::{Code, Column, is_unseen};
use serde_json::{Map, Value};

use crate::Field;
use crate::cure::Cure;

/// A reason shows at most this many characters of the value.
const SHOWN: usize = 100;

/// Why a row cannot become a call. The writers of values do not know their column; their callers
/// add it.
#[derive(Debug)]
pub(crate) struct RowError {
    code: Code,
    column: Option<usize>,
    /// What follows the value in the sentence; the whole sentence if there is no value to show.
    /// `{column}` in it stands for the column's name.
    says: Cow<'static, str>,
    /// What to do, if `says` does not end with it.
    cure: Option<Cure>,
    /// The text that is shown in place of the column's.
    shown: Option<Box<[u8]>>,
    shows_value: bool,
    /// The byte of the value around which it is shown.
    place: u32,
    /// The value is JSON but for half of a surrogate pair.
    lone_surrogate: bool,
}

impl RowError {
    /// The value is wrong. `says` follows it in the sentence, and ends with the fix.
    pub(crate) const fn value(code: Code, says: &'static str) -> Self {
        Self {
            code,
            column: None,
            says: Cow::Borrowed(says),
            cure: None,
            shown: None,
            shows_value: true,
            place: 0,
            lone_surrogate: false,
        }
    }

    /// The same with a cure that depends on the column.
    pub(crate) const fn with_cure(mut self, cure: Cure) -> Self {
        self.cure = Some(cure);
        self
    }

    /// The same, in a field that takes no text.
    pub(crate) fn without_text(self) -> Self {
        Self { cure: self.cure.map(Cure::without_text), ..self }
    }

    /// The same, of this text, which the column's text stands for.
    pub(crate) fn showing(self, text: &[u8]) -> Self {
        Self { shown: Some(text.into()), ..self }
    }

    /// The row as a whole is wrong. `says` is the whole sentence.
    pub(crate) fn row(code: Code, says: String) -> Self {
        let says = Cow::Owned(says);
        Self {
            code,
            column: None,
            says,
            cure: None,
            shown: None,
            shows_value: false,
            place: 0,
            lone_surrogate: false,
        }
    }

    /// The value is wrong at that byte, around which it is shown. `says` follows it.
    pub(crate) fn of_text(code: Code, says: String, place: usize) -> Self {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Self { shows_value: true, place, ..Self::row(code, says) }
    }

    /// The same, of a value that is JSON but for half of a surrogate pair.
    pub(crate) fn with_lone_surrogate(self) -> Self {
        Self { lone_surrogate: true, ..self }
    }

    /// The same, of a text where an object is wanted: casting it to text is no cure.
    pub(crate) fn wants_object(self) -> Self {
        const CURE: &str = "; select an object, or name the column otherwise";
        let cause = self.says.split("; ").next().unwrap_or_default();
        Self { says: Cow::Owned(format!("{cause}{CURE}")), cure: None, ..self }
    }

    /// The column whose JSON has half of a surrogate pair.
    pub(crate) fn lone_surrogate(&self) -> Option<usize> {
        self.column.filter(|_| self.lone_surrogate)
    }

    /// Whether the rest of the row may be sent without the value.
    pub(crate) fn concerns_value(&self) -> bool {
        let is_of_value = matches!(
            self.code,
            Code::InvalidTime | Code::NotFinite | Code::InvalidUtf8 | Code::InvalidJson | Code::WrongType
        );
        is_of_value && !self.lone_surrogate
    }

    pub(crate) fn column(&self) -> Option<usize> {
        self.column
    }

    /// Adds the column, unless one is known already.
    pub(crate) fn of(mut self, column: usize) -> Self {
        self.column.get_or_insert(column);
        self
    }

    /// The rejection of the row.
    pub(crate) fn rejection(self, ordinal: u64, columns: &[Column], fields: &[Field<'_>]) -> Box<Rejection> {
        let value = self.column.and_then(|c| fields[c]).filter(|_| self.shows_value);
        let says = match self.column.map(|c| &columns[c]) {
            Some(column) => {
                let cure = self.cure.map(|cure| format!("; {}", cure.words(&column.name, column.ty)));
                self.says.replace("{column}", &column.name) + &cure.unwrap_or_default()
            }
            None => self.says.into_owned(),
        };
        let value = value.map(|text| self.shown.as_deref().unwrap_or(text));
        let reason = match value {
            Some(text) => format!("{} {says}", around(text, self.place as usize)),
            None => says,
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

/// The value from a little before that byte on.
fn around(text: &[u8], place: usize) -> String {
    if place < SHOWN / 2 || text.len() <= SHOWN {
        return quoted(text);
    }
    let mut start = place.min(text.len()) - SHOWN / 2;
    while start > 0 && text.get(start).is_some_and(|b| b & 0xc0 == 0x80) {
        start -= 1;
    }
    format!("…{}", quoted(&text[start..]))
}

fn quoted(text: &[u8]) -> String {
    // Four bytes make a character at most; one more shows whether the value goes on.
    let head = &text[..text.len().min(4 * (SHOWN + 1))];
    let lossy = String::from_utf8_lossy(head);
    let (shown, more) = match lossy.char_indices().nth(SHOWN) {
        Some((end, _)) => (&lossy[..end], "…"),
        None => (&lossy[..], ""),
    };
    let mut quoted = String::with_capacity(shown.len() + 2);
    for c in format!("{shown:?}").chars() {
        // Letters that are blank on every screen are no blanks to Unicode.
        match c != ' ' && is_unseen(c) {
            true => quoted.extend(c.escape_unicode()),
            false => quoted.push(c),
        }
    }
    quoted + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_far_into_a_value_is_shown() {
        let text = format!("{}here{}", "é".repeat(1000), "x".repeat(1000));
        let shown = around(text.as_bytes(), 2000);
        assert!(shown.starts_with("…\"é") && shown.contains("here") && shown.ends_with('…'), "{shown}");
        assert_eq!(around(b"short", 3), "\"short\"");
    }

    #[test]
    fn a_long_value_is_cut_to_100_characters() {
        assert_eq!(quoted("é".repeat(100).as_bytes()), format!("\"{}\"", "é".repeat(100)));
        assert_eq!(quoted("é".repeat(101).as_bytes()), format!("\"{}\"…", "é".repeat(100)));
        assert_eq!(quoted("😀".repeat(5000).as_bytes()), format!("\"{}\"…", "😀".repeat(100)));
        assert_eq!(quoted(b"a\xff\n"), "\"a\u{fffd}\\n\"");
        let blank = quoted("\u{3164}\u{115f} \u{a0}".as_bytes());
        assert_eq!(blank, r#""\u{3164}\u{115f} \u{a0}""#);
    }
}
