//! Budgets of calls.

use std::collections::BTreeMap;

use crate::ports::state::Objection;
use crate::run::RunSpec;
use crate::{Budget, Code, Date};

/// Calls that were sent today and this month, and those that are pending, by sync and by destination.
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

/// What the budgets of the run and of its destinations object to `calls` calls for each destination.
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
