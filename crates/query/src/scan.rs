//! The tokens of a query: words, strings, quoted names and comments, by the rules of the server
//! that will read it.
//!
//! Where servers differ, so does the scanner: PostgreSQL and Redshift nest comments, end a line at
//! a carriage return too and have `$tag$` strings; Redshift takes a backslash in every string for
//! an escape, PostgreSQL in `E'…'` only; names and strings with unicode escapes (`U&"…"`) are
//! one token with their UESCAPE; SQLite has names in `` `…` `` and `[…]`. Variables are found
//! here as well, since only here it is known what is a comment.

use std::borrow::Cow;
use std::ops::Range;

use outflow_core::characters::{self, Oddity};
use outflow_core::{Code, Dialect};

use crate::dialect::{Rules, rules};
use crate::escapes;
use crate::problem::Problem;
use crate::variable::{self, Form, Misuse};

/// Texts beyond these sizes are not given to the full parser. It bounds the depth of expressions,
/// but not that of joins, and its trees take stack space to drop. Measured: on a stack of 1 MiB 64
/// joins without a condition and 8,000 operators in a row are safe; 128 and 19,000 are not.
const SMALL_TOKENS: usize = 10_000;
const SMALL_JOINS: usize = 50;
const SMALL_DEPTH: usize = 24;

/// Braces around more than this are not closed.
const LONGEST_NAME: usize = 200;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string.
    Literal,
    /// A number, or a parameter such as `$1`.
    Number,
    /// A variable outside strings.
    Variable,
    /// Any other character.
    Symbol(u8),
}

/// A piece of the text that means something: bytes `start..end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A variable, at any place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) form: Form,
    /// Inside a string, so that the value is inserted without quotes.
    pub(crate) quoted: bool,
}

