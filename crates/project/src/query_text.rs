//! The text of a sync's query, as its author sees it.
//!
//! What always holds: what runs is what stands in the file. A text that YAML joins out of several
//! lines is refused where that makes another query of it. What it does not do: read SQL, which
//! `outflow_query` does.

use outflow_core::{Code, Dialect};
use outflow_query::Query;

use super::Problems;
use super::document::{read_text, unreadable};
use super::tree::Node;

/// The cure for everything that YAML does to a text.
const BLOCK: &str = "write the query as a block that keeps its lines, query: | and the text below it, or into a file: { file: NAME.sql }";

/// The text of the query, checked as far as its dialect is known.
pub(super) fn read(
    sync: &str,
    node: &Node,
    dialect: Option<Dialect>,
    problems: &mut Problems,
) -> Option<String> {
    let (text, place, shown) = match node.text() {
        Some(text) => (text.to_owned(), &node.place, node.place.to_string()),
        None => {
            let file = node.get("file")?;
            let (named, path) = (file.text()?, file.path()?);
            match read_text(&path) {
                Ok(text) => (text, &file.place, file.place.shown_path(named)),
                Err(error) => {
                    problems.add_error(&file.place, unreadable(error, &file.place));
                    return None;
                }
            }
        }
    };
    let Some(dialect) = dialect else { return Some(text) };
    if let Some(message) = changed(node, &text, dialect) {
        problems.add(place, Code::QueryTextChanged, message, BLOCK);
    } else if let Err(errors) = Query::parse(&text, dialect) {
        for error in errors {
            let within = error.place().unwrap_or_default();
            let shown = format!("{shown}: {within}");
            problems.add_error(place, error.at(shown).of_sync(sync));
        }
    }
    Some(text)
}

/// What YAML has made another text of.
fn changed(node: &Node, text: &str, dialect: Dialect) -> Option<String> {
    let written = &node.written;
    if let Some(comment) = &written.comment {
        let comment: String = comment.chars().take(60).collect();
        return Some(format!("YAML takes {comment:?} for a comment: it does not belong to the query"));
    }
    if let Some(escape) = &written.escape {
        return Some(format!(
            "in double quotes, YAML makes one character of {escape}, which the query then holds in its place"
        ));
    }
    if written.joined.is_empty() {
        return None;
    }
    // A part that stands in no line as it is was made of several.
    let parts = Query::line_parts(text, dialect);
    let part = parts.into_iter().map(|part| &text[part]);
    let mut joined = part.filter(|part| !written.joined.iter().any(|line| line.contains(part.trim_end())));
    let part = joined.next()?;
    let shown: String = part.chars().take(60).collect();
    Some(match part.starts_with("--") {
        true => {
            format!("YAML joins the lines of the query, and the comment {shown:?} swallows what follows it")
        }
        false => format!("YAML joins the lines of the query, and changes {shown:?}"),
    })
}
