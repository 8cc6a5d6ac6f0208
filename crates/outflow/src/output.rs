//! Printing: documents and tables on stdout, messages on stderr. A closed pipe is no error.
//!
//! What always holds: nothing that is printed steers a terminal, whoever wrote it (a row, a
//! column's name, a server, a destination). All that goes out passes [`harmless`], or
//! [`json_printable`] if it is a document on a terminal.

mod stream;
mod table;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use outflow_core::{Error, Severity, Timestamp, json_printable, steers_terminal};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Color, Common, Output};
use crate::hints;
pub use stream::{Stream, pages};
pub use table::table;

/// How and where to print.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    output: Output,
    quiet: bool,
    verbose: bool,
    color: bool,
    color_text: bool,
    /// What is printed is read as a log: it has no words of servers and services.
    is_log: bool,
}

/// The colours in use.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    Red,
    Green,
    Yellow,
    Dim,
    Bold,
}

impl Printer {
    /// A printer as the options say.
    pub fn new(common: &Common) -> Self {
        let color = match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
            }
        };
        let color_text = common.color == Color::Always || io::stdout().is_terminal();
        Self {
            output: common.output,
            quiet: common.quiet,
            verbose: common.verbose,
            color,
            color_text,
            is_log: false,
        }
    }

    /// The same for a command whose stderr is a log.
    #[must_use]
    pub fn into_log(self) -> Self {
        Self { is_log: true, ..self }
    }

    /// Whether people read what comes out.
    pub fn is_table(&self) -> bool {
        self.output == Output::Table
    }

    /// Whether each document is to be printed as soon as it is there.
    pub fn is_ndjson(&self) -> bool {
        self.output == Output::Ndjson
    }

    /// Whether machines read what comes out.
    pub fn is_machine(&self) -> bool {
        matches!(self.output, Output::Json | Output::Ndjson)
    }

    /// Whether progress is wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a document in the requested form; `table` makes the one for people.
    pub fn document<T: Serialize>(&self, document: &T, table: impl FnOnce(&T) -> String) {
        let text = match self.output {
            Output::Table => table(document),
            Output::Json => serde_json::to_string_pretty(document).unwrap_or_default() + "\n",
            Output::Ndjson => serde_json::to_string(document).unwrap_or_default() + "\n",
            Output::Yaml => yaml(&serde_json::to_value(document).unwrap_or_default()),
        };
        self.text(&text);
    }

    /// Prints text on stdout. A document that goes into a file or a pipe stays as it is.
    pub fn text(&self, text: &str) {
        let text = match self.output {
            Output::Table => harmless(text),
            _ if !io::stdout().is_terminal() => Cow::Borrowed(text),
            Output::Json | Output::Ndjson => json_printable(text),
            Output::Yaml => harmless(text),
        };
        // The reader of a pipe may have had enough.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Empties the terminal, where it is one: the one text of ours that steers it.
    pub fn clear(&self, sequence: &'static str) {
        let _ = io::stdout().lock().write_all(sequence.as_bytes());
    }

    /// A line on stderr for people, unless `--quiet` is set.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{}", harmless(line));
        }
    }

    /// A finding beside the result, unless `--quiet` is set.
    pub fn notice(&self, finding: &Error) {
        if !self.quiet {
            self.error(finding);
        }
    }

    /// An error, in the form of a compiler's: code and sentence, place, help, page. A note asks for
    /// nothing, and is one line.
    pub fn error(&self, error: &Error) {
        let severity = error.code().severity();
        let paint = match severity {
            Severity::Error => Paint::Red,
            Severity::Warning => Paint::Yellow,
            Severity::Note => Paint::Dim,
        };
        let head = self.paint(paint, &format!("{}[{}]", severity.name(), error.code()));
        let full = error.full_message();
        let message = if self.is_log { error.message() } else { full.reveal() };
        if severity == Severity::Note && !self.verbose {
            let place = error.place().map(|place| format!(" ({})", plain(place))).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{}", harmless(&format!("{head}: {message}{place}")));
            return;
        }
        let mut text = format!("{head}: {message}\n");
        if let Some(place) = error.place() {
            text += &format!("  --> {}\n", plain(place));
        }
        if let Some(help) = error.help_text() {
            text +=
                &format!("  {} {}\n", self.paint(Paint::Green, "help:"), help.replace('\n', "\n        "));
        }
        let steps: Vec<String> = error.next_steps().iter().map(hints::of_step).collect();
        let known = hints::of_code(error.code(), error.message()).map(str::to_owned);
        let next: Vec<String> = steps.into_iter().chain(known).collect();
        if !next.is_empty() {
            text += &format!("  {} {}\n", self.paint(Paint::Green, "next:"), next.join("; "));
        }
        if self.verbose && self.is_log {
            for cause in error.loggable_causes() {
                text += &format!("  {} {cause}\n", self.paint(Paint::Dim, "cause:"));
            }
        } else if self.verbose {
            let mut cause = std::error::Error::source(error);
            while let Some(e) = cause {
                text += &format!("  {} {e}\n", self.paint(Paint::Dim, "cause:"));
                cause = e.source();
            }
        }
        text += &self.paint(Paint::Dim, &format!("  more: outflow explain {}", error.code()));
        let _ = writeln!(io::stderr().lock(), "{}", harmless(&text));
    }

    /// As [`Printer::paint`], for stdout: what goes into a file or a pipe has no colours, unless
    /// they were asked for.
    pub fn paint_text(&self, paint: Paint, text: &str) -> String {
        if self.color_text { self.paint(paint, text) } else { text.to_owned() }
    }

    /// Colours a text, if colours are on.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Red => "1;31",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Dim => "2",
            Paint::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// A number of things: `1 row`, `2,000 rows`.
