//! Redshift's SQL as tokens.
//!
//! What always holds: the tokens' texts, put together, are the statement. In ordinary literals a
//! backslash escapes the next character, as on Redshift. What is not closed runs to the end, and
//! PostgreSQL says what is wrong with it.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    Comment,
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A literal in single quotes, with its prefix where it has one.
    Text,
    /// A literal between dollar signs.
    Dollar,
    Number,
    /// `$1`.
    Parameter,
    /// `::`, or one character.
    Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub at: usize,
}

/// A statement, or several, as tokens, with the indexes of closing parentheses.
pub(super) struct Tokens<'a> {
    pub list: Vec<Token<'a>>,
    /// For each opening parenthesis the index of its closing one, or the end.
    closing: Vec<usize>,
}

impl<'a> Tokens<'a> {
    pub fn of(sql: &'a str) -> Tokens<'a> {
        let mut list = Vec::new();
        let mut at = 0;
        while at < sql.len() {
            let (kind, length) = first(&sql[at..]);
            list.push(Token { kind, text: &sql[at..at + length], at });
            at += length;
        }
        let mut closing = vec![list.len(); list.len()];
        let mut open = Vec::new();
        for (index, token) in list.iter().enumerate() {
            match token.text {
                "(" => open.push(index),
                ")" => {
                    if let Some(opened) = open.pop() {
                        closing[opened] = index;
                    }
                }
                _ => {}
            }
        }
        Tokens { list, closing }
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The index of the parenthesis that closes the one at `open`.
    pub fn closing(&self, open: usize) -> usize {
        self.closing[open]
    }

    /// The first index from `from` on, before `to`, that is not blank.
    pub fn solid(&self, from: usize, to: usize) -> Option<usize> {
        (from..to).find(|&index| !matches!(self.list[index].kind, Kind::Space | Kind::Comment))
    }

    /// The last index before `before`, from `from` on, that is not blank.
    pub fn solid_before(&self, from: usize, before: usize) -> Option<usize> {
        (from..before).rev().find(|&index| !matches!(self.list[index].kind, Kind::Space | Kind::Comment))
    }

    pub fn text(&self, index: usize) -> &'a str {
        self.list.get(index).map_or("", |token| token.text)
    }

    /// The word at that index in lower case; nothing where there is no word.
    pub fn word(&self, index: usize) -> String {
        match self.list.get(index) {
            Some(token) if token.kind == Kind::Word => token.text.to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    /// The words, symbols and literals in that range, without blanks.
    pub fn solids(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|&index| !matches!(self.list[index].kind, Kind::Space | Kind::Comment)).collect()
    }

    /// The ranges between separators that stand at the range's own depth.
    pub fn split(&self, range: Range<usize>, separator: &str) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = range.start;
        let mut index = range.start;
        while index < range.end {
            match self.text(index) {
                "(" => index = self.closing(index).min(range.end),
                text if text == separator => {
                    parts.push(start..index);
                    start = index + 1;
                }
                _ => {}
            }
            index += 1;
        }
        parts.push(start..range.end);
        parts
    }
}

/// The kind and the length of the first token.
fn first(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied();
    match bytes[0] {
        b if b.is_ascii_whitespace() => (Kind::Space, count(rest, |c| c.is_ascii_whitespace())),
        b'-' if second == Some(b'-') => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        b'/' if second == Some(b'*') => (Kind::Comment, block_comment(bytes)),
        b'\'' => (Kind::Text, quoted(bytes, 0, b'\'', true)),
        b'"' => (Kind::Quoted, quoted(bytes, 0, b'"', false)),
        b'e' | b'E' | b'n' | b'N' | b'b' | b'B' | b'x' | b'X' if second == Some(b'\'') => {
            (Kind::Text, quoted(bytes, 1, b'\'', true))
        }
        b'$' => dollar(rest),
        b'0'..=b'9' => (Kind::Number, number(rest)),
        b'.' if second.is_some_and(|b| b.is_ascii_digit()) => (Kind::Number, number(rest)),
        b if is_name(b) => (Kind::Word, count(rest, |c| c == '$' || !c.is_ascii() || is_name(c as u8))),
        b':' if second == Some(b':') => (Kind::Symbol, 2),
        _ => (Kind::Symbol, 1),
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn count(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

/// The end of a quoted token. A doubled quote stands for itself.
fn quoted(bytes: &[u8], open: usize, quote: u8, escapes: bool) -> usize {
    let mut at = open + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 1,
            _ if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 1,
            _ if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Comments nest.
fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn dollar(rest: &str) -> (Kind, usize) {
    let digits = count(&rest[1..], |c| c.is_ascii_digit());
    if digits > 0 {
        return (Kind::Parameter, 1 + digits);
    }
    let name = count(&rest[1..], |c| c.is_alphanumeric() || c == '_');
    if !rest[1 + name..].starts_with('$') {
        return (Kind::Symbol, 1);
    }
    let (mark, body) = rest.split_at(name + 2);
    (Kind::Dollar, body.find(mark).map_or(rest.len(), |end| mark.len() + end + mark.len()))
}

fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        let tokens = Tokens::of(sql);
        assert_eq!(tokens.list.iter().map(|token| token.text).collect::<String>(), sql);
        tokens.list.iter().filter(|t| t.kind != Kind::Space).map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        use Kind::*;
        assert_eq!(
            kinds(r#"SELECT 'it\'s' , "a""b"::int -- x"#),
            [
                (Word, "SELECT"),
                (Text, r"'it\'s'"),
                (Symbol, ","),
                (Quoted, r#""a""b""#),
                (Symbol, "::"),
                (Word, "int"),
                (Comment, "-- x"),
            ]
        );
        assert_eq!(
            kinds("$1 $$ ' $$ $t$;$t$ E'x' 1.5e-3 .5 é"),
            [
                (Parameter, "$1"),
                (Dollar, "$$ ' $$"),
                (Dollar, "$t$;$t$"),
                (Text, "E'x'"),
                (Number, "1.5e-3"),
                (Number, ".5"),
                (Word, "é"),
            ]
        );
        assert_eq!(kinds("/* a /* b */ ; */x"), [(Comment, "/* a /* b */ ; */"), (Word, "x")]);
    }

    #[test]
    fn what_is_not_closed_runs_to_the_end() {
        for sql in ["'a", "\"a", "/* a", "$$a", "(a, (b)", "'a\\", "$", "1e", "é'"] {
            kinds(sql);
        }
    }
}