/// A text taken apart.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token>,
    /// In the order of the text.
    pub(crate) slots: Vec<Slot>,
    pub(crate) problems: Vec<Problem>,
    /// The bytes of each comment, without the line break at its end.
    pub(crate) comments: Vec<Range<usize>>,
    pub(crate) dialect: Dialect,
    pub(crate) rules: &'static Rules,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        let (tokens, slots, problems) = (Vec::new(), Vec::new(), Vec::new());
        let (comments, rules) = (Vec::new(), rules(dialect));
        let mut scan = Self { text, tokens, slots, problems, comments, dialect, rules, at: 0 };
        while scan.at < text.len() {
            scan.step();
        }
        scan.join_escape_clauses();
        scan
    }

    /// The text of a token.
    pub(crate) fn of(&self, token: &Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    /// The name that the server reads in a word or a quoted name, before it folds it.
    pub(crate) fn name(&self, token: &Token) -> Cow<'a, str> {
        match token.kind {
            Kind::Quoted => escapes::name(self.of(token)),
            _ => Cow::Borrowed(self.of(token)),
        }
    }

    /// Whether this token is that keyword, given in upper case.
    pub(crate) fn is(&self, token: &Token, keyword: &str) -> bool {
        token.kind == Kind::Word && self.of(token).eq_ignore_ascii_case(keyword)
    }

    /// Whether a recursive parser may read the text.
    pub(crate) fn is_small(&self) -> bool {
        let mut depth = 0_usize;
        let mut deepest = 0;
        for token in &self.tokens {
            match token.kind {
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        let joins = self.tokens.iter().filter(|t| self.is(t, "JOIN")).count();
        self.tokens.len() <= SMALL_TOKENS && deepest <= SMALL_DEPTH && joins <= SMALL_JOINS
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + offset).copied()
    }

    /// Where `needle` begins, from `from` on.
    fn find(&self, from: usize, needle: &str) -> Option<usize> {
        self.text.get(from..)?.find(needle).map(|i| from + i)
    }

    fn token(&mut self, kind: Kind, end: usize) {
        self.tokens.push(Token { kind, start: self.at, end });
        self.at = end;
    }

    fn unterminated(&mut self, start: usize, what: &str, close: &str) {
        let message = format!("the query text ends inside {what}");
        let is_quote = |c: &char| characters::odd(*c).is_some_and(|odd| odd.what == Oddity::Quote);
        let closes = |c: char| format!("; the typographic quote {c} closes nothing");
        let typographic = self.text[start..].chars().find(is_quote).map(closes).unwrap_or_default();
        let help = format!("it begins here: close it with {close}{typographic}");
        self.problems.push(Problem::new(start, Code::UnterminatedQuery, message, help));
        self.at = self.text.len();
    }

    fn step(&mut self) {
        let rules = self.rules;
        let Some(byte) = self.byte(0) else { return };
        match (byte, self.byte(1)) {
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => self.at += 1,
            (b'-', Some(b'-')) => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'\'', _) => self.literal(self.at, rules.backslash_escapes),
            (b'"', _) => self.quoted(self.at, b'"'),
            (b'`', _) if rules.odd_name_quotes => self.quoted(self.at, b'`'),
            (b'[', _) if rules.odd_name_quotes => match self.find(self.at, "]") {
                Some(end) => self.token(Kind::Quoted, end + 1),
                None => self.unterminated(self.at, "a quoted name", "]"),
            },
            (b'{', Some(b'{')) => self.variable(),
            (b'$', Some(b'0'..=b'9')) => self.number(),
            (b'$', _) if rules.dollar_strings => self.dollar(),
            (b'0'..=b'9', _) | (b'.', Some(b'0'..=b'9')) => self.number(),
            (b, _) if starts_word(b) => self.word(),
            (b, _) => self.token(Kind::Symbol(b), self.at + 1),
        }
    }

    fn line_comment(&mut self) {
        let ends = |b: u8| b == b'\n' || (b == b'\r' && self.rules.carriage_return_ends_line);
        let (start, rest) = (self.at, &self.text.as_bytes()[self.at..]);
        self.at += rest.iter().position(|&b| ends(b)).unwrap_or(rest.len());
        self.comments.push(start..self.at);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        while let (Some(a), Some(b)) = (self.byte(0), self.byte(1)) {
            match (a, b) {
                (b'/', b'*') if depth == 0 || self.rules.nested_comments => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return self.comments.push(start..self.at);
            }
        }
        self.unterminated(start, "a comment", "*/");
    }

    /// A string whose first quote is at `self.at` and whose token begins at `start`.
    fn literal(&mut self, start: usize, backslash: bool) {
        loop {
            self.at += 1;
            match (self.byte(0), self.byte(1)) {
                (Some(b'\\'), Some(_)) if backslash => self.at += 1,
                (Some(b'\''), Some(b'\'')) => self.at += 1,
                (Some(b'\''), _) => {
                    self.at += 1;
                    // A string goes on behind a line break, and with it the rule for backslashes.
                    match self.continuation() {
                        Some(quote) if backslash => self.at = quote,
                        _ => break,
                    }
                }
                (Some(_), _) => {}
                (None, _) => return self.unterminated(start, "a string", "'"),
            }
        }
        let end = self.at;
        self.slots_in_literal(start, end);
        self.at = start;
        self.token(Kind::Literal, end);
    }

    /// Where the string that just ended goes on: PostgreSQL joins strings with only blanks,
    /// comments and at least one line break between them.
    fn continuation(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut lines = false;
        loop {
            match (bytes.get(at)?, bytes.get(at + 1)) {
                (b'\n' | b'\r', _) => {
                    lines = true;
                    at += 1;
                }
                (b' ' | b'\t' | 0x0b | 0x0c, _) => at += 1,
                (b'-', Some(b'-')) => at += bytes[at..].iter().position(|b| matches!(b, b'\n' | b'\r'))?,
                (b'\'', _) if lines => return Some(at),
                _ => return None,
            }
        }
    }

    /// A name whose first quote is at `self.at` and whose token begins at `start`.
    fn quoted(&mut self, start: usize, quote: u8) {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(&a), Some(&b)) if a == quote && b == quote => end += 2,
                (Some(&a), _) if a == quote => {
                    self.at = start;
                    return self.token(Kind::Quoted, end + 1);
                }
                (Some(_), _) => end += 1,
                (None, _) => {
                    return self.unterminated(start, "a quoted name", &char::from(quote).to_string());
                }
            }
        }
    }

    /// `$tag$ … $tag$`, or else a lone `$`.
    fn dollar(&mut self) {
        let rest = &self.text[self.at + 1..];
        let tag = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()));
        let Some(tag) = tag.filter(|&i| rest.as_bytes()[i] == b'$') else {
            return self.token(Kind::Symbol(b'$'), self.at + 1);
        };
        let mark = &self.text[self.at..self.at + tag + 2];
        match self.find(self.at + mark.len(), mark) {
            Some(i) => {
                let end = i + mark.len();
                self.slots_in_literal(self.at, end);
                self.token(Kind::Literal, end);
            }
            None => self.unterminated(self.at, "a string", mark),
        }
    }

    fn number(&mut self) {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(self.at + usize::from(bytes[self.at] == b'$'));
        if bytes.get(end) == Some(&b'.') && bytes[self.at] != b'$' {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
            }
        }
        self.token(Kind::Number, end);
    }

    fn word(&mut self) {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let length = rest.iter().take_while(|&&b| starts_word(b) || b.is_ascii_digit() || b == b'$').count();
        if length == 1 && matches!(rest, [b'e' | b'E', b'\'', ..]) && self.rules.e_strings {
            self.at += 1;
            return self.literal(start, true);
        }
        if length == 1 && matches!(rest, [b'u' | b'U', b'&', b'\'' | b'"', ..]) && self.rules.unicode_escapes
        {
            self.at += 2;
            return match rest[2] {
                b'"' => self.quoted(start, b'"'),
                _ => self.literal(start, self.rules.backslash_escapes),
            };
        }
        self.token(Kind::Word, start + length);
    }

    /// Makes one token of `U&"…" UESCAPE 'c'`.
    fn join_escape_clauses(&mut self) {
        let mut at = 0;
        while at + 2 < self.tokens.len() {
            let [name, word, string] = [self.tokens[at], self.tokens[at + 1], self.tokens[at + 2]];
            at += 1;
            let has_escapes = matches!(self.of(&name).as_bytes(), [b'u' | b'U', b'&', ..]);
            if !has_escapes || !self.is(&word, "UESCAPE") || string.kind != Kind::Literal {
                continue;
            }
            let written = self.of(&string);
            let inside = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            if inside.is_none_or(|inside| inside.chars().count() != 1) {
                let help = "write one character in plain quotes: UESCAPE '!'";
                let message = "the escape character of a name or a string is not plain";
                self.problems.push(Problem::new(string.start, Code::QueryNotReadOnly, message, help));
            }
            self.tokens[at - 1].end = string.end;
            self.tokens.drain(at..at + 2);
        }
    }

    /// `{{ name | filter }}` outside strings.
    fn variable(&mut self) {
        let start = self.at;
        let inner = self.find(start + 2, "}}").map(|end| (end + 2, &self.text[start + 2..end]));
        let Some((end, inner)) =
            inner.filter(|(_, inner)| !inner.contains(['{', '}', ';']) && inner.len() <= LONGEST_NAME)
        else {
            let help = "a variable looks like {{last_sync_time}}";
            self.problems.push(Problem::new(start, Code::UnknownVariable, "a variable is not closed", help));
            self.at += 2;
            return;
        };
        match variable::read(inner) {
            Ok(form) => self.slots.push(Slot { start, end, form, quoted: false }),
            Err(misuse) => self.problems.push(misuse.problem(start)),
        }
        self.token(Kind::Variable, end);
    }

    /// Finds the variables in a string. Braces that hold anything else are the string's own.
    fn slots_in_literal(&mut self, from: usize, to: usize) {
        let mut at = from;
        while let Some(start) = self.find(at, "{{").filter(|&i| i < to) {
            let Some(close) = self.find(start, "}}").filter(|&i| i < to) else { return };
            at = close + 2;
            match variable::read(&self.text[start + 2..close]) {
                Ok(form) => self.slots.push(Slot { start, end: at, form, quoted: true }),
                Err(misuse @ Misuse::Filter(_)) => self.problems.push(misuse.problem(start)),
                // The braces that belong together are the inner ones.
                Err(Misuse::Name(_)) if self.text[start + 2..close].contains("{{") => at = start + 1,
                Err(misuse @ Misuse::Name(_)) if misuse.is_slip() => self.problems.push(misuse.problem(from)),
                Err(Misuse::Name(_)) => at = start + 1,
            }
        }
    }
}