pub fn counted(n: u64, thing: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {thing}{s}", count(n))
}

/// A name or a value on one line, which cannot steer a terminal.
pub use outflow_core::printable as plain;

/// The colours of [`Printer::paint`], which change nothing but colours.
const COLOURS: [&str; 6] = ["[1;31m", "[32m", "[33m", "[2m", "[1m", "[0m"];

/// Lines of text that cannot steer a terminal: what would is replaced, save the ends of lines and
/// our own colours.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && steers_terminal(c)) {
        return Cow::Borrowed(text);
    }
    let is_colour = |rest: &str| COLOURS.iter().any(|colour| rest.starts_with(colour));
    let shown = |(at, c): (usize, char)| match c {
        '\n' => c,
        '\x1b' if is_colour(&text[at + 1..]) => c,
        _ if steers_terminal(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    Cow::Owned(text.char_indices().map(shown).collect())
}

/// At most `n` characters.
pub fn short(text: &str, n: usize) -> String {
    match text.char_indices().nth(n) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn yaml(value: &Value) -> String {
    let mut text = String::new();
    let node = to_yaml(value);
    if saphyr::YamlEmitter::new(&mut text).dump(&node).is_err() {
        return String::new();
    }
    text + "\n"
}

fn to_yaml(value: &Value) -> saphyr::Yaml<'static> {
    use saphyr::{Mapping, Scalar, Yaml};
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(b) => Yaml::Value(Scalar::Boolean(*b)),
        Value::Number(n) => match n.as_i64() {
            Some(i) => Yaml::Value(Scalar::Integer(i)),
            None => Yaml::Value(Scalar::FloatingPoint(n.as_f64().unwrap_or_default().into())),
        },
        Value::String(s) => Yaml::Value(Scalar::String(s.clone().into())),
        Value::Array(items) => Yaml::Sequence(items.iter().map(to_yaml).collect()),
        Value::Object(members) => {
            let mut map = Mapping::new();
            for (key, member) in members {
                map.insert(Yaml::Value(Scalar::String(key.clone().into())), to_yaml(member));
            }
            Yaml::Mapping(map)
        }
    }
}

/// A time for people.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A value of `last_sync_time`: Unix seconds with the time that they stand for, anything else as it
/// is.
pub fn instant(value: &str) -> String {
    // A smaller number is a counter.
    const SECONDS: std::ops::Range<i64> = 100_000_000..100_000_000_000;
    let seconds = value.parse().ok().filter(|seconds| SECONDS.contains(seconds));
    match seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(at) => format!("{} ({value})", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_steers_no_terminal_and_our_colours_stay() {
        let hostile = "\x1b[1;31merror\x1b[0m: a\x1b[2J\x1b]0;title\x07\r\nb\u{9b}2J\u{202e}c\n";
        let expected =
            "\x1b[1;31merror\x1b[0m: a\u{fffd}[2J\u{fffd}]0;title\u{fffd}\u{fffd}\nb\u{fffd}2J\u{fffd}c\n";
        assert_eq!(harmless(hostile), expected);
        let names = ["ev\x1b[31mil", "two\nlines"];
        assert_eq!(table(&names, &[]), "ev\u{fffd}[31mil  two\u{fffd}lines\n");
    }

    #[test]
    fn one_is_no_plural_and_a_time_is_readable() {
        assert_eq!(
            [counted(1, "row"), counted(0, "row"), counted(2_000, "call")],
            ["1 row", "0 rows", "2,000 calls"]
        );
        let shown = ["1795716936", "0", "4711", "2026-01-31 10:00:00"].map(instant);
        assert_eq!(shown, ["2026-11-26T18:15:36Z (1795716936)", "0", "4711", "2026-01-31 10:00:00"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
