//! Budgets of calls.

use std::collections::BTreeMap;

use crate::ports::state::Objection;
use crate::run::RunSpec;
use crate::{Budget, Code, Date, Timestamp};

/// The day of UTC on which calls count.
pub fn day(at: Timestamp) -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}

/// Whether a budget applies to the run. If none does, [`Spent`] need not be loaded.
pub fn has_budget(spec: &RunSpec, budgets: &BTreeMap<String, Budget>) -> bool {
    !spec.guards.budget.is_unlimited()
        || spec.connections.iter().any(|c| budgets.contains_key(&c.destination))
}

/// Calls that were sent today and this month, and those that are pending in runs that are
/// `delivering`, by sync and by destination.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The day of UTC of the commit.
    pub today: Date,
    /// Day (`None`: pending), sync, destination, calls. Days of the current month alone.
    pub entries: Vec<(Option<Date>, String, String, u64)>,
}

impl Spent {
    /// The day's and the month's calls of those that `pick` selects by sync and destination.
    fn sum(&self, pick: impl Fn(&str, &str) -> bool) -> (u64, u64) {
        let (mut of_day, mut of_month) = (0_u64, 0_u64);
        let picked = self.entries.iter().filter(|(_, sync, destination, _)| pick(sync, destination));
        for (day, _, _, calls) in picked {
            of_month = of_month.saturating_add(*calls);
            if day.is_none_or(|day| day == self.today) {
                of_day = of_day.saturating_add(*calls);
            }
        }
        (of_day, of_month)
    }
}

/// What the budgets of the run and of its destinations object to when it makes `calls` calls for
/// each destination.
pub fn budget_objections(
    sync: &str,
    spec: &RunSpec,
    calls: u64,
    budgets: &BTreeMap<String, Budget>,
    spent: &Spent,
) -> Vec<Objection> {
    let mut objections = Vec::new();
    let mut check = |whose: &str, budget: &Budget, calls: u64, (day, month): (u64, u64)| {
        for (max, spent, time) in [(budget.per_day, day, "day"), (budget.per_month, month, "month")] {
            if let Some(max) = max.filter(|max| calls > 0 && spent.saturating_add(calls) > *max) {
                let text = format!(
                    "{calls} calls are too many for {whose}: {spent} of {max} in this {time} (UTC) are used or pending"
                );
                objections.push((Code::BudgetExhausted, text));
            }
        }
    };
    let all = calls.saturating_mul(spec.attached().count() as u64);
    check("the sync", &spec.guards.budget, all, spent.sum(|s, _| s == sync));
    for name in spec.attached().map(|c| &c.destination) {
        if let Some(budget) = budgets.get(name) {
            check(&format!("destination {name}"), budget, calls, spent.sum(|_, d| d == name));
        }
    }
    objections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunOptions;
    use crate::{Connection, Guards, Nulls};

    fn spec(budget: Budget) -> RunSpec {
        let connection = |name: &str| Connection { destination: name.into(), nulls: Nulls::Send };
        RunSpec {
            source: "shop.main".into(),
            query: "SELECT 1".into(),
            connections: vec![connection("a"), connection("b")],
            options: RunOptions::default(),
            guards: Guards { budget, ..Guards::default() },
            ids: Default::default(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn budgets_count_what_was_sent_and_what_is_pending() {
        let entry = |day: Option<&str>, sync: &str, to: &str, calls| {
            (day.map(|d| d.parse().unwrap()), sync.to_owned(), to.to_owned(), calls)
        };
        let spent = Spent {
            today: "2026-11-24".parse().unwrap(),
            entries: vec![
                entry(Some("2026-11-01"), "users", "a", 100),
                entry(Some("2026-11-24"), "users", "a", 20),
                entry(Some("2026-11-24"), "events", "b", 30),
                entry(None, "events", "a", 5),
            ],
        };
        let judged = |own: Budget, of_a: Budget, calls| {
            let budgets = BTreeMap::from([("a".to_owned(), of_a)]);
            budget_objections("users", &spec(own), calls, &budgets, &spent).len()
        };
        let (no, day, month) = (
            Budget::default(),
            |n| Budget { per_day: Some(n), per_month: None },
            |n| Budget { per_day: None, per_month: Some(n) },
        );
        assert_eq!((judged(day(40), no, 10), judged(day(40), no, 11)), (0, 1), "20 and 2 x 10");
        assert_eq!((judged(month(140), no, 10), judged(month(140), no, 11)), (0, 1), "120 and 2 x 10");
        assert_eq!((judged(no, day(35), 10), judged(no, day(35), 11)), (0, 1), "20, 5 and 10");
        assert_eq!((judged(no, month(135), 10), judged(no, month(135), 11)), (0, 1), "120, 5 and 10");
        assert_eq!(judged(day(0), month(0), 0), 0, "no calls are always within a budget");
        assert_eq!(judged(day(1), month(1), 1), 2);
    }
}
