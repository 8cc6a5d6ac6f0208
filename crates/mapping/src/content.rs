//! What a canonical call says of itself: its content's hash, and what it is about.
//!
//! What always holds: for a call that [`RowEncoder`](crate::RowEncoder) wrote, [`content_of`] gives
//! the hash that the encoder gave.

use outflow_core::{CallFlags, CallMeta, CallType, RunKey, hash};
use serde_json::Value;

const MESSAGE_ID: &[u8] = b"{\"messageId\":\"";
/// Where the content begins, but for the comma. No JSON string holds these bytes.
const TYPE: &[u8] = b",\"type\":\"";

/// The hash of a call's content. `generated` is the id that the run gave to the row: another
/// `messageId` came from the query, and is content, unless the flags say that it is a content id.
/// `None`: it is no canonical call.
pub fn content_of(json: &[u8], flags: CallFlags, generated: &[u8; RunKey::ID_LEN]) -> Option<u128> {
    let after = json.strip_prefix(MESSAGE_ID)?;
    let content = json.get(memchr::memmem::find(json, TYPE)? + 1..)?;
    let is_generated = flags.has(CallFlags::CONTENT_ID)
        || after.strip_prefix(generated).is_some_and(|rest| rest.first() == Some(&b'"'));
    let own_id = if is_generated { 0 } else { hash::content(message_id(json)?.as_bytes()) };
    Some(hash::content(content) ^ own_id)
}

fn message_id(json: &[u8]) -> Option<String> {
    let call: Value = serde_json::from_slice(json).ok()?;
    Some(call.get("messageId")?.as_str()?.to_owned())
}

/// What a call is about: a later call about the same replaces it, if calls say how something is. A
/// group call is about a person in a group, an alias about two identities.
pub fn subject(meta: &CallMeta, json: &[u8]) -> u64 {
    match meta.call_type {
        CallType::Group => {
            let call: Value = serde_json::from_slice(json).unwrap_or_default();
            let text = |field| call.get(field).and_then(Value::as_str).unwrap_or_default();
            let ids = ["userId", "anonymousId", "objectTypeId"].map(text).join("\0");
            meta.key ^ hash::key(b's', ids.as_bytes())
        }
        CallType::Alias => meta.key ^ meta.key2.rotate_left(1),
        _ => meta.key,
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::{Column, ColumnType, RowPage, Timestamp};

    use super::*;
    use crate::{Plan, RowEncoder};

    fn columns(names: &[&str]) -> Vec<Column> {
        let column =
            |name: &&str| Column { name: (*name).to_owned(), ty: ColumnType::Text, declared: String::new() };
        names.iter().map(column).collect()
    }

    #[test]
    fn a_written_call_has_the_content_that_its_encoder_gave() {
        let odd = ["a", "a\"b\\c", ",\"type\":\"track\"", "\u{1F600} \u{e9}", "00000000-0000-8000"];
        for names in [
            &["messageId", "userId", "event", "note"][..],
            &["userId", "event", "note"],
            &["messageId", "timestamp", "userId", "event"],
            &["timestamp", "userId", "event", "note"],
        ] {
            let plan = Plan::compile(CallType::Track, &columns(names)).unwrap();
            let key = RunKey(7);
            let mut encoder = RowEncoder::new(plan, key, Timestamp::UNIX_EPOCH);
            for (ordinal, value) in (0..).zip(odd) {
                let mut page = RowPage::default();
                let field = |name: &&str| match *name {
                    "timestamp" => Some(&b"2026-01-01 00:00:00"[..]),
                    _ => Some(value.as_bytes()),
                };
                page.push(names.iter().map(field));
                let mut json = Vec::new();
                let shaped = encoder.shape(page.iter().next().unwrap(), ordinal, &mut json).unwrap();
                let found = content_of(&json, shaped.meta.flags, &key.message_id(ordinal));
                assert_eq!(found, Some(shaped.content), "{}", String::from_utf8_lossy(&json));
            }
        }
        assert_eq!(content_of(b"{}", CallFlags(0), &RunKey(7).message_id(0)), None);
        assert_eq!(content_of(b"", CallFlags(0), &RunKey(7).message_id(0)), None);
    }

    #[test]
    fn a_group_call_is_about_a_person_in_a_group() {
        let flags = CallFlags::default();
        let meta = CallMeta { ordinal: 0, call_type: CallType::Group, flags, key: 5, key2: 0 };
        let of = |json: &str| subject(&meta, json.as_bytes());
        let one = of(r#"{"groupId":"g","userId":"1","traits":{"a":1}}"#);
        assert_eq!(one, of(r#"{"groupId":"g","userId":"1","traits":{"a":2}}"#));
        assert_ne!(one, of(r#"{"groupId":"g","userId":"2","traits":{"a":1}}"#));
        assert_ne!(one, of(r#"{"groupId":"g"}"#));
        let person = CallMeta { call_type: CallType::Identify, ..meta };
        assert_eq!(subject(&person, b"{}"), 5);
    }
}
