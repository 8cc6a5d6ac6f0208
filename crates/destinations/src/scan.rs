//! Finding members of a JSON object by its bytes, without a value tree.
//!
//! The input is JSON that was valid when it was written. For anything else the functions return
//! `None` and never panic or guess.

use std::ops::Range;

/// A member of an object: the spans of its key (without quotes) and of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

impl Member {
    /// From the opening quote of the key to the end of the value.
    pub fn whole(&self) -> Range<usize> {
        self.key.start - 1..self.value.end
    }
}

/// Walks the members of the object that begins at `at`. `each` returns whether to continue. The
/// result is the end of the object, if the walk reached it.
fn walk(json: &[u8], at: usize, mut each: impl FnMut(Member) -> bool) -> Option<usize> {
    let mut at = skip_blanks(json, at);
    if *json.get(at)? != b'{' {
        return None;
    }
    at = skip_blanks(json, at + 1);
    if *json.get(at)? == b'}' {
        return Some(at + 1);
    }
    loop {
        let key = at + 1..string_end(json, at)? - 1;
        at = skip_blanks(json, key.end + 1);
        if *json.get(at)? != b':' {
            return None;
        }
        at = skip_blanks(json, at + 1);
        let value = at..value_end(json, at)?;
        at = skip_blanks(json, value.end);
        if !each(Member { key, value }) {
            return None;
        }
        match *json.get(at)? {
            b',' => at = skip_blanks(json, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The value of the member `key` of the object `json`. Keys are compared without decoding escapes.
pub(crate) fn find<'a>(json: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    walk(json, 0, |member| {
        if &json[member.key] == key {
            found = Some(&json[member.value]);
        }
        found.is_none()
    });
    found
}

/// Appends the object `json` to `out` without the null members of its members that `within` names.
pub(crate) fn without_nulls(json: &[u8], within: &[&[u8]], out: &mut Vec<u8>) {
    let start = out.len();
    let mut copied = 0;
    let mut sound = true;
    let end = walk(json, 0, |member| {
        if within.contains(&&json[member.key.clone()]) && json[member.value.start] == b'{' {
            out.extend_from_slice(&json[copied..member.value.start]);
            sound = object_without_nulls(json, member.value.start, out).is_some();
            copied = member.value.end;
        }
        sound
    });
    if end.is_none() {
        out.truncate(start);
        copied = 0;
    }
    out.extend_from_slice(&json[copied..]);
}

fn object_without_nulls(json: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let mut before = b'{';
    let end = walk(json, at, |member| {
        if &json[member.value.clone()] != b"null" {
            out.push(before);
            before = b',';
            out.extend_from_slice(&json[member.whole()]);
        }
        true
    });
    if before == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    end
}

fn skip_blanks(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Where the string that begins at `at` ends, quotes included.
fn string_end(json: &[u8], at: usize) -> Option<usize> {
    if *json.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the value that begins at `at` ends.
fn value_end(json: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *json.get(at)? {
            b'"' => at = string_end(json, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => at += 1,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => return None,
            _ => {
                let ends = |b: &u8| {
                    matches!(b, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'{' | b'[')
                };
                at += json[at..].iter().position(ends)?;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    const WITHIN: [&[u8]; 2] = [b"traits", b"properties"];

    fn stripped(json: &str) -> String {
        let mut out = b"before".to_vec();
        without_nulls(json.as_bytes(), &WITHIN, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    /// The same with a value tree.
    fn stripped_slowly(value: &Value) -> Value {
        let mut value = value.clone();
        for key in ["traits", "properties"] {
            if let Some(object) = value.get_mut(key).and_then(Value::as_object_mut) {
                *object = std::mem::take(object).into_iter().filter(|(_, v)| !v.is_null()).collect();
            }
        }
        value
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            2 => "[a\"\\\\{}\\[\\],: \u{e9}\u{1f600}\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                any_object(inner).prop_map(Value::from),
            ]
        })
    }

    fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        let key = prop_oneof!["traits|properties|context|integrations", "[a\"\\\\{}: \u{e9}]{0,5}"];
        prop::collection::vec((key, value), 0..6).prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn leaving_out_nulls_equals_the_value_tree(call in any_object(any_json()), pretty: bool) {
            let call = Value::Object(call);
            let text = if pretty { serde_json::to_string_pretty(&call).unwrap() } else { call.to_string() };
            let got: Value = serde_json::from_str(&stripped(&text)).unwrap();
            prop_assert_eq!(got.to_string(), stripped_slowly(&call).to_string());
            if !pretty {
                prop_assert_eq!(stripped(&text), stripped_slowly(&call).to_string());
            }
        }

        #[test]
        fn finding_a_member_equals_the_value_tree(call in any_object(any_json()), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&call).unwrap() } else { Value::Object(call.clone()).to_string() };
            let got = find(text.as_bytes(), b"traits").map(|v| serde_json::from_slice::<Value>(v).unwrap());
            prop_assert_eq!(got.as_ref(), call.get("traits"));
        }

        #[test]
        fn damaged_json_is_copied_or_cut_never_a_panic(call in any_object(any_json()), at: prop::sample::Index, byte: u8) {
            let mut text = Value::Object(call).to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            without_nulls(&text, &WITHIN, &mut Vec::new());
            find(&text, b"traits");
            without_nulls(&text[..at], &WITHIN, &mut Vec::new());
            find(&text[..at], b"traits");
        }
    }

    #[test]
    fn only_direct_members_that_are_null_go() {
        assert_eq!(
            stripped(
                r#"{"a":null,"traits":{"x":null,"y":1,"z":null,"n":{"deep":null},"s":"null"},"userId":null}"#
            ),
            r#"{"a":null,"traits":{"y":1,"n":{"deep":null},"s":"null"},"userId":null}"#
        );
        assert_eq!(stripped(r#"{"properties":{"x":null}}"#), r#"{"properties":{}}"#);
        assert_eq!(
            stripped(r#"{"traits":null,"properties":[null]}"#),
            r#"{"traits":null,"properties":[null]}"#
        );
        assert_eq!(stripped(r#"{"traits":{"x":nul"#), r#"{"traits":{"x":nul"#);
    }
}
