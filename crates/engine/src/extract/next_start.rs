//! Where the next run begins: computed by a run from what it sees before its snapshot, stored with
//! its commit, and used by the next run as it is.
//!
//! A row is late if it is committed after the snapshot that its stamp belongs to. Its transaction
//! was open then. So the next run begins before the oldest transaction that was seen open, and
//! `lookback` before the clock for those that were not seen. To ask for open transactions in the
//! run that reaches back is too late: those that committed in between are gone from the list.
//!
//! What always holds: the start is never before that of the run which stores it, as the next run is
//! compared with what that one read; nor further back than `lookback_max`, or `lookback` if that is
//! longer. What is given up by either bound is reported. What it does not do: believe a clock
//! ([`super::watermark`] does, when the start is used).

use std::time::Duration;

use outflow_core::ports::state::{Cursor, SyncState};
use outflow_core::ports::warehouse::{OpenTransactions, Visibility};
use outflow_core::{Code, SyncSpec, Timestamp};
use outflow_query::LastSyncTime;

use super::cursor::{CursorValue, text};
use crate::clock;

const SECOND: i64 = 1_000_000;
/// Numbers that may be drawn between the question for open transactions and the snapshot.
const IN_FLIGHT: u64 = 1_000;
/// A number that is a time of this span before the clock is taken for one: 366 days.
pub(super) const SPAN: i64 = 366 * 86_400;
/// This many earlier values of a counter are kept.
const KEPT: usize = 128;

/// Where rows may still come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Before this time nothing is late any more, as far as is known or allowed. Unix microseconds
    /// by the warehouse's clock.
    pub from_us: i64,
    /// The end of what is allowed.
    floor_us: i64,
    open: OpenTransactions,
}

/// How far back rows may come from, for a run that began when the clock said `base_us`.
pub(crate) fn reach(spec: &SyncSpec, base_us: i64, open: &OpenTransactions) -> Reach {
    // What a replica has not replayed is as if it were not committed.
    let base_us = open.replayed.map_or(base_us, |at| base_us.min(at.as_microsecond()));
    let lookback = micros(whole(spec.lookback));
    let floor_us = base_us.saturating_sub(lookback.max(micros(spec.lookback_max)));
    let mut from_us = base_us.saturating_sub(lookback);
    if let Some(oldest) = open.oldest {
        // A stamp in whole seconds, compared with `>`, is as much as a second earlier.
        from_us = from_us.min(oldest.as_microsecond().saturating_sub(SECOND));
    }
    if open.prepared.is_some() {
        // When it began is unknown.
        from_us = floor_us;
    }
    Reach { from_us: from_us.max(floor_us), floor_us, open: *open }
}

impl Reach {
    /// The next run's start by the clock, and the begin of a transaction that it gives up.
    pub(crate) fn by_clock(&self, used: &LastSyncTime) -> (i64, Option<i64>) {
        let begun = match used {
            LastSyncTime::Seconds(seconds) => seconds.saturating_mul(SECOND),
            LastSyncTime::Number(_) => i64::MIN,
        };
        let next = self.from_us.max(begun);
        (next, self.given_up(next))
    }

    /// The begin of the oldest transaction whose rows a run from here on may miss.
    pub(crate) fn given_up(&self, start_us: i64) -> Option<i64> {
        let oldest = self.open.oldest.map(Timestamp::as_microsecond);
        let prepared = self.open.prepared.map(Timestamp::as_microsecond);
        let passed_over = |us: &i64| *us < start_us;
        let prepared = prepared.filter(|us| *us < self.floor_us);
        [oldest.filter(passed_over), prepared].into_iter().flatten().min()
    }

    /// The next run's start by a cursor column.
    ///
    /// A time, or a number that looks like one, is late like any stamp. Any other number is a
    /// counter: those that were drawn since a time are larger than what an earlier run had seen.
    pub(crate) fn by_cursor(
        &self,
        spec: &SyncSpec,
        value: &CursorValue,
        history: &[(i64, String)],
        used: &LastSyncTime,
        clock: Timestamp,
    ) -> LastSyncTime {
        let lookback = whole(spec.lookback).as_secs();
        let seconds = self.from_us.div_euclid(SECOND);
        let begun = CursorValue::parse(&text(used));
        let by_time = value.seconds(clock, SPAN).map(|_| {
            let start = value.less(lookback);
            let reached = value.at(seconds);
            smaller(start, reached)
        });
        let start = by_time.unwrap_or_else(|| {
            let before = history.iter().take_while(|(at, _)| *at <= self.from_us).last();
            let before = before.and_then(|(_, value)| CursorValue::parse(value));
            let sees_none = self.open.seen == Visibility::All
                && self.open.oldest.is_none()
                && self.open.prepared.is_none();
            match (before, &begun) {
                (Some(before), _) => before.less(0),
                (None, _) if sees_none => value.minus(IN_FLIGHT),
                (None, Some(begun)) => begun.less(0),
                (None, None) => value.less(lookback),
            }
        });
        match begun.zip(CursorValue::parse(&text(&start))) {
            Some((begun, next)) if next < begun => used.clone(),
            _ => start,
        }
    }

    /// The values of a counter after this run, which had read when the clock said `at_us`.
    pub(crate) fn history(
        &self,
        before: Option<&Cursor>,
        value: &CursorValue,
        at_us: Option<i64>,
        leapt_us: i64,
    ) -> Vec<(i64, String)> {
        if matches!(value, CursorValue::Time(_)) {
            return Vec::new();
        }
        let mut kept = before.map(|cursor| cursor.history.clone()).unwrap_or_default();
        kept.iter_mut().for_each(|(at, _)| *at = at.saturating_add(leapt_us));
        kept.extend(at_us.map(|at| (at, value.to_string())));
        // One before all that a start may reach to is enough.
        let first = kept.iter().take_while(|(at, _)| *at <= self.floor_us).count().saturating_sub(1);
        kept.drain(..first);
        if kept.len() > KEPT {
            // With fewer values a start is earlier, never later.
            let mut number = 0_usize;
            kept.retain(|_| {
                number = number.saturating_add(1);
                number % 2 == 1 || number > KEPT / 2
            });
        }
        kept
    }
}

/// What to say if the next run gives up a transaction.
pub(crate) fn note(spec: &SyncSpec, planned: &SyncState, clock: Timestamp) -> Option<String> {
    let open_us = planned.watermark.as_ref()?.open_us?;
    let age = clock::span(clock.as_microsecond().saturating_sub(open_us));
    let most = clock::span(micros(spec.lookback_max.max(spec.lookback)));
    Some(format!(
        "a transaction has been open for {age}, and runs read back {most} at most: rows that it commits later may be missed ({})",
        Code::TransactionOpen
    ))
}

fn smaller(one: LastSyncTime, another: LastSyncTime) -> LastSyncTime {
    let [a, b] = [&one, &another].map(|value| CursorValue::parse(&text(value)));
    if b < a { another } else { one }
}

/// In whole seconds, rounded up.
pub(crate) fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
