//! The oracle: compares what a destination took with what it should have taken.
//!
//! It knows a call's row by a key that the test names (by default `userId`), so it can tell a
//! repeat (the same call, the same message id) from a split identity (the same row under two
//! message ids), which no destination could recognise as one. It compares identities and whole
//! contents, never only counts.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::receiver::Arrival;

type Key = Box<dyn Fn(&Value) -> Option<String>>;
type Order = Box<dyn Fn(&Value) -> Option<(String, u64)>>;

/// What should have arrived.
pub struct Judge {
    expected: HashSet<String>,
    key: Key,
    order: Option<Order>,
}

/// What is wrong with what arrived. Lists hold row keys or message ids, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many calls were taken, repeats included.
    pub calls: usize,
    /// Expected rows that never arrived.
    pub missing: Vec<String>,
    /// Unexpected rows; a call without a row key is listed by its message id.
    pub spurious: Vec<String>,
    /// How many calls came again under the same message id.
    pub repeats: usize,
    /// Rows that came under more than one message id.
    pub split: Vec<String>,
    /// Message ids that came with more than one content.
    pub changed: Vec<String>,
    /// Message ids that came for more than one row.
    pub shared_ids: Vec<String>,
    /// Ordering keys whose calls first arrived out of order.
    pub disorder: Vec<String>,
}

impl Judge {
    /// Expects exactly these rows, known by the `userId` of their call.
    pub fn expecting(rows: impl IntoIterator<Item = impl Into<String>>) -> Judge {
        let user_id = |call: &Value| call.get("userId").and_then(Value::as_str).map(str::to_owned);
        Judge { expected: rows.into_iter().map(Into::into).collect(), key: Box::new(user_id), order: None }
    }

    /// Knows a row by another key of its call.
    #[must_use]
    pub fn key(mut self, key: impl Fn(&Value) -> Option<String> + 'static) -> Judge {
        self.key = Box::new(key);
        self
    }

    /// Checks order too: among calls of one ordering key, the numbers must rise at first arrival.
    /// `order` gives a call's ordering key and number.
    #[must_use]
    pub fn order(mut self, order: impl Fn(&Value) -> Option<(String, u64)> + 'static) -> Judge {
        self.order = Some(Box::new(order));
        self
    }

    /// Judges the arrivals that were taken.
    pub fn judge(&self, arrivals: &[Arrival]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut ids_of_row: HashMap<String, &str> = HashMap::new();
        let mut seen: HashMap<&str, (Option<String>, u64)> = HashMap::new();
        let mut latest: HashMap<String, u64> = HashMap::new();
        for arrival in arrivals.iter().filter(|arrival| arrival.taken) {
            verdict.calls += 1;
            let id = arrival.message_id.as_str();
            let row = (self.key)(&arrival.call);
            if let Some((first_row, first_content)) = seen.get(id) {
                verdict.repeats += 1;
                if *first_row != row {
                    verdict.shared_ids.push(id.to_owned());
                } else if *first_content != arrival.content {
                    verdict.changed.push(id.to_owned());
                }
                continue;
            }
            seen.insert(id, (row.clone(), arrival.content));
            match row {
                Some(row) if self.expected.contains(&row) => {
                    if ids_of_row.insert(row.clone(), id).is_some() {
                        verdict.split.push(row);
                    }
                }
                stranger => verdict.spurious.push(stranger.unwrap_or_else(|| id.to_owned())),
            }
            if let Some((key, number)) = self.order.as_ref().and_then(|order| order(&arrival.call)) {
                let last = latest.entry(key.clone()).or_insert(number);
                if number < *last {
                    verdict.disorder.push(key);
                }
                *last = number.max(*last);
            }
        }
        verdict.missing =
            self.expected.iter().filter(|row| !ids_of_row.contains_key(*row)).cloned().collect();
        for list in verdict.lists() {
            list.sort();
            list.dedup();
        }
        verdict
    }
}

impl Verdict {
    fn lists(&mut self) -> [&mut Vec<String>; 6] {
        [
            &mut self.missing,
            &mut self.spurious,
            &mut self.split,
            &mut self.changed,
            &mut self.shared_ids,
            &mut self.disorder,
        ]
    }

    /// Whether every row arrived at least once, each under one message id, unchanged and in order,
    /// and nothing else.
    pub fn is_at_least_once(&self) -> bool {
        self.clone().lists().iter().all(|list| list.is_empty())
    }

    /// Panics unless [`Verdict::is_at_least_once`].
    #[track_caller]
    pub fn assert_at_least_once(&self) {
        assert!(self.is_at_least_once(), "{self}");
    }

    /// Panics unless every row arrived exactly once.
    #[track_caller]
    pub fn assert_exactly_once(&self) {
        assert!(self.is_at_least_once() && self.repeats == 0, "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls, {} repeats", self.calls, self.repeats)?;
        let names = ["missing", "spurious", "split", "changed", "shared ids", "disorder"];
        for (name, list) in names.iter().zip(self.clone().lists()) {
            write!(f, ", {} {name}", list.len())?;
            if !list.is_empty() {
                write!(f, " {:?}", &list[..list.len().min(5)])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn arrival(id: &str, user: &str, n: u64, taken: bool) -> Arrival {
        let call = json!({"messageId": id, "userId": user, "n": n});
        let content = n;
        let (message_id, call_type) = (id.to_owned(), "track".to_owned());
        Arrival { message_id, call_type, content, call, request: 0, taken, at: Duration::ZERO }
    }

    fn judge(rows: &[&str]) -> Judge {
        Judge::expecting(rows.iter().copied())
            .order(|call| Some(("all".to_owned(), call.get("n")?.as_u64()?)))
    }

    #[test]
    fn a_whole_delivery_is_accepted_with_or_without_repeats() {
        let mut arrivals = vec![arrival("1", "a", 1, true), arrival("2", "b", 2, true)];
        judge(&["a", "b"]).judge(&arrivals).assert_exactly_once();
        arrivals.push(arrival("1", "a", 1, true));
        let verdict = judge(&["a", "b"]).judge(&arrivals);
        verdict.assert_at_least_once();
        assert_eq!(verdict.repeats, 1);
    }

    #[test]
    fn each_kind_of_fault_is_named() {
        let arrivals = [
            arrival("1", "a", 5, true),
            arrival("2", "a", 6, true),
            arrival("3", "stranger", 7, true),
            arrival("4", "b", 2, true),
            arrival("4", "b", 9, true),
            arrival("4", "a", 2, true),
            arrival("5", "refused", 8, false),
        ];
        let verdict = judge(&["a", "b", "refused"]).judge(&arrivals);
        assert_eq!(verdict.missing, ["refused"]);
        assert_eq!(verdict.spurious, ["stranger"]);
        assert_eq!(verdict.split, ["a"]);
        assert_eq!(verdict.changed, ["4"]);
        assert_eq!(verdict.shared_ids, ["4"]);
        assert_eq!(verdict.disorder, ["all"]);
        assert_eq!((verdict.calls, verdict.repeats), (6, 2));
        assert!(!verdict.is_at_least_once());
        assert!(verdict.to_string().contains(r#"1 missing ["refused"]"#), "{verdict}");
    }
}
