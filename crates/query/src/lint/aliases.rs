//! Findings about names and values that SQL reads otherwise than a person does: Q130, Q206.

use outflow_core::Code;

use super::{Finding, Lint};
use crate::outline::Name;
use crate::scan::Kind;

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = nulls(lint);
    found.extend(aliases(lint));
    found
}

/// `= NULL`
fn nulls(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let mut found = Vec::new();
    for i in 1..outline.scan.tokens.len() {
        if !outline.is(i, "NULL") || !outline.is_free_word(i) {
            continue;
        }
        let is_operator = |i: &usize| b"<>=!:~*+-/%&|^#@".iter().any(|s| outline.is_symbol(*i, *s));
        let Some(first) = (0..i).rev().take_while(is_operator).last().filter(|first| *first > 0) else {
            continue;
        };
        let (start, end) = outline.span(&(first..i));
        let with = match &lint.text()[start..end] {
            "=" | "==" => "IS NULL",
            "<>" | "!=" => "IS NOT NULL",
            _ => continue,
        };
        let message = "a comparison with NULL is never true, not even where the value is NULL";
        let finding =
            lint.at(first..i + 1, Code::ComparedWithNull, message, "ask with IS NULL or IS NOT NULL");
        // `plan=NULL` has no blank of its own.
        let blank = if lint.text()[..start].ends_with(char::is_whitespace) { "" } else { " " };
        found.push(finding.fixed_by(start, outline.span(&(i..i + 1)).1, format!("{blank}{with}")));
    }
    found
}

/// `email plan`, where a comma may be missing: other columns of the list have AS, or the two stand
/// in two lines.
fn aliases(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let items = lint.output.map_or(&[][..], |select| &select.items);
    let has_as = |alias: usize| alias.checked_sub(1).is_some_and(|i| outline.is(i, "AS"));
    let others = lint.names.iter().any(|name| matches!(name, Name::Alias(alias) if has_as(*alias)));
    let mut found = Vec::new();
    for (item, name) in items.iter().zip(&lint.names) {
        let Name::Alias(alias) = *name else { continue };
        let column = item.start..alias;
        if has_as(alias) || !outline.is_path(&column) {
            continue;
        }
        let is_word = |i: usize| outline.token(i).is_some_and(|token| token.kind == Kind::Word);
        let (before, after) = (outline.span(&column).1, outline.span(&(alias..alias + 1)).0);
        let in_two_lines = lint.text()[before..after].contains('\n');
        let (from, to) = (outline.name(alias - 1), outline.name(alias));
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "");
        let (short, long) = (plain(&from), plain(&to));
        // One of them says more of the same.
        let is_alike = long.contains(&short) || short.contains(&long);
        if !is_word(alias) || is_alike || !(others || in_two_lines) {
            continue;
        }
        let message = format!("{from} is sent as {to}; if both are columns, a comma is missing between them");
        let help =
            format!("write {from}, {to} for two columns, or {from} AS {to} for one under another name");
        found.push(lint.at(alias..alias + 1, Code::AliasWithoutAs, message, &help));
    }
    found
}
