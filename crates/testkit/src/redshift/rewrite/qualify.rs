//! QUALIFY: the query becomes one in FROM, whose last column says which rows stay.

use std::ops::Range;

use super::super::lexer::Kind;
use super::Rewriter;

/// What ends the condition of QUALIFY.
const BEHIND: &[&str] = &["order", "limit", "offset", "fetch", "union", "except", "intersect", "minus"];
/// What stands between FROM and QUALIFY, so that no alias is needed.
const BETWEEN: &[&str] = &["where", "group", "having", "join", "on"];

impl Rewriter<'_> {
    /// Rewrites a query with QUALIFY. `None`: there is none here, or the names of its columns are
    /// not known. PostgreSQL then refuses the word.
    pub(super) fn qualified(&self, range: Range<usize>) -> Option<String> {
        let own = self.own(range.clone());
        let is = |i: usize, word: &str| self.tokens.list[i].kind == Kind::Word && self.tokens.word(i) == word;
        let position = |word: &str, from: usize| own.iter().copied().find(|&i| i >= from && is(i, word));
        let qualify = position("qualify", range.start)?;
        let select = own.iter().copied().rfind(|&i| i < qualify && is(i, "select"))?;
        let from = position("from", select).filter(|from| *from < qualify)?;
        let end = own.iter().copied().find(|&i| i > qualify && BEHIND.iter().any(|word| is(i, word)));
        let end = end.unwrap_or(range.end);
        let first = self.tokens.solid(select + 1, from)?;
        if is(first, "distinct") || is(first, "top") || !self.has_alias(from + 1..qualify) {
            return None;
        }
        let items = self.tokens.split(select + 1..from, ",");
        let names: Option<Vec<String>> = items.into_iter().map(|item| self.name_of(item)).collect();
        let rewritten = |range| self.range(range);
        Some(format!(
            "{}SELECT {} FROM (SELECT {}\n, ({}\n) AS qualify__ {}\n) AS qualified__ WHERE qualify__ {}",
            rewritten(range.start..select),
            names?.join(", "),
            rewritten(select + 1..from),
            rewritten(qualify + 1..end),
            rewritten(from..qualify),
            rewritten(end..range.end),
        ))
    }

    /// The tokens outside of parentheses.
    fn own(&self, range: Range<usize>) -> Vec<usize> {
        let (mut own, mut index) = (Vec::new(), range.start);
        while let Some(solid) = self.tokens.solid(index, range.end) {
            own.push(solid);
            index = match self.tokens.text(solid) {
                "(" => self.tokens.closing(solid).min(range.end) + 1,
                _ => solid + 1,
            };
        }
        own
    }

    /// A table that QUALIFY follows has to have an alias (Developer Guide, "QUALIFY clause").
    fn has_alias(&self, from: Range<usize>) -> bool {
        let own = self.own(from);
        let is_bound = own.iter().any(|&i| BETWEEN.contains(&self.tokens.word(i).as_str()));
        let last = own.iter().rposition(|&i| self.tokens.text(i) == ",").map_or(0, |comma| comma + 1);
        let table = &own[last..];
        let is_path = table.iter().enumerate().all(|(at, &i)| at % 2 == 0 || self.tokens.text(i) == ".");
        is_bound || !(is_path && table.len() % 2 == 1)
    }

    /// What a column of a select list is called.
    fn name_of(&self, item: Range<usize>) -> Option<String> {
        let own = self.own(item);
        let (&last, before) = own.split_last()?;
        let is_name = |i: usize| matches!(self.tokens.list[i].kind, Kind::Word | Kind::Quoted);
        let named = match before.last() {
            None => is_name(last),
            Some(&before) => {
                is_name(last) && (is_name(before) || matches!(self.tokens.text(before), "." | "(" | ")"))
            }
        };
        let text = self.tokens.text(last);
        named.then(|| if self.fold { text.to_ascii_lowercase() } else { text.to_owned() })
    }
}
