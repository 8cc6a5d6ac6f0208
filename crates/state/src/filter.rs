//! Which runs a filter means, as a statement in the SQL that both stores know.
//!
//! What always holds: a page costs the same wherever it lies in a history of any length. Runs in
//! some states or of some kind are read from an index that has both, a list for each pair, and the
//! newest of all these lists are taken. A time is looked up once: the runs that it means are
//! between two numbers, also where the clock was set back.

use outflow_core::ports::state::RunFilter;
use outflow_core::run::RunKind;
use outflow_core::{RunState, Timestamp};

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A text, not escaped yet.
    Text(String),
    /// A number.
    Number(i64),
}

/// A statement with its values.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
    /// What the number of a value begins with: `?` or `$`.
    sign: char,
}

/// The smallest and the largest number of the runs in a span of time.
pub(crate) type Bounds = (i64, i64);

impl Statement {
    fn new(sign: char) -> Self {
        Self { sql: String::new(), values: Vec::new(), sign }
    }

    /// Adds a value, and returns how the statement refers to it.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("{}{}", self.sign, self.values.len())
    }
}

/// Looks up the [`Bounds`], which are null if no run began then. `None`: every time is meant.
pub(crate) fn bounds(filter: &RunFilter, sign: char) -> Option<Statement> {
    if filter.since.is_none() && filter.until.is_none() {
        return None;
    }
    let mut statement = Statement::new(sign);
    let conditions = times(filter, &mut statement).join(" AND ");
    // The sum keeps the stores from looking for the first fitting run from the oldest one on.
    statement.sql = format!("SELECT min(id + 0), max(id + 0) FROM runs WHERE {conditions}");
    Some(statement)
}

/// The runs that are meant, the newest first.
pub(crate) fn runs(columns: &str, filter: &RunFilter, bounds: Option<Bounds>, sign: char) -> Statement {
    let mut statement = Statement::new(sign);
    let mut conditions = times(filter, &mut statement);
    let mut add = |condition: &str, value| conditions.push(format!("{condition} {}", statement.value(value)));
    if let Some(sync) = &filter.sync {
        add("sync =", Value::Text(sync.clone()));
    }
    if let Some((first, last)) = bounds {
        add("id >=", Value::Number(first));
        add("id <=", Value::Number(last));
    }
    if let Some(before) = filter.before {
        add("id <", Value::Number(before.0.cast_signed()));
    }
    let limit = if filter.limit == 0 { i64::MAX } else { i64::try_from(filter.limit).unwrap_or(i64::MAX) };
    let end = format!("ORDER BY id DESC LIMIT {}", statement.value(Value::Number(limit)));
    let all = |own: &[String]| match (&conditions[..], own) {
        ([], []) => String::new(),
        _ => format!("WHERE {}", [own, &conditions].concat().join(" AND ")),
    };
    statement.sql = match pairs(filter) {
        None => format!("SELECT {columns} FROM runs {} {end}", all(&[])),
        Some(pairs) => {
            let list = |(state, kind): (RunState, &str)| {
                let own = [format!("state = '{state}'"), format!("kind = '{kind}'")];
                format!("SELECT id FROM (SELECT id FROM runs {} {end}) l", all(&own))
            };
            let lists: Vec<String> = pairs.into_iter().map(list).collect();
            let lists = lists.join(" UNION ALL ");
            format!(
                "SELECT {columns} FROM runs WHERE id IN (SELECT id FROM ({lists}) a {end}) ORDER BY id DESC"
            )
        }
    };
    statement
}

/// The conditions on the start of a run.
fn times(filter: &RunFilter, statement: &mut Statement) -> Vec<String> {
    let micros = |time: Timestamp| Value::Number(time.as_microsecond());
    let conditions = [("started_at >=", filter.since), ("started_at <", filter.until)];
    let given = conditions.into_iter().filter_map(|(condition, time)| Some((condition, time?)));
    given.map(|(condition, time)| format!("{condition} {}", statement.value(micros(time)))).collect()
}

/// Every pair of a state and a kind that is meant; `None`: all of them are.
fn pairs(filter: &RunFilter) -> Option<Vec<(RunState, &'static str)>> {
    if filter.states.is_empty() && filter.kind.is_none() {
        return None;
    }
    let is_meant = |state: &RunState| filter.states.is_empty() || filter.states.contains(state);
    let kinds: Vec<&str> =
        RunKind::NAMES.into_iter().filter(|kind| filter.kind.as_ref().is_none_or(|k| k == kind)).collect();
    let states = RunState::ALL.iter().copied().filter(is_meant);
    let of_state = |state| kinds.iter().map(move |kind| (state, *kind)).collect::<Vec<_>>();
    let pairs: Vec<(RunState, &str)> = states.flat_map(of_state).collect();
    // Of an unknown kind there is none: a list without a run.
    Some(if pairs.is_empty() { vec![(RunState::Queued, "")] } else { pairs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_is_not_there_is_none_of_the_statement() {
        let all = runs("id", &RunFilter::default(), None, '?');
        assert_eq!(all.sql, "SELECT id FROM runs  ORDER BY id DESC LIMIT ?1");
        assert_eq!(all.values, [Value::Number(i64::MAX)]);
        assert!(bounds(&RunFilter::default(), '?').is_none());
    }

    #[test]
    fn each_state_and_each_kind_is_a_list() {
        let of = |states: &[RunState], kind: Option<&str>| {
            let filter = RunFilter {
                states: states.to_vec(),
                kind: kind.map(str::to_owned),
                ..RunFilter::newest(Some("u"), 3)
            };
            let statement = runs("id", &filter, None, '$');
            assert_eq!(statement.values, [Value::Text("u".to_owned()), Value::Number(3)]);
            statement.sql.matches("SELECT id FROM (SELECT id FROM runs WHERE state = ").count()
        };
        assert_eq!(of(&[RunState::Failed, RunState::Lost], None), 2 * RunKind::NAMES.len());
        assert_eq!(of(&[], Some("full")), RunState::ALL.len());
        assert_eq!(of(&[RunState::Failed], Some("full")), 1);
        assert_eq!(of(&[], Some("other")), 1);
    }
}
