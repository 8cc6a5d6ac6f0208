//! What the engine does with a destination, in a few lines.

use std::sync::Arc;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{Destination, Records, Request};
use outflow_core::{CallFlags, CallMeta, CallType, Nulls, RunId, RunKey};
use outflow_egress::{Client, ClientOptions};
use serde_json::{Map, Value};

pub fn client() -> Client {
    Client::new(&ClientOptions::default()).unwrap()
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

pub fn build(kind: &str, settings: Value) -> Arc<dyn Destination> {
    outflow_destinations::build("audit", kind, &object(settings), &client())
        .map_err(|e| format!("{e:?}"))
        .unwrap()
}

pub fn meta(call_type: CallType, flags: CallFlags) -> CallMeta {
    CallMeta { ordinal: 0, call_type, flags, key: 1, key2: 0 }
}

/// What becomes of a call, and the bytes of its records.
pub fn prepare(
    destination: &dyn Destination,
    meta: &CallMeta,
    json: &[u8],
    nulls: Nulls,
) -> (Verdict, Vec<u8>) {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    let verdict = destination.prepare(meta, json, nulls, &mut Records::new(&mut bytes, &mut ends));
    (verdict, bytes)
}

/// A request of these calls.
pub fn request(destination: &dyn Destination, first: u64, calls: &[Value]) -> Request {
    let envelope = &destination.endpoints()[0].envelope;
    let mut body = envelope.prefix.to_vec();
    for (i, call) in calls.iter().enumerate() {
        if i > 0 {
            body.extend_from_slice(&envelope.separator);
        }
        let meta = meta(CallType::Identify, CallFlags::default());
        let (verdict, bytes) = prepare(destination, &meta, call.to_string().as_bytes(), Nulls::Send);
        assert_eq!(verdict, Verdict::Send);
        body.extend_from_slice(&bytes);
    }
    body.extend_from_slice(&envelope.suffix);
    Request {
        run: RunId(7),
        key: RunKey(7),
        sync: "users".to_owned(),
        call_type: CallType::Identify,
        endpoint: 0,
        first,
        records: calls.len(),
        body: body.into(),
        attempt: 1,
    }
}
