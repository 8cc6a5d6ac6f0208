//! Settings: what is refused and how, and the schemas.

use outflow_core::Code;
use outflow_destinations::{kinds, schema, secret_settings};
use serde_json::{Value, json};

use crate::support::{build, client, object};

/// The code and place of each problem.
fn problems(kind: &str, settings: Value) -> Vec<(Code, String)> {
    let errors =
        outflow_destinations::build("audit", kind, &object(settings), &client()).map(|_| ()).unwrap_err();
    for error in &errors {
        let told = format!("{error} {error:?} {:?}", error.help_text());
        assert!(!told.contains("s3cret"), "{told}");
        assert!(error.help_text().is_some(), "{told}");
    }
    errors
        .iter()
        .map(|e| (e.code(), e.place().unwrap_or_default().replace("destinations.audit.", "")))
        .collect()
}

#[test]
fn every_kind_is_built_from_its_required_settings() {
    for (kind, settings) in [
        ("customerio-pipelines", json!({"write_key": "k"})),
        (
            "customerio-pipelines",
            json!({"write_key": "k", "region": "eu", "concurrency": "16", "gzip": "true", "rate": 50, "timeout": "500s"}),
        ),
        ("segment", json!({"write_key": "k", "base_url": null})),
        ("rudderstack", json!({"write_key": "k", "data_plane_url": "https://rudder.example"})),
        (
            "webhook",
            json!({"url": "https://h.example/in?token=t", "headers": {"Authorization": "Bearer x"}, "body": "ndjson"}),
        ),
        ("file", json!({"path": "./out"})),
    ] {
        assert_eq!(build(kind, settings).name(), "audit");
    }
}

#[test]
fn limits_are_those_of_the_service_unless_set() {
    let limits = |kind, settings| {
        let destination = build(kind, settings);
        let (limits, batch) = (destination.limits(), destination.endpoints()[0].limits);
        (batch.records, batch.bytes, limits.concurrency, limits.rate)
    };
    let key = json!({"write_key": "k"});
    assert_eq!(limits("customerio-pipelines", key.clone()), (5000, 475_000, 8, Some(1000)));
    assert_eq!(limits("segment", key), (2500, 475_000, 4, None));
    let rudder = json!({"write_key": "k", "data_plane_url": "http://r.example", "concurrency": 9, "rate": 3});
    assert_eq!(limits("rudderstack", rudder), (10_000, 3_800_000, 9, Some(3)));
    assert_eq!(limits("webhook", json!({"url": "http://h.example"})), (100, 1_000_000, 4, None));
    let webhook = json!({"url": "http://h.example", "max_calls": 7, "max_bytes": 2048});
    assert_eq!(limits("webhook", webhook), (7, 2048, 4, None));
    assert_eq!(limits("file", json!({"path": "x"})), (100_000, 8 << 20, 1, None));
}

#[test]
fn the_same_account_is_the_same_credential_whatever_else_is_set() {
    let of = |kind, settings| build(kind, settings).credential();
    let segment = of("segment", json!({"write_key": "k"}));
    assert_eq!(segment, of("segment", json!({"write_key": "k", "concurrency": 9, "rate": 3, "gzip": true})));
    let hook = of("webhook", json!({"url": "http://h.example", "headers": {"a": "b"}}));
    let others = [
        segment,
        of("segment", json!({"write_key": "other"})),
        of("segment", json!({"write_key": "k", "region": "eu"})),
        of("customerio-pipelines", json!({"write_key": "k"})),
        of("webhook", json!({"url": "http://h.example"})),
        of("webhook", json!({"url": "http://h.example", "headers": {"a": "c"}})),
        of("webhook", json!({"url": "http://h.example", "headers": {"ab": ""}})),
        of("file", json!({"path": "a"})),
        of("file", json!({"path": "b"})),
    ];
    let mut all: Vec<u128> = others.into_iter().chain([hook]).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10);
}

#[test]
fn every_problem_is_told_at_its_place() {
    let at = |code: Code, place: &str| (code, place.to_owned());
    assert_eq!(problems("mailchimp", json!({})), [at(Code::UnknownReference, "type")]);
    assert_eq!(problems("customerio-pipelines", json!({})), [at(Code::MissingKey, "write_key")]);
    assert_eq!(
        problems(
            "segment",
            json!({"writekey": "s3cret", "region": "s3cret", "concurrency": 0, "gzip": "s3cret", "timeout": "1h"})
        ),
        [
            at(Code::UnknownKey, "writekey"),
            at(Code::MissingKey, "write_key"),
            at(Code::InvalidValue, "region"),
            at(Code::InvalidValue, "concurrency"),
            at(Code::InvalidValue, "timeout"),
            at(Code::InvalidValue, "gzip"),
        ]
    );
    assert_eq!(problems("segment", json!({"write_key": 12345})), [at(Code::InvalidValue, "write_key")]);
    assert_eq!(problems("segment", json!({"write_key": " "})), [at(Code::InvalidValue, "write_key")]);
    assert_eq!(
        problems("file", json!({"path": "x", "max_file_bytes": 1})),
        [at(Code::InvalidValue, "max_file_bytes")]
    );
    assert_eq!(problems("file", json!({"path": "x", "url": "y"})), [at(Code::UnknownKey, "url")]);
}

#[test]
fn addresses_and_headers_are_checked_where_they_stand() {
    let base = |url: &str| problems("segment", json!({"write_key": "k", "base_url": url}));
    for url in [
        "ftp://h.example",
        "h.example",
        "https://s3cret:x@h.example",
        "https://h.example/?s3cret=1",
        "https://",
    ] {
        assert_eq!(base(url), [(Code::InvalidValue, "base_url".to_owned())], "{url}");
    }
    let plane = json!({"write_key": "k", "data_plane_url": "nowhere"});
    assert_eq!(problems("rudderstack", plane), [(Code::InvalidValue, "data_plane_url".to_owned())]);
    assert_eq!(problems("webhook", json!({"url": "nowhere"})), [(Code::InvalidValue, "url".to_owned())]);
    for headers in
        [json!({"Host": "x"}), json!({"a b": "x"}), json!({"x": "s3cret\n"}), json!({"x": 1}), json!("x")]
    {
        let settings = json!({"url": "http://h.example", "headers": headers});
        assert_eq!(problems("webhook", settings), [(Code::InvalidValue, "headers".to_owned())]);
    }
}

#[test]
fn schemas_describe_exactly_the_settings() {
    assert_eq!(kinds(), ["customerio-pipelines", "segment", "rudderstack", "webhook", "file"]);
    for kind in kinds() {
        let schema = schema(kind).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["type"].is_string() || property["type"].is_array(), "{kind}.{name}");
            let description = property["description"].as_str().unwrap();
            assert!(
                description.ends_with('.') && !description.contains('\n'),
                "{kind}.{name}: {description:?}"
            );
        }
    }
    let cio = schema("customerio-pipelines").unwrap();
    assert_eq!(cio["required"], json!(["write_key"]));
    assert_eq!(cio["properties"]["write_key"]["writeOnly"], true);
    assert_eq!(cio["properties"]["region"]["enum"], json!(["us", "eu"]));
    assert_eq!(cio["properties"]["concurrency"]["default"], 8);
    assert_eq!(secret_settings("customerio-pipelines"), ["write_key"]);
    assert!(secret_settings("file").is_empty() && secret_settings("mailchimp").is_empty());
    assert!(schema("mailchimp").is_none());
}