/// Letters, `_`, and everything beyond ASCII: what a name can begin with.
fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, dialect: Dialect) -> Vec<String> {
        let scan = Scan::new(text, dialect);
        assert!(scan.problems.is_empty(), "{text}: {:?}", scan.problems);
        scan.tokens.iter().map(|t| scan.of(t).to_owned()).collect()
    }

    #[test]
    fn strings_end_where_the_server_ends_them() {
        use Dialect::{Postgres, Redshift, Sqlite};
        assert_eq!(words("'a''b'c", Postgres), ["'a''b'", "c"]);
        assert_eq!(words(r"'a\' b '", Redshift), [r"'a\' b '"]);
        assert_eq!(words(r"'a\' b", Postgres), [r"'a\'", "b"]);
        assert_eq!(words(r"E'a\' b'", Postgres), [r"E'a\' b'"]);
        assert_eq!(words("e'a'\n 'b\\' c' d", Postgres), ["e'a'\n 'b\\' c'", "d"]);
        assert_eq!(words("e'a' 'b\\' c", Postgres), ["e'a'", r"'b\'", "c"]);
        assert_eq!(words("$x$ ' $$ $x$ a$b$", Postgres), ["$x$ ' $$ $x$", "a$b$"]);
        assert_eq!(words("$1 $$;$$", Redshift), ["$1", "$$;$$"]);
        assert_eq!(words("[a'b] `c'd` \"e'\"\"f\"", Sqlite), ["[a'b]", "`c'd`", "\"e'\"\"f\""]);
        assert_eq!(words("a[0]", Redshift), ["a", "[", "0", "]"]);
    }

    #[test]
    fn unicode_escapes_belong_to_their_name_or_string() {
        use Dialect::{Postgres, Redshift, Sqlite};
        assert_eq!(words(r#"U&"\0061" u&'\' b"#, Postgres), [r#"U&"\0061""#, r"u&'\'", "b"]);
        assert_eq!(words("U&\"!0061\"/**/UESCAPE -- '\n'!'(1)", Postgres)[1..], ["(", "1", ")"]);
        assert_eq!(words(r"u&'\' b '", Redshift), [r"u&'\' b '"]);
        assert_eq!(words("xu&\"a\"", Postgres), ["xu", "&", "\"a\""]);
        assert_eq!(words("u&\"a\"", Sqlite), ["u", "&", "\"a\""]);
        let scan = Scan::new(r#"U&"a" UESCAPE E'\041'(1)"#, Postgres);
        assert_eq!(scan.problems.len(), 1, "{:?}", scan.problems);
    }

    #[test]
    fn comments_end_where_the_server_ends_them() {
        use Dialect::{Postgres, Sqlite};
        assert_eq!(words("a /* b /* c */ d */ e", Postgres), ["a", "e"]);
        assert_eq!(words("a /* b /* c */ d", Sqlite), ["a", "d"]);
        assert_eq!(words("a -- ' \r b", Postgres), ["a", "b"]);
        assert_eq!(words("a -- ' \r b", Sqlite), ["a"]);
        assert_eq!(words("a /*/ b */ c", Postgres), ["a", "c"]);
    }

    #[test]
    fn a_number_does_not_swallow_the_word_behind_it() {
        assert_eq!(
            words("1.INTO 2e5x 3ex .5 a.b", Dialect::Redshift),
            ["1.", "INTO", "2e5", "x", "3", "ex", ".5", "a", ".", "b"]
        );
    }
}
