//! Characters that are not what they look like: blanks that are none, invisible ones, typographic
//! quotes and dashes, and letters of other scripts that look like Latin ones.
//!
//! What always holds: the tables hold no character that a text in any language needs to be read,
//! apart from [`Oddity::Letter`], which is one by itself and a lookalike only among Latin letters.
//! What it does not do: say where such a character matters. Its callers do.

/// What is odd about a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// It looks like a blank.
    Blank,
    /// It cannot be seen.
    Invisible,
    /// It changes the order in which the characters around it are shown.
    Direction,
    /// It is a control character and no white space.
    Control,
    /// It looks like a quote.
    Quote,
    /// It looks like a hyphen.
    Dash,
    /// It looks like another ASCII character.
    Fullwidth,
    /// It is a letter that looks like a Latin one.
    Letter,
}

/// A character that is not what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd {
    /// What is odd about it.
    pub what: Oddity,
    /// What it looks like: an ASCII character; `None` if it cannot be seen.
    pub like: Option<char>,
    character: char,
}

/// Blanks that are no white space for a database or for YAML.
const BLANKS: &[(char, &str)] = &[
    ('\u{85}', "a next-line character"),
    ('\u{a0}', "a no-break space"),
    ('\u{1680}', "an Ogham space mark"),
    ('\u{2000}', "an en quad"),
    ('\u{2001}', "an em quad"),
    ('\u{2002}', "an en space"),
    ('\u{2003}', "an em space"),
    ('\u{2004}', "a three-per-em space"),
    ('\u{2005}', "a four-per-em space"),
    ('\u{2006}', "a six-per-em space"),
    ('\u{2007}', "a figure space"),
    ('\u{2008}', "a punctuation space"),
    ('\u{2009}', "a thin space"),
    ('\u{200a}', "a hair space"),
    ('\u{2028}', "a line separator"),
    ('\u{2029}', "a paragraph separator"),
    ('\u{202f}', "a narrow no-break space"),
    ('\u{205f}', "a mathematical space"),
    ('\u{3000}', "an ideographic space"),
    ('\u{2800}', "a blank Braille pattern"),
    ('\u{3164}', "a Hangul filler"),
    ('\u{ffa0}', "a halfwidth Hangul filler"),
];

/// Characters without a width.
const INVISIBLE: &[(char, &str)] = &[
    ('\u{ad}', "a soft hyphen"),
    ('\u{34f}', "a grapheme joiner"),
    ('\u{115f}', "a Hangul filler"),
    ('\u{1160}', "a Hangul filler"),
    ('\u{17b4}', "an inherent vowel"),
    ('\u{17b5}', "an inherent vowel"),
    ('\u{180e}', "a vowel separator"),
    ('\u{200b}', "a zero width space"),
    ('\u{200c}', "a zero width non-joiner"),
    ('\u{200d}', "a zero width joiner"),
    ('\u{200e}', "a left-to-right mark"),
    ('\u{200f}', "a right-to-left mark"),
    ('\u{61c}', "an Arabic letter mark"),
    ('\u{2060}', "a word joiner"),
    ('\u{2061}', "an invisible operator"),
    ('\u{2062}', "an invisible operator"),
    ('\u{2063}', "an invisible operator"),
    ('\u{2064}', "an invisible operator"),
    ('\u{feff}', "a byte order mark"),
    ('\u{fff9}', "an annotation mark"),
    ('\u{fffa}', "an annotation mark"),
    ('\u{fffb}', "an annotation mark"),
];

/// Quotes that are none for a machine, and the ones that they look like.
const QUOTES: &[(char, char)] = &[
    ('“', '"'),
    ('”', '"'),
    ('„', '"'),
    ('‟', '"'),
    ('«', '"'),
    ('»', '"'),
    ('″', '"'),
    ('〝', '"'),
    ('〞', '"'),
    ('‘', '\''),
    ('’', '\''),
    ('‚', '\''),
    ('‛', '\''),
    ('‹', '\''),
    ('›', '\''),
    ('′', '\''),
    ('´', '\''),
    ('ʼ', '\''),
];

/// Dashes.
const DASHES: &[(char, &str)] = &[
    ('\u{2010}', "a typographic hyphen"),
    ('\u{2011}', "a no-break hyphen"),
    ('\u{2012}', "a figure dash"),
    ('\u{2013}', "an en dash"),
    ('\u{2014}', "an em dash"),
    ('\u{2015}', "a horizontal bar"),
    ('\u{2212}', "a minus sign"),
    ('\u{fe58}', "a small em dash"),
    ('\u{fe63}', "a small hyphen"),
];

/// Other characters that look like one of ASCII.
const OTHERS: &[(char, char)] = &[
    ('；', ';'),
    // The Greek question mark: written out, as some editors make a semicolon of it.
    ('\u{37e}', ';'),
    ('、', ','),
    ('，', ','),
    ('‚', ','),
    ('⁄', '/'),
    ('∕', '/'),
    ('∗', '*'),
    ('×', '*'),
    ('․', '.'),
    ('。', '.'),
    ('꞉', ':'),
    ('∶', ':'),
    ('≤', '<'),
    ('≥', '>'),
    ('≠', '!'),
    ('｛', '{'),
    ('｝', '}'),
    ('…', '.'),
];

