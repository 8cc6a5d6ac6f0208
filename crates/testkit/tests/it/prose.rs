//! The language of comments and documents: no word of `words.txt`, and no line over 100 columns.
//!
//! Code, tables and lines that cannot be broken are left out. What is checked is listed in
//! [`COVERED`]: one line for each file or folder.

use std::path::Path;

use crate::tidy::files;

/// Files and folders whose text is checked.
const COVERED: &[&str] = &[
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "README.md",
    "bench",
    "crates",
    "destinations",
    "docs",
    "examples",
    "package",
    "rust-toolchain.toml",
    "test",
];

/// The widest line of a comment or a document.
const COLUMNS: usize = 100;

/// How a file marks its text.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Markdown,
    Rust,
    /// Comments begin with `#`: scripts, TOML, YAML.
    Hash,
    /// Comments begin with `--`.
    Sql,
}

impl Kind {
    fn of(path: &Path, text: &str) -> Option<Self> {
        match path.extension().and_then(|kind| kind.to_str()) {
            Some("md") => Some(Self::Markdown),
            Some("rs") => Some(Self::Rust),
            Some("sql") => Some(Self::Sql),
            Some("py" | "toml" | "yaml" | "sh") => Some(Self::Hash),
            _ => text.starts_with("#!").then_some(Self::Hash),
        }
    }

    /// The text of a line without its mark, or nothing if the line is code.
    fn text(self, line: &str) -> Option<&str> {
        let line = line.trim_start();
        match self {
            Self::Markdown => Some(line),
            Self::Rust => line.strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!'])),
            Self::Hash => line.strip_prefix('#').filter(|rest| !rest.starts_with('!')),
            Self::Sql => line.strip_prefix("--"),
        }
    }
}

/// Lines of text with their numbers, without code blocks and tables. A line of code counts as
/// empty, so that no phrase goes over it.
fn lines(kind: Kind, text: &str) -> Vec<(usize, &str, String)> {
    let (mut found, mut fenced, mut empty_before) = (Vec::new(), false, true);
    for (number, line) in text.lines().enumerate() {
        let prose = kind.text(line).unwrap_or_default();
        let fence = prose.trim_start().starts_with("```");
        fenced ^= fence;
        // Four blanks behind an empty line, or below such a block, are code in Markdown.
        let indented = kind == Kind::Markdown && line.starts_with("    ") && empty_before;
        empty_before = line.trim().is_empty() || indented;
        let read = !(fence || fenced || indented);
        found.push((number + 1, line, if read { without_code(prose) } else { String::new() }));
    }
    found
}

/// A line of text, in lower case, without what is in backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`").trim().to_lowercase()
}

fn is_table(text: &str) -> bool {
    text.starts_with('|')
}

/// A word that is longer than the line allows cannot be broken.
fn can_be_broken(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    longest + 12 < COLUMNS
}

/// The word list: what is not written, and what is written in its place.
fn words() -> Vec<(&'static str, &'static str)> {
    let entries = include_str!("words.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries.map(|line| line.split_once(" = ").expect("WORD = WHAT TO WRITE")).collect()
}

/// Whether `word` stands in `text` as a whole word that begins before `end`.
fn has(text: &str, word: &str, end: usize) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '\'';
    text.match_indices(word).any(|(at, _)| {
        at < end && !text[..at].ends_with(is_letter) && !text[at + word.len()..].starts_with(is_letter)
    })
}

/// Everything wrong with a file.
fn problems(path: &str, kind: Kind, text: &str) -> Vec<String> {
    let (lines, words) = (lines(kind, text), words());
    let mut found = Vec::new();
    for (i, (number, line, prose)) in lines.iter().enumerate() {
        if prose.is_empty() {
            continue;
        }
        let width = line.chars().count();
        if width > COLUMNS && !is_table(prose) && can_be_broken(line) {
            found.push(format!("{path}:{number} has {width} columns, more than {COLUMNS}"));
        }
        let next = lines.get(i + 1).map_or("", |(_, _, next)| next.as_str());
        let both = format!("{prose} {next}");
        for (word, instead) in words.iter().filter(|(word, _)| has(&both, word, prose.len())) {
            found.push(format!("{path}:{number} says {word:?}: write {instead}"));
        }
    }
    found
}

#[test]
fn text_is_plain_and_fits_its_lines() {
    let files = files();
    let mut found = Vec::new();
    for covered in COVERED {
        let mut read = 0;
        for (path, text) in files.iter().filter(|(path, _)| path.starts_with(covered)) {
            if let Some(kind) = Kind::of(path, text) {
                read += 1;
                found.extend(problems(&path.display().to_string(), kind, text));
            }
        }
        assert!(read > 0, "{covered} has no text: the list names something that is not there");
    }
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_check_finds_words_and_long_lines_and_leaves_code_alone() {
    let long = "word ".repeat(30);
    let check = |kind, text: &str| problems("f", kind, text).len();
    let (a, b) = ("under", "way");
    for (kind, mark) in [(Kind::Markdown, ""), (Kind::Rust, "/// "), (Kind::Hash, "# "), (Kind::Sql, "-- ")] {
        assert_eq!(check(kind, &format!("{mark}It is Under Way.\n{mark}{a}\n{mark}{b}\n{mark}{long}")), 3);
        assert_eq!(check(kind, &format!("{mark}`{a} {b}` {a} {b}s {mark}| {a} | {b} |")), 0);
        assert_eq!(check(kind, &format!("{mark}```\n{mark}{a} {b} {long}\n{mark}```\n{mark}{a} {b}")), 1);
        assert_eq!(check(kind, &format!("{mark}| {long} |\n{mark}https://{}", long.replace(' ', "/"))), 0);
    }
    assert_eq!(check(Kind::Rust, &format!("let x = \"{a} {b} {long}\";")), 0);
    assert_eq!(check(Kind::Rust, &format!("// {a}\nlet x = 1;\n// {b}")), 0);
    assert_eq!(check(Kind::Markdown, &format!("Text:\n\n    {a} {b} {long}\n")), 0);
}
