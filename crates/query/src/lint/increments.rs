//! What keeps a query from reading exactly what is new: Q006, Q104, Q202.

use outflow_core::Code;

use super::{Finding, Lint};
use crate::reading;
use crate::scan::Scan;

/// What the words show without any structure.
pub(super) fn text(scan: &Scan<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if scan.slots.is_empty() {
        let (start, end) = scan.tokens.first().map_or((0, 0), |t| (t.start, t.end));
        let help = "compare a column with {{last_sync_time}}, so that a run reads only what is new: \
                    `WHERE updated_at >= {{last_sync_time | timestamp}}`";
        found.push(Finding::new(
            Code::QueryNotIncremental,
            start,
            end,
            "the query reads every row in every run",
            help,
        ));
    }
    for token in reading::trailing_semicolons(&scan.tokens) {
        let finding = Finding::new(
            Code::TrailingSemicolon,
            token.start,
            token.end,
            "the query ends with a semicolon, which is not sent to the database",
            "leave it or take it away: it changes nothing",
        );
        found.push(finding.fixed_by(token.start, token.end, String::new()));
    }
    found
}

/// ORDER BY and LIMIT at the end of a query that reads what is new.
pub(super) fn limits(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let Some(last) = outline.last().filter(|_| !outline.scan.slots.is_empty()) else { return Vec::new() };
    let ascending = |order: &std::ops::Range<usize>| !outline.own(order).any(|i| outline.is(i, "DESC"));
    let mut limits = last.limits.clone();
    limits.extend(outline.main().filter(|m| m.at == last.at).and_then(|m| m.top.clone()));
    // DISTINCT ON takes the first row of each key in this order: it is needed.
    let orders_distinct = outline.is(last.at + 1, "DISTINCT") && outline.is(last.at + 2, "ON");
    if let Some(order) = last.order.as_ref().filter(|_| !orders_distinct) {
        // In the order of the cursor, the next run goes on where the limit cut this one off.
        if lint.context.cursor.is_some() && ascending(order) {
            return Vec::new();
        }
        if limits.is_empty() {
            let help = "leave it out unless one person has several rows whose order counts: calls are sent in the order of the rows";
            let message = "ORDER BY makes the database sort all rows before the first one is sent";
            return vec![lint.at(order.start..order.start + 2, Code::OrderOrLimit, message, help)];
        }
    }
    limits.sort_by_key(|l| l.start);
    limits
        .into_iter()
        .map(|limit| {
            let word = outline.text(limit.start).to_ascii_uppercase();
            let message = format!(
                "{word} cuts the result off, and last_sync_time moves on all the same: the rows beyond are never read"
            );
            let help = "take it away; a preview and a run with a limit read fewer rows without moving last_sync_time";
            lint.at(limit, Code::OrderOrLimit, message, help)
        })
        .collect()
}
