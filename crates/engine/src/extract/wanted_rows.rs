//! The rejected rows that a replay looks for in a new result.
//!
//! A row has no key. It is the same row if all of its columns are as they were, except the one for
//! which it was rejected; where an identifier was missing or bad, except all identifiers. Each
//! rejected row stands for one row of the result.
//!
//! What always holds: a row that was sent since by an incremental run or an earlier replay is not
//! sent again, as far as segments are kept ([`Extractor::sent_since`]). What it does not do: find a
//! row of which another column has changed as well. Where that is the compared column, the next
//! incremental run reads it.

use std::collections::HashMap;

use outflow_core::ports::spool::Rejection;
use outflow_core::ports::state::RunFilter;
use outflow_core::run::{Replay, ReplayMode, RunKind};
use outflow_core::{CallFlags, Code, Column, Positions, Result, Row, RunRecord, RunState, hash};
use outflow_mapping::content_of;

use super::Extractor;
use super::guard::IDENTIFIERS;
use super::watermark;
use crate::pages::RunPages;

/// Rejected rows that were rejected for the same column.
struct Group {
    /// The code and the column for which they were.
    cause: (Code, Option<String>),
    /// The other columns, as indexes into those of the result, by name.
    columns: Vec<usize>,
    /// How many there are, by the hash of their other columns.
    rows: HashMap<u128, u64>,
}

/// See the module's head.
pub(crate) struct WantedRows {
    columns: Vec<String>,
    groups: Vec<Group>,
    /// The contents of the calls of rows that were found, in the order of their positions.
    found: Vec<u128>,
}

impl WantedRows {
    /// For a result with these columns.
    pub(super) fn new(columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| column.name.clone()).collect();
        Self { columns, groups: Vec::new(), found: Vec::new() }
    }

    /// Looks for this row, too. One that was purged is not looked for.
    pub(super) fn add(&mut self, rejection: &Rejection) {
        if rejection.row.is_empty() {
            return;
        }
        let cause = (rejection.code, rejection.column.clone());
        let at = match self.groups.iter().position(|group| group.cause == cause) {
            Some(at) => at,
            None => {
                let columns = self.others(rejection);
                self.groups.push(Group { cause, columns, rows: HashMap::new() });
                self.groups.len().saturating_sub(1)
            }
        };
        let group = &mut self.groups[at];
        let text = |column: &usize| rejection.row.get(&self.columns[*column]).and_then(|v| v.as_str());
        let hash = hash_of(group.columns.iter().map(text));
        let rows = group.rows.entry(hash).or_default();
        *rows = rows.saturating_add(1);
    }

    /// The columns of the result that the rejected row had, without those that were bad.
    fn others(&self, rejection: &Rejection) -> Vec<usize> {
        let is_bad = |name: &str| {
            let is_cause = rejection.column.as_deref().is_some_and(|column| column == name);
            let is_identifier = IDENTIFIERS.iter().any(|i| i.eq_ignore_ascii_case(&name.replace('_', "")));
            let concerns_identifiers = matches!(
                rejection.code,
                Code::MissingField | Code::InvalidIdentifier | Code::GroupWithoutPerson
            );
            is_cause || (is_identifier && concerns_identifiers)
        };
        let kept = |at: &usize| {
            let name = &self.columns[*at];
            rejection.row.contains_key(name) && !is_bad(name)
        };
        let mut others: Vec<usize> = (0..self.columns.len()).filter(kept).collect();
        others.sort_by(|a, b| self.columns[*a].cmp(&self.columns[*b]));
        others
    }

    /// Whether this is one of the rows.
    pub(super) fn take(&mut self, row: Row<'_>, content: u128) -> bool {
        let fields: Vec<Option<&[u8]>> = row.fields().collect();
        let text = |column: &usize| fields.get(*column).copied().flatten().map(String::from_utf8_lossy);
        for group in &mut self.groups {
            let hash = hash_of(group.columns.iter().map(text));
            if let Some(left) = group.rows.get_mut(&hash).filter(|left| **left > 0) {
                *left = left.saturating_sub(1);
                self.found.push(content);
                return true;
            }
        }
        false
    }
}

/// The hash of some texts; `None` is NULL.
fn hash_of<T: AsRef<str>>(texts: impl Iterator<Item = Option<T>>) -> u128 {
    let mut bytes = Vec::new();
    for text in texts {
        match text {
            None => bytes.push(0),
            Some(text) => {
                bytes.push(1);
                bytes.extend_from_slice(&(text.as_ref().len() as u64).to_be_bytes());
                bytes.extend_from_slice(text.as_ref().as_bytes());
            }
        }
    }
    hash::content(&bytes)
}

