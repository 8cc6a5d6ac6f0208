//! Findings about `last_sync_time` where it does not do what it looks like, and about templates
//! that nothing replaces: Q123, Q125, Q128. What is a slip for certain is the error Q003.

use outflow_core::Code;

use super::{Finding, Lint};
use crate::scan::Kind;
use crate::variable::NAME;

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = in_result(lint);
    found.extend(without_braces(lint));
    found.extend(templates(lint));
    found
}

/// The variable as a value of the result. A condition gives the same as long as the time makes no
/// difference to it.
fn in_result(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let Some(select) = lint.output else { return Vec::new() };
    let mut found = Vec::new();
    for item in &select.items {
        if item.clone().any(|i| super::decides(outline, i)) {
            continue;
        }
        let has_slot = |i: &usize| {
            outline
                .token(*i)
                .is_some_and(|t| outline.scan.slots.iter().any(|s| s.start >= t.start && s.end <= t.end))
        };
        let Some(at) = item.clone().find(has_slot) else { continue };
        let message =
            "last_sync_time is another one in every run, so that rows which did not change are sent again";
        let help = "leave it out of the select list; a call has its time without it";
        found.push(lint.at(at..at + 1, Code::VariableInResult, message, help));
    }
    found
}

/// `last_sync_time` as a column, in a query that does not use the variable.
fn without_braces(lint: &Lint<'_>) -> Option<Finding> {
    let outline = lint.outline;
    if !outline.scan.slots.is_empty() {
        return None;
    }
    let is_meant = |i: &usize| {
        outline.is_free_word(*i)
            && outline.text(*i).eq_ignore_ascii_case(NAME)
            && !outline.is_symbol(i + 1, b'.')
            && !outline.is_symbol(i + 1, b'(')
    };
    let tokens = 0..outline.scan.tokens.len();
    let is_defined = tokens.clone().any(|i| {
        outline.name(i).eq_ignore_ascii_case(NAME) && i.checked_sub(1).is_some_and(|b| outline.is(b, "AS"))
    });
    let at = tokens.into_iter().find(is_meant).filter(|_| !is_defined)?;
    let message = "last_sync_time is a column here, not the variable";
    let help = "write {{last_sync_time}} if the variable is meant";
    let (start, end) = outline.span(&(at..at + 1));
    Some(lint.at(at..at + 1, Code::VariableWithoutBraces, message, help).fixed_by(
        start,
        end,
        format!("{{{{{NAME}}}}}"),
    ))
}

/// Strings of nothing but a template, outside the select list: they decide which rows are read.
fn templates(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let listed = |i: usize| outline.selects.iter().any(|s| s.items.iter().any(|item| item.contains(&i)));
    let mut found = Vec::new();
    for (i, token) in outline.scan.tokens.iter().enumerate() {
        if token.kind != Kind::Literal || listed(i) {
            continue;
        }
        let inner = outline.text(i).trim_matches('\'').trim();
        let whole = |open: &str, close: &str| {
            inner
                .strip_prefix(open)
                .is_some_and(|rest| rest.find(close) == Some(rest.len() - close.len().min(rest.len())))
        };
        let has_slot = outline.scan.slots.iter().any(|s| s.start >= token.start && s.end <= token.end);
        if has_slot || !(whole("{{", "}}") || whole("${", "}") || whole("{%", "%}") || whole("#{", "}")) {
            continue;
        }
        let message = "the string looks like a template of another tool, and nothing is put in its place";
        let help = "write the value itself; for the time of the last run there is '{{last_sync_time | timestamp}}'; \
                    leave it if the table really holds this text";
        found.push(lint.at(i..i + 1, Code::TemplateInString, message, help));
    }
    found
}
