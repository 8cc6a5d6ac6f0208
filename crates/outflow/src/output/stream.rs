//! Printing a document whose last part is a list, entry by entry: a list of any length takes the
//! memory of one entry.
//!
//! What always holds: the bytes are those that [`Printer::document`] prints of the whole document.

use outflow_core::Error;
use serde::Serialize;

use super::{Printer, yaml};
use crate::cli::Output;

/// A document on its way out, in one of the forms for machines.
pub struct Stream {
    printer: Printer,
    /// The text before the list, with the list's key and without its bracket.
    head: String,
    /// The key of the list; `None`: the document is the list.
    key: Option<&'static str>,
    entries: u64,
    /// What was not printed yet.
    pending: String,
}

/// This much is printed at once.
const PIECE: usize = 64 << 10;

impl Stream {
    /// A document that is a list.
    pub fn list(printer: Printer) -> Self {
        Self { printer, head: String::new(), key: None, entries: 0, pending: String::new() }
    }

    /// A document whose last part is a list under this key. `head` is all else, an object with at
    /// least one member.
    pub fn object(printer: Printer, head: &impl Serialize, key: &'static str) -> Self {
        let head = match printer.output {
            Output::Yaml => yaml(&serde_json::to_value(head).unwrap_or_default()) + key + ":",
            _ => {
                let text = serde_json::to_string_pretty(head).unwrap_or_default();
                format!("{},\n  \"{key}\": ", text.strip_suffix("\n}").unwrap_or(&text))
            }
        };
        Self { printer, head, key: Some(key), entries: 0, pending: String::new() }
    }

    /// Prints an entry, behind the document's begin if it is the first one.
    pub fn entry(&mut self, entry: &impl Serialize) {
        let text = self.text_of(entry);
        self.pending += &text;
        if self.pending.len() >= PIECE {
            self.printer.text(&std::mem::take(&mut self.pending));
        }
    }

    fn text_of(&mut self, entry: &impl Serialize) -> String {
        let is_first = self.entries == 0;
        self.entries += 1;
        match self.printer.output {
            Output::Ndjson => serde_json::to_string(entry).unwrap_or_default() + "\n",
            Output::Yaml => {
                let one = serde_json::json!([serde_json::to_value(entry).unwrap_or_default()]);
                match self.key {
                    None if is_first => yaml(&one),
                    None => without_first_lines(&yaml(&one), 1).to_owned(),
                    Some(key) => {
                        let text = yaml(&serde_json::json!({ key: one }));
                        let entry = without_first_lines(&text, 2);
                        if is_first { format!("{}\n{entry}", self.head) } else { entry.to_owned() }
                    }
                }
            }
            Output::Table | Output::Json => {
                let indent = if self.key.is_some() { "    " } else { "  " };
                let text = serde_json::to_string_pretty(entry).unwrap_or_default();
                // A string of JSON holds no end of a line.
                let text = text.replace('\n', &format!("\n{indent}"));
                let begin = if is_first { format!("{}[", self.head) } else { ",".to_owned() };
                format!("{begin}\n{indent}{text}")
            }
        }
    }

    /// Prints the document's end.
    pub fn end(self) {
        self.printer.text(&(self.pending.clone() + &self.closing()));
    }

    fn closing(&self) -> String {
        let indent = if self.key.is_some() { "  " } else { "" };
        let close = if self.key.is_some() { "\n}\n" } else { "\n" };
        match (self.printer.output, self.entries) {
            (Output::Ndjson, _) => String::new(),
            (Output::Yaml, 0) if self.key.is_none() => yaml(&serde_json::json!([])),
            (Output::Yaml, 0) => format!("{} []\n", self.head),
            (Output::Yaml, _) => String::new(),
            (_, 0) => format!("{}[]{close}", self.head),
            _ => format!("\n{indent}]{close}"),
        }
    }
}

/// Prints a list that comes page by page, in bounded memory. An empty page is its end. For people
/// it is several tables, if it is long: the widths of columns are those of a page.
///
/// # Errors
/// Why a page cannot be read.
pub async fn pages<T: Serialize>(
    printer: Printer,
    mut next: impl AsyncFnMut() -> Result<Vec<T>, Error>,
    people: impl Fn(&[T]) -> String,
) -> Result<(), Error> {
    let (mut stream, mut is_first) = (Stream::list(printer), true);
    loop {
        let page = next().await?;
        if printer.is_table() && (is_first || !page.is_empty()) {
            printer.text(&people(&page));
        }
        if page.is_empty() {
            break;
        }
        is_first = false;
        if !printer.is_table() {
            page.iter().for_each(|entry| stream.entry(entry));
        }
    }
    if !printer.is_table() {
        stream.end();
    }
    Ok(())
}

fn without_first_lines(text: &str, lines: usize) -> &str {
    text.splitn(lines + 1, '\n').nth(lines).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn entry_by_entry_gives_the_bytes_of_the_whole() {
        let all =
            [json!({ "a": "one\ntwo", "b": [1, { "c": null }] }), json!("text: # x"), json!([]), json!({})];
        for output in [Output::Json, Output::Yaml] {
            let printer = Printer {
                output,
                quiet: true,
                verbose: false,
                color: false,
                color_text: false,
                is_log: false,
            };
            for n in 0..=all.len() {
                let entries = &all[..n];
                let head = json!({ "version": 2, "list": [1, { "x": "y" }] });
                let mut whole = head.clone();
                whole["rows"] = Value::Array(entries.to_vec());
                for (mut stream, whole) in [
                    (Stream::object(printer, &head, "rows"), whole),
                    (Stream::list(printer), Value::Array(entries.to_vec())),
                ] {
                    let mut text: String = entries.iter().map(|entry| stream.text_of(entry)).collect();
                    text += &stream.closing();
                    let expected = match output {
                        Output::Yaml => yaml(&whole),
                        _ => serde_json::to_string_pretty(&whole).unwrap() + "\n",
                    };
                    assert_eq!(text, expected, "{output:?} {n}");
                }
            }
        }
    }
}
