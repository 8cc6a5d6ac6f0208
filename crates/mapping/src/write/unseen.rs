//! Invisible characters, and words that stand for no identifier.
//!
//! Identifiers that look the same on every screen are two persons to a destination. White space and
//! characters without width at the ends are taken off; the run counts where that happened, and
//! where such characters stand within.

use std::borrow::Cow;

use outflow_core::is_unseen;

/// The longest of [`PLACEHOLDERS`].
const LONGEST: usize = 9;
/// What broken exports write where there is no value.
const PLACEHOLDERS: [&[u8]; 4] = [b"null", b"undefined", b"nan", b"none"];

/// The text without what is invisible at its ends.
pub(crate) fn trimmed(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => {
            let kept = trim(&text);
            if kept.len() == text.len() { Cow::Owned(text) } else { Cow::Owned(kept.to_vec()) }
        }
    }
}

#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let ascii = text.trim_ascii();
    match ascii {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => ascii,
        [only] if only.is_ascii_graphic() => ascii,
        _ => trim_unicode(ascii),
    }
}

#[cold]
fn trim_unicode(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Ok(text) => text.trim_matches(is_unseen).as_bytes(),
        // It is refused where it is written.
        Err(_) => text,
    }
}

/// Whether there is something but ASCII blanks that is invisible: at the ends of the text, or
/// within.
#[inline]
pub(crate) fn has_unseen(text: &[u8]) -> bool {
    text.iter().any(|b| *b < 0x20 || *b >= 0x7f) && has_unseen_unicode(text)
}

#[cold]
fn has_unseen_unicode(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    std::str::from_utf8(text).is_ok_and(|text| {
        let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
        let trimmed = text.trim_matches(is_unseen);
        // Joiners within a text are a part of how some scripts and emoji are written.
        trimmed.len() != text.len() || trimmed.chars().any(|c| is_unseen(c) && c != ' ' && !joins(c))
    })
}

/// Whether the identifier is a word that stands for none.
#[inline]
pub(crate) fn is_placeholder(id: &[u8]) -> bool {
    id.len() <= LONGEST && PLACEHOLDERS.iter().any(|word| id.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_goes_from_the_ends_and_is_noticed_within() {
        for (text, kept, unseen) in [
            ("ada", "ada", false),
            (" ada\t", "ada", false),
            ("ada\u{a0}", "ada", true),
            ("\u{feff}ada", "ada", true),
            ("ada\u{200b} ", "ada", true),
            ("\u{3000}é\u{2009}", "é", true),
            ("\u{a0}", "", true),
            ("\u{200b}\u{2060}", "", true),
            ("a\u{a0}b", "a\u{a0}b", true),
            ("a b", "a b", false),
            ("a\u{0}b", "a\u{0}b", true),
            ("\u{1}ab\u{7f}", "ab", true),
            ("👩\u{200d}🚀", "👩\u{200d}🚀", false),
            ("é", "é", false),
            ("", "", false),
        ] {
            assert_eq!(trim(text.as_bytes()), kept.as_bytes(), "{text:?}");
            assert_eq!(has_unseen(text.as_bytes()), unseen, "{text:?}");
        }
        assert_eq!(trim(b"\xff"), b"\xff");
    }

    #[test]
    fn words_for_nothing_are_known_in_any_case() {
        for word in ["NULL", "undefined", "NaN", "None"] {
            assert!(is_placeholder(word.as_bytes()), "{word}");
        }
        for word in ["", "nullable", "nancy", "0", "no"] {
            assert!(!is_placeholder(word.as_bytes()), "{word}");
        }
    }
}
