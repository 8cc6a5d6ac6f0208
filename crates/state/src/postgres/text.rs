//! Texts without the one character that PostgreSQL's `text` cannot hold.
//!
//! U+0000 is written as U+001A `0`, and U+001A as U+001A `1`. Every other text is written as it is.
//! JSON needs none of this: it escapes both by itself, and is kept as `text`, where it stays byte
//! for byte.

use std::borrow::Cow;

const MARK: char = '\u{1a}';

/// A text as the tables hold it.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([MARK, '0']),
            MARK => escaped.extend([MARK, '1']),
            _ => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// The text that [`escape`] was given.
pub(super) fn unescape(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            MARK if rest.next() == Some('0') => plain.push('\0'),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "plain", "\0", "\u{1a}", "a\0b\u{1a}0\0", "\u{1a}1", "ü\u{1a}\u{1a}0"] {
            let escaped = escape(text);
            assert!(!escaped.contains('\0'));
            assert_eq!(unescape(escaped.into_owned()), text);
        }
    }
}