impl Extractor<'_> {
    pub(super) async fn wanted_rows(&self, replay: &Replay, columns: &[Column]) -> Result<WantedRows> {
        let segments = self.engine.state.segments(replay.run).await?;
        let mut rejections = self.engine.spool.rejections(replay.run, &segments, 0).await?;
        let mut wanted = WantedRows::new(columns);
        while let Some(page) = rejections.next().await? {
            let is_meant = |r: &&Rejection| replay.code.is_none_or(|code| r.code == code);
            page.iter().filter(is_meant).for_each(|rejection| wanted.add(rejection));
        }
        Ok(wanted)
    }

    /// The positions of calls whose rows the destination has got since they were rejected, or will
    /// get. Events that nothing tells apart may be others: of these, only earlier replays count.
    pub(super) async fn sent_since(&self, wanted: &WantedRows, distinguished: bool) -> Result<Positions> {
        let options = &self.run.spec.options;
        let (Some(replay), Some(destination)) = (options.replay(), &options.destination) else {
            return Ok(Positions::default());
        };
        if replay.force || wanted.found.is_empty() {
            return Ok(Positions::default());
        }
        let all_count = distinguished || !watermark::is_event(self.run.call_type);
        let mut open: HashMap<u128, Vec<u64>> = HashMap::new();
        for (position, content) in wanted.found.iter().enumerate().rev() {
            open.entry(*content).or_default().push(position as u64);
        }
        let mut sent = Vec::new();
        let mut pages = RunPages::new(self.engine.state.clone(), RunFilter::newest(Some(&self.run.sync), 0));
        loop {
            let page = pages.next(u64::MAX).await?;
            if page.is_empty() {
                break;
            }
            for run in page.into_iter().filter(|run| run.id > replay.run && run.id != self.run.id) {
                let of_this = |r: &Replay| r.mode == ReplayMode::Rejected && r.run == replay.run;
                let is_replay = run.spec.options.replay().is_some_and(of_this);
                let is_incremental = matches!(run.spec.options.kind, RunKind::Incremental);
                if (is_replay || (all_count && is_incremental)) && self.reached(&run, destination).await? {
                    self.find_sent(&run, &mut open, &mut sent).await?;
                }
            }
        }
        sent.sort_unstable();
        let mut positions = Positions::none_of(wanted.found.len() as u64);
        sent.into_iter().for_each(|position| positions.insert(position));
        Ok(positions)
    }

    /// Whether the calls of a run went to the destination, or will.
    async fn reached(&self, run: &RunRecord, destination: &str) -> Result<bool> {
        let counts = run.extracted_at.is_some()
            && run.rows.calls > 0
            && !matches!(run.state, RunState::Rejected | RunState::AwaitingApproval | RunState::Lost);
        if !counts {
            return Ok(false);
        }
        let deliveries = self.engine.state.deliveries(run.id).await?;
        let is_sent = |counts: outflow_core::DeliveryCounts| counts.cancelled == 0 && counts.discarded == 0;
        Ok(deliveries.iter().any(|d| d.destination == destination && is_sent(d.counts)))
    }

    /// Finds calls of a run among those that are looked for.
    async fn find_sent(
        &self,
        run: &RunRecord,
        open: &mut HashMap<u128, Vec<u64>>,
        sent: &mut Vec<u64>,
    ) -> Result<()> {
        let segments = self.engine.state.segments(run.id).await?;
        if segments.is_empty() {
            return Ok(());
        }
        let reader = self.engine.reader();
        let mut calls = reader.calls_until_stopped(run, &segments, 0).await?;
        while let Some(block) = calls.next().await? {
            for call in block.calls.iter().filter(|c| !c.unchanged && !c.meta.flags.has(CallFlags::PURGED)) {
                let generated = run.key.message_id(call.meta.ordinal);
                let content = content_of(block.json(call), call.meta.flags, &generated);
                let found = content.and_then(|content| open.get_mut(&content)?.pop());
                sent.extend(found);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::{ColumnType, RowPage};
    use serde_json::json;

    use super::*;

    fn wanted(columns: &[&str], rejected: &[(Code, Option<&str>, serde_json::Value)]) -> WantedRows {
        let column =
            |name: &&str| Column { name: (*name).to_owned(), ty: ColumnType::Text, declared: String::new() };
        let mut wanted = WantedRows::new(&columns.iter().map(column).collect::<Vec<_>>());
        for (code, column, row) in rejected {
            wanted.add(&Rejection {
                ordinal: 0,
                code: *code,
                column: column.map(str::to_owned),
                reason: String::new(),
                row: row.as_object().unwrap().clone(),
            });
        }
        wanted
    }

    /// Which of these rows are taken.
    fn taken(wanted: &mut WantedRows, rows: &[&[Option<&str>]]) -> Vec<bool> {
        let mut page = RowPage::default();
        rows.iter().for_each(|row| page.push(row.iter().map(|f| f.map(str::as_bytes))));
        page.iter().map(|row| wanted.take(row, 1)).collect()
    }

    #[test]
    fn a_row_is_found_by_its_other_columns_and_once() {
        let bad = json!({ "userId": null, "anonymousId": null, "id": "3", "total": "5" });
        let cause = (Code::MissingField, Some("userId"), bad);
        let columns = ["id", "anonymousId", "userId", "total", "added"];
        let mut rows = wanted(&columns, &[cause.clone(), cause]);
        let fixed = [Some("3"), None, Some("7"), Some("5"), Some("x")];
        let by_other = [Some("3"), Some("a"), None, Some("5"), None];
        let other = [Some("4"), None, Some("7"), Some("5"), Some("x")];
        let null = [None, None, Some("7"), Some("5"), Some("x")];
        let found = taken(&mut rows, &[&other, &fixed, &null, &by_other, &fixed]);
        assert_eq!(found, [false, true, false, true, false]);
        assert_eq!(rows.found.len(), 2);
    }

    #[test]
    fn a_bad_value_of_one_column_leaves_identifiers_to_find_the_row_by() {
        let bad = json!({ "userId": "1", "at": "soon" });
        let mut rows = wanted(&["userId", "at"], &[(Code::InvalidTime, Some("at"), bad)]);
        let found = taken(&mut rows, &[&[Some("2"), Some("2026-01-01")], &[Some("1"), Some("2026-01-01")]]);
        assert_eq!(found, [false, true]);
    }

    #[test]
    fn a_row_that_was_purged_is_not_looked_for() {
        let mut rows = wanted(&["userId"], &[(Code::MissingField, Some("userId"), json!({}))]);
        assert_eq!(taken(&mut rows, &[&[Some("1")]]), [false]);
    }
}
