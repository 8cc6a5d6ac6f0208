//! The vectors beside the manifests: what a call becomes, byte for byte, and which calls do not go.

use outflow_core::outcome::Verdict;
use outflow_core::{CallFlags, CallType, Nulls};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{build, meta, prepare};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    about: String,
    flags: Vec<String>,
    #[serde(default)]
    nulls: Nulls,
    call: Value,
    /// `send`, `filter` or the code of a refusal.
    verdict: String,
    /// The record, where it differs from the call.
    item: Option<Value>,
}

fn flags(names: &[String]) -> CallFlags {
    let mut flags = CallFlags::default();
    for name in names {
        flags.set(match name.as_str() {
            "integrations" => CallFlags::INTEGRATIONS,
            "email_only" => CallFlags::EMAIL_ONLY,
            "no_object_type" => CallFlags::NO_OBJECT_TYPE,
            "nulls" => CallFlags::NULLS,
            "no_person" => CallFlags::NO_PERSON,
            other => panic!("no flag is called {other}"),
        });
    }
    flags
}

fn hold(kind: &str, settings: Value, vectors: &str) {
    let destination = build(kind, settings);
    let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
    for Vector { about, flags: names, nulls, call, verdict, item } in vectors {
        let call_type = CallType::from_name(call["type"].as_str().unwrap()).unwrap();
        let meta = meta(call_type, flags(&names));
        let json = call.to_string();
        let (got, record) = prepare(&*destination, &meta, json.as_bytes(), nulls);
        let got = match got {
            Verdict::Send => "send".to_owned(),
            Verdict::Filter => "filter".to_owned(),
            Verdict::Refuse(refusal) => refusal.code.to_string(),
        };
        assert_eq!(got, verdict, "{kind}: {about}");
        if got == "send" {
            let want = item.as_ref().unwrap_or(&call).to_string();
            assert_eq!(String::from_utf8(record).unwrap(), want, "{kind}: {about}");
        }
    }
}

macro_rules! vectors {
    ($kind:literal) => {
        include_str!(concat!("../../../../destinations/vectors/", $kind, ".json"))
    };
}

#[test]
fn the_vectors_hold() {
    let key = json!({"write_key": "k"});
    hold("customerio-pipelines", key.clone(), vectors!("customerio-pipelines"));
    hold("segment", key, vectors!("segment"));
    let rudder = json!({"write_key": "k", "data_plane_url": "https://rudder.example"});
    hold("rudderstack", rudder, vectors!("rudderstack"));
}
