//! What differs between two values of a definition, key by key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A key whose value differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyDifference {
    /// Its path: `schedule.every`; empty for the value as a whole.
    pub key: String,
    /// What it was; `None`: it was not there.
    pub before: Option<Value>,
    /// What it is; `None`: it is not there any more.
    pub after: Option<Value>,
}

/// The keys that differ, in the order of the later value. Tables are compared key by key, lists as
/// a whole.
pub(crate) fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<KeyDifference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(key: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<KeyDifference>) {
    if before == after {
        return;
    }
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    // A table that is new or gone is shown key by key, as one that has changed.
    let (old, new) = (before.map(Value::as_object), after.map(Value::as_object));
    let (old, new) = match (old, new) {
        (Some(Some(old)), Some(Some(new))) => (Some(old), Some(new)),
        (None, Some(Some(new))) => (None, Some(new)),
        (Some(Some(old)), None) => (Some(old), None),
        _ => {
            let (before, after) = (before.cloned(), after.cloned());
            return found.push(KeyDifference { key: key.to_owned(), before, after });
        }
    };
    for (name, value) in new.into_iter().flatten() {
        compare(&below(name), old.and_then(|old| old.get(name)), Some(value), found);
    }
    for (name, value) in old.into_iter().flatten() {
        if new.is_none_or(|new| !new.contains_key(name)) {
            compare(&below(name), Some(value), None, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_compared_key_by_key() {
        let before = json!({ "a": { "x": 1, "y": [1] }, "b": "t", "c": { "z": 1 }, "same": {} });
        let after = json!({ "same": {}, "a": { "y": [2], "x": 1 }, "b": { "n": 1 }, "d": { "w": 5 } });
        let told: Vec<_> = differences(Some(&before), Some(&after))
            .into_iter()
            .map(|difference| (difference.key, difference.before, difference.after))
            .collect();
        assert_eq!(
            told,
            [
                ("a.y".to_owned(), Some(json!([1])), Some(json!([2]))),
                ("b".to_owned(), Some(json!("t")), Some(json!({ "n": 1 }))),
                ("d.w".to_owned(), None, Some(json!(5))),
                ("c.z".to_owned(), Some(json!(1)), None),
            ]
        );
        assert_eq!(differences(Some(&before), Some(&before)), []);
        assert_eq!(differences(None, Some(&json!({ "n": 1 })))[0].key, "n");
    }
}