/// Greek, Cyrillic and Armenian letters that look like Latin ones, with those.
const LETTERS: &[(&str, &str)] = &[
    ("АВЕЅІЈКМНОРСТУХѴԌԚԜҮЗӀ", "ABESIJKMHOPCTYXVGQWY3I"),
    ("аеорсухіјѕһԁԛԝѵӏү", "aeopcyxijshdqwvly"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺ", "ABEZHIKMNOPTYXCM"),
    ("ονικαρϲυ", "ovikapcu"),
    ("օոսցհՕՍ", "onughOU"),
];

/// What is odd about a character, if anything is.
pub fn odd(c: char) -> Option<Odd> {
    let found = |what, like| Some(Odd { what, like, character: c });
    if c.is_ascii() {
        let is_control = c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c');
        return if is_control { found(Oddity::Control, None) } else { None };
    }
    let listed = |list: &[(char, &str)]| list.iter().any(|(odd, _)| *odd == c);
    let like = |list: &[(char, char)]| list.iter().find(|(odd, _)| *odd == c).map(|(_, like)| *like);
    if listed(BLANKS) {
        return found(Oddity::Blank, Some(' '));
    }
    if listed(INVISIBLE) || ('\u{e0000}'..='\u{e007f}').contains(&c) {
        return found(Oddity::Invisible, None);
    }
    if matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        return found(Oddity::Direction, None);
    }
    if ('\u{80}'..='\u{9f}').contains(&c) {
        return found(Oddity::Control, None);
    }
    if let Some(quote) = like(QUOTES) {
        return found(Oddity::Quote, Some(quote));
    }
    if listed(DASHES) {
        return found(Oddity::Dash, Some('-'));
    }
    if let Some(ascii) = like(OTHERS) {
        return found(Oddity::Fullwidth, Some(ascii));
    }
    if ('\u{ff01}'..='\u{ff5e}').contains(&c) {
        let ascii = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
        return found(Oddity::Fullwidth, ascii);
    }
    let letter = LETTERS.iter().find_map(|(odd, latin)| {
        let at = odd.chars().position(|o| o == c)?;
        latin.chars().nth(at)
    });
    found(Oddity::Letter, Some(letter?))
}

/// The first character that looks like white space or cannot be seen at all: one that no
/// name and no setting holds on purpose.
pub fn unseen(text: &str) -> Option<(usize, Odd)> {
    let is_unseen =
        |o: &Odd| matches!(o.what, Oddity::Blank | Oddity::Invisible | Oddity::Direction | Oddity::Control);
    text.char_indices().find_map(|(at, c)| Some((at, odd(c).filter(is_unseen)?)))
}

/// A word of Latin letters of which some are none: what it looks like. `None` if it is what it
/// looks like, or if a letter of it can be of no Latin word.
pub fn lookalike(word: &str) -> Option<String> {
    let mut is_latin = false;
    let mut is_other = false;
    let mut plain = String::with_capacity(word.len());
    for c in word.chars() {
        if c.is_ascii() {
            is_latin |= c.is_ascii_alphabetic();
            plain.push(c);
            continue;
        }
        let odd = odd(c).filter(|odd| odd.what == Oddity::Letter)?;
        is_other = true;
        plain.extend(odd.like);
    }
    (is_latin && is_other).then_some(plain)
}

/// What a word looks like to a reader, letter by letter.
pub fn skeleton(word: &str) -> String {
    let seen = |c: char| match odd(c) {
        Some(odd) => odd.like,
        None => Some(c),
    };
    word.chars().filter_map(seen).collect()
}

impl std::fmt::Display for Odd {
    /// `a no-break space (U+00A0)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let c = self.character;
        let name = |list: &[(char, &'static str)]| list.iter().find(|(odd, _)| *odd == c).map(|(_, n)| *n);
        let code = u32::from(c);
        match self.what {
            Oddity::Blank => write!(f, "{} (U+{code:04X})", name(BLANKS).unwrap_or("a blank")),
            Oddity::Invisible => {
                write!(f, "{} (U+{code:04X})", name(INVISIBLE).unwrap_or("an invisible character"))
            }
            Oddity::Direction => write!(f, "a character that turns the direction of text (U+{code:04X})"),
            Oddity::Control => write!(f, "a control character (U+{code:04X})"),
            Oddity::Quote => write!(f, "the typographic quote {c} (U+{code:04X})"),
            Oddity::Dash => write!(f, "{} {c} (U+{code:04X})", name(DASHES).unwrap_or("a dash")),
            Oddity::Fullwidth => write!(f, "the character {c} (U+{code:04X})"),
            Oddity::Letter => write!(f, "the letter {c} (U+{code:04X}), which is not Latin,"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_and_leave_the_letters_of_languages_alone() {
        for (odd, latin) in LETTERS {
            assert_eq!(odd.chars().count(), latin.chars().count(), "{odd} {latin}");
        }
        for c in "äéßñłøœğışçÇžѓџщлдфЖЯΔΩλπ漢字かなカナ한글العربيةहिन्दी€£§°²😀\u{fe0f}µ".chars()
        {
            assert_eq!(odd(c), None, "{c:?}");
        }
        for c in "aZ09_-'\"`{}[]();,. \t\r\n".chars() {
            assert_eq!(odd(c), None, "{c:?}");
        }
        assert_eq!(odd('\u{a0}').map(|o| o.to_string()).as_deref(), Some("a no-break space (U+00A0)"));
        assert_eq!(odd('＝').and_then(|o| o.like), Some('='));
        assert_eq!(odd('\0').map(|o| o.what), Some(Oddity::Control));
    }

    #[test]
    fn a_word_is_a_lookalike_only_if_each_strange_letter_could_be_latin() {
        for (word, plain) in [
            ("us\u{435}rId", Some("userId")),
            ("SELE\u{421}T", Some("SELECT")),
            ("userId", None),
            ("größe", None),
            ("дата_x", None),
            ("имя", None),
            ("λ_max", None),
        ] {
            assert_eq!(lookalike(word).as_deref(), plain, "{word}");
        }
        assert_eq!(skeleton("F\u{420}OM\u{200b}"), "FPOM");
    }
}
