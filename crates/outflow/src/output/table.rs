//! Tables for people.
//!
//! What always holds: on a terminal no line is wider than it is, and no cell loses a character.
//! What does not fit is broken between words, below its heading; what does not fit even so is
//! printed row by row, a line for each column. In a file or a pipe a row is one line.

use std::io::{self, IsTerminal as _};

use super::plain;

/// Between two columns.
const GAP: usize = 2;
/// A column of words is never narrower, where it has more to say.
const NARROWEST: usize = 16;

/// A table: columns padded to their widest cell, numbers to the right. Control characters are
/// shown, not sent to the terminal.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    within(width(), head, rows)
}

/// How wide a line may be: as `COLUMNS` says, or the terminal; anything goes into a file or a pipe.
fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|said| said.parse().ok());
    let seen = || {
        let terminal = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        terminal.map(|(width, _)| usize::from(width.0))
    };
    said.or_else(seen).filter(|width| *width > 0)
}

fn within(limit: Option<usize>, head: &[&str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Column> = head.iter().enumerate().map(|(i, head)| Column::of(head, i, rows)).collect();
    let fits = |columns: &[Column]| limit.is_none_or(|limit| total(columns) <= limit);
    if fits(&columns) {
        return lines(&columns, rows.len());
    }
    let mut columns: Vec<Column> = columns.into_iter().filter(|column| !column.is_empty()).collect();
    // Headings are broken before cells are.
    for limit_of in [Column::of_cells, Column::narrowest] {
        while !fits(&columns) {
            let widest = columns.iter_mut().filter(|c| c.width > limit_of(c)).max_by_key(|c| c.width);
            let Some(column) = widest else { break };
            column.width -= 1;
        }
    }
    if fits(&columns) { lines(&columns, rows.len()) } else { upright(&columns, rows.len()) }
}

struct Column {
    head: String,
    cells: Vec<String>,
    is_number: bool,
    width: usize,
    /// The longest word of the heading.
    word: usize,
    /// The widest cell.
    widest: usize,
}

impl Column {
    fn of(head: &str, i: usize, rows: &[Vec<String>]) -> Self {
        let head = plain(head);
        let cells: Vec<String> =
            rows.iter().map(|row| row.get(i).map(|c| plain(c)).unwrap_or_default()).collect();
        let is_number = !cells.is_empty() && cells.iter().all(|cell| is_number(cell));
        let widest = cells.iter().map(|c| length(c)).max().unwrap_or_default();
        let word = head.split(' ').map(length).max().unwrap_or_default();
        let width = widest.max(length(&head));
        Self { head, cells, is_number, width, word, widest }
    }

    /// The width at which no cell is broken.
    fn of_cells(&self) -> usize {
        self.word.max(self.widest)
    }

    /// The smallest width at which it can be read.
    fn narrowest(&self) -> usize {
        self.word.max(if self.is_number { self.widest } else { self.widest.min(NARROWEST) })
    }

    fn is_empty(&self) -> bool {
        !self.cells.is_empty() && self.cells.iter().all(String::is_empty)
    }
}

fn is_number(cell: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '%' | '-' | ' ' | 's');
    cell.starts_with(|c: char| c.is_ascii_digit()) && cell.chars().all(part)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn total(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.width + GAP).sum::<usize>().saturating_sub(GAP)
}

fn lines(columns: &[Column], rows: usize) -> String {
    let heads: Vec<&str> = columns.iter().map(|column| column.head.as_str()).collect();
    let mut text = row(columns, &heads);
    for n in 0..rows {
        let cells: Vec<&str> = columns.iter().map(|column| column.cells[n].as_str()).collect();
        text += &row(columns, &cells);
    }
    text
}

