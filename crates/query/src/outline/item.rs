//! The names of the columns of a select list, as far as the words show them.

use std::ops::Range;

use super::Outline;
use crate::scan::Kind;
use crate::words;

/// The name of a column of a select list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Given by this token.
    Alias(usize),
    /// That of the column in this token.
    Column(usize),
    /// The server makes one up.
    Made,
    /// `*` or `t.*`.
    Wildcard,
    /// The words do not tell.
    Unclear,
}

impl Outline<'_> {
    /// What a column of a select list is called.
    pub(crate) fn item_name(&self, item: &Range<usize>) -> Name {
        let Some(last) = item.end.checked_sub(1).filter(|l| *l >= item.start) else { return Name::Unclear };
        let is_star = |i: usize| self.is_symbol(i, b'*') && (i == item.start || self.is_symbol(i - 1, b'.'));
        if self.own(item).any(is_star) {
            return Name::Wildcard;
        }
        if self.is_path(item) {
            return Name::Column(last);
        }
        if self.is_name(last) && item.len() > 2 && self.is(last - 1, "AS") {
            return Name::Alias(last);
        }
        let is_call = self.token(item.start).is_some_and(|t| t.kind == Kind::Word)
            && self.partner(item.start + 1) == Some(last)
            && self.is_symbol(last, b')')
            && !words::keeps_the_name(self.text(item.start));
        let is_value = self
            .token(last)
            .is_some_and(|t| item.len() == 1 && matches!(t.kind, Kind::Literal | Kind::Number));
        if is_call || is_value {
            return Name::Made;
        }
        if item.len() > 1 && self.is_bare_alias(item, last) { Name::Alias(last) } else { Name::Unclear }
    }

    /// Whether the word at the end of an item is a name that AS does not stand before.
    fn is_bare_alias(&self, item: &Range<usize>, last: usize) -> bool {
        let plain = |i: usize| {
            self.is_name(i)
                && (self.text(i).starts_with('"') || !words::belongs_to_an_expression(self.text(i)))
        };
        let before = last - 1;
        let ends = self.is_symbol(before, b')')
            || self.is(before, "END")
            || self.token(before).is_some_and(|t| t.kind == Kind::Quoted)
            || plain(before);
        // Types of several words stand behind `::` and INTERVAL.
        ends && plain(last) && !self.own(item).any(|i| self.is_symbol(i, b':') || self.is(i, "INTERVAL"))
    }

    /// `a`, `t.a` or `s.t.a`.
    pub(crate) fn is_path(&self, tokens: &Range<usize>) -> bool {
        let is_part = |i: usize| {
            if (i - tokens.start).is_multiple_of(2) { self.is_name(i) } else { self.is_symbol(i, b'.') }
        };
        !tokens.len().is_multiple_of(2)
            && tokens.clone().all(is_part)
            && (tokens.len() > 1 || !words::stands_for_a_value(self.text(tokens.start)))
    }
}
