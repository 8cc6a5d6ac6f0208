//! The `messageId` of a call.

use outflow_core::RunRecord;

/// How a canonical call begins.
const START: &[u8] = b"{\"messageId\":\"";
/// The length of such a beginning with an id that Outflow made, closing quote included.
const START_WITH_ID: usize = START.len() + 36 + 1;

/// The `messageId` in a call's JSON, which can be the query's own; without one, the id that the run
/// gives to the row.
pub(crate) fn message_id(json: &[u8], run: &RunRecord, ordinal: u64) -> String {
    leading(json)
        .or_else(|| anywhere(json))
        .unwrap_or_else(|| String::from_utf8_lossy(&run.key.message_id(ordinal)).into_owned())
}

/// Whether a record begins as its call does, and so holds the call's `messageId`.
pub(crate) fn begins_alike(record: &[u8], json: &[u8]) -> bool {
    let start = &json[..json.len().min(START_WITH_ID)];
    record.starts_with(start)
}

fn leading(json: &[u8]) -> Option<String> {
    let rest = json.strip_prefix(START)?;
    let id = &rest[..rest.iter().position(|b| *b == b'"')?];
    // An escape has to be decoded.
    (!id.contains(&b'\\')).then(|| String::from_utf8(id.to_vec()).ok())?
}

fn anywhere(json: &[u8]) -> Option<String> {
    let parsed: serde_json::Value = serde_json::from_slice(json).ok()?;
    Some(parsed.get("messageId")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_at_the_start_or_by_parsing() {
        for (json, want) in [
            (r#"{"messageId":"m1","userId":"1"}"#, Some("m1")),
            (r#"{"messageId":"a\"b\\","userId":"1"}"#, Some("a\"b\\")),
            (r#"{"messageId":"é"}"#, Some("é")),
            (r#"{ "userId":"1", "messageId": "m2" }"#, Some("m2")),
            (r#"{"traits":{"messageId":"inner"}}"#, None),
            (r#"{"messageId":"cut"#, None),
            (r#"{"messageId":7}"#, None),
            ("", None),
        ] {
            let got = leading(json.as_bytes()).or_else(|| anywhere(json.as_bytes()));
            assert_eq!(got.as_deref(), want, "{json}");
        }
    }

    #[test]
    fn a_record_that_begins_otherwise_does_not_hold_the_id() {
        let json = br#"{"messageId":"00000000-0000-8000-8000-000000000001","userId":"1"}"#;
        assert!(begins_alike(json, json));
        assert!(begins_alike(br#"{"messageId":"00000000-0000-8000-8000-000000000001"}"#, json));
        assert!(!begins_alike(br#"{"messageId":"00000000-0000-8000-8000-000000000002","userId":"1"}"#, json));
        assert!(!begins_alike(br#"{"id":"00000000-0000-8000-8000-000000000001"}"#, json));
        assert!(!begins_alike(b"", json));
    }
}