/// One row, of as many lines as its longest cell takes.
fn row(columns: &[Column], cells: &[&str]) -> String {
    let parts: Vec<Vec<String>> =
        columns.iter().zip(cells).map(|(column, cell)| broken(cell, column.width)).collect();
    let height = parts.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::new();
    for n in 0..height {
        let mut line = String::new();
        for (column, parts) in columns.iter().zip(&parts) {
            let part = parts.get(n).map(String::as_str).unwrap_or_default();
            let pad = " ".repeat(column.width.saturating_sub(length(part)));
            line += &if column.is_number { format!("{pad}{part}") } else { format!("{part}{pad}") };
            line += &" ".repeat(GAP);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A text in lines of this width: between words where it can be, within a word that is longer.
fn broken(text: &str, width: usize) -> Vec<String> {
    if length(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        let line = lines.last_mut().map(|line| (length(line), line));
        if let Some((used, line)) = line
            && used > 0
            && used + 1 + length(word) <= width
        {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        while length(word) > width {
            let at = word.char_indices().nth(width.max(1)).map_or(word.len(), |(at, _)| at);
            // Behind a sign within the word, unless hardly anything stands before it.
            let sign = word[..at].rfind(['_', '-', '/', '.', ':', ',']).map(|sign| sign + 1);
            let at = sign.filter(|sign| *sign * 2 >= at).unwrap_or(at);
            if let Some(line) = lines.last_mut() {
                line.push_str(&word[..at]);
            }
            lines.push(String::new());
            word = &word[at..];
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
}

/// Row by row, a line for each column that says something.
fn upright(columns: &[Column], rows: usize) -> String {
    let width = columns.iter().map(|column| length(&column.head)).max().unwrap_or_default();
    let mut text = String::new();
    for n in 0..rows {
        text += &format!("-- {} of {rows} --\n", n + 1);
        for column in columns.iter().filter(|column| !column.cells[n].is_empty()) {
            let pad = " ".repeat(width.saturating_sub(length(&column.head)));
            text += &format!("{}{pad}  {}\n", column.head, column.cells[n]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn tables_align_and_show_control_characters() {
        let rows = rows(&[&["a\x1b[2J", "1,234"], &["long name", "5"]]);
        let expected = "name        rows\na\u{fffd}[2J      1,234\nlong name      5\n";
        assert_eq!(within(None, &["name", "rows"], &rows), expected);
    }

    #[test]
    fn a_wide_table_is_broken_between_words_and_a_wider_one_is_upright() {
        let why = "D013 the destination refuses the key that it was given";
        let rows = rows(&[&["1", "users", "", why], &["12", "orders", "", ""]]);
        let head = ["run", "sync", "nothing here", "why"];
        let expected = "\
run  sync    why
  1  users   D013 the destination
             refuses the key that it
             was given
 12  orders
";
        assert_eq!(within(Some(36), &head, &rows), expected);
        let expected = "\
-- 1 of 2 --
run   1
sync  users
why   D013 the destination refuses the key that it was given
-- 2 of 2 --
run   12
sync  orders
";
        assert_eq!(within(Some(20), &head, &rows), expected);
        assert!(within(None, &head, &rows).starts_with("run  sync    nothing here  why\n"));
    }

    #[test]
    fn headings_are_broken_before_cells_are() {
        let rows = rows(&[&["3", "succeeded_with_rejected"]]);
        let expected = "    dead  state\n letters\n       3  succeeded_with_rejected\n";
        assert_eq!(within(Some(33), &["dead letters", "state"], &rows), expected);
    }

    #[test]
    fn a_long_word_is_broken_behind_a_sign_within_it() {
        assert_eq!(broken("succeeded_with_rejected", 21), ["succeeded_with_", "rejected"]);
        assert_eq!(broken("awaiting_approval", 16), ["awaiting_", "approval"]);
        assert_eq!(broken("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(broken("a-bcdefghij", 6), ["a-bcde", "fghij"]);
    }

    #[test]
    fn no_character_gets_lost_whatever_the_width() {
        let text = "one  two a-word-that-is-longer-than-the-column three";
        for width in 1..60 {
            let lines = broken(text, width);
            assert!(lines.iter().all(|line| length(line) <= width), "{width}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""), "{width}");
        }
    }
}
