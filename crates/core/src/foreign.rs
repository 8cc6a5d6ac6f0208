//! Text that a server or a service wrote, and text that is fit for a terminal.
//!
//! What a database, a destination, AWS or an SSH server says may quote a row: `RAISE`, the error of
//! a user-defined function, the body of an answer. Such text is a [`ForeignText`]. The state and
//! the user's own terminal may show it; logs, metrics, alerts and mails may not.
//!
//! What always holds: a [`ForeignText`] has no `Display`, and its `Debug` form hides the text, so
//! that a log line cannot contain it by accident. A test of the repository checks that the crate
//! that writes logs, metrics and alerts never reveals one.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// The most characters that are kept.
const LONGEST: usize = 4000;

/// Text of a server or a service, without control characters.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ForeignText(String);

impl ForeignText {
    /// Keeps the text, cut to 4,000 characters and made [printable].
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(LONGEST).map(visible).collect())
    }

    /// The text itself, for the state and for the user's own terminal.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text itself, for the state.
    pub fn into_revealed(self) -> String {
        self.0
    }
}

impl From<&str> for ForeignText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for ForeignText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignText({} bytes)", self.0.len())
    }
}

/// Documents are for the user's own terminal and pipes.
impl Serialize for ForeignText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Whether a terminal would obey the character in place of showing it: control characters, and
/// those that change the direction of text or break its line.
pub fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the character is invisible: white space, controls, and characters without width.
pub fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || steers_terminal(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

/// The text with every character that is [invisible](is_unseen), but plain blanks, as `<U+00A0>`.
pub fn with_unseen_shown(text: &str) -> Cow<'_, str> {
    let is_shown = |c: char| c != ' ' && !steers_terminal(c) && is_unseen(c);
    if text.is_ascii() || !text.contains(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shown(c) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The text on one line, with every character that [steers a terminal](steers_terminal) replaced by
/// U+FFFD. It is the one way in which names, values and foreign text reach a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// A JSON text with the same meaning, in which every character that
/// [steers a terminal](steers_terminal) but the end of a line is escaped. JSON writers escape only
/// the controls below U+0020, and outside a string there are no other ones.
pub fn json_printable(json: &str) -> Cow<'_, str> {
    let steers = |c: char| c != '\n' && steers_terminal(c);
    if !json.contains(steers) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if steers(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

fn visible(c: char) -> char {
    if steers_terminal(c) { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let hostile = "a\u{1b}[2J\r\nb\u{7}\u{9b}31m\u{202e}evil\u{2066}\u{200f}\u{2028}é✓";
        let shown = printable(hostile);
        assert_eq!(shown.matches(char::REPLACEMENT_CHARACTER).count(), 9, "{shown:?}");
        assert!(!shown.chars().any(steers_terminal) && shown.ends_with("é✓"), "{shown:?}");
        assert_eq!(ForeignText::new(hostile).reveal(), shown);
    }

    #[test]
    fn json_keeps_its_meaning_without_what_steers_a_terminal() {
        let value = serde_json::json!({ "a\u{202e}": ["\u{9b}31m\n\u{7f}", "é"] });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json_printable(&text);
        assert!(!shown.chars().any(|c| c != '\n' && steers_terminal(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn foreign_text_hides_itself() {
        let text = ForeignText::new("canary");
        assert_eq!(format!("{text:?} {:?}", Some(&text)), "ForeignText(6 bytes) Some(ForeignText(6 bytes))");
        assert_eq!(serde_json::to_string(&text).unwrap(), "\"canary\"");
        assert_eq!(ForeignText::new(&"x".repeat(9000)).reveal().len(), LONGEST);
    }
}
