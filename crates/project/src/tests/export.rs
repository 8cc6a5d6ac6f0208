//! What is exported means what it meant.

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use outflow_core::{Clock as _, SystemClock};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::super::{StoredDefinition, export};
use super::*;

/// A name that a project takes, and that YAML might take for something else.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_-]{0,8}",
        "[0-9]{1,4}",
        Just("yes".to_owned()),
        Just("null".to_owned()),
        Just("1e3".to_owned()),
        Just("0x1f".to_owned()),
    ]
}

/// A text of one or several lines, with what YAML gives a meaning.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[ -~]{1,30}",
        "[#:\\-?&*!|>'\"%@`{}\\[\\], ]{1,8}x",
        Just("é ü 漢 \u{1f600}".to_owned()),
        Just("\t- tab".to_owned()),
        Just("  indented".to_owned()),
        Just(String::new()),
    ];
    (prop::collection::vec(line, 1..5), "\n{0,3}")
        .prop_map(|(lines, end)| format!("{}{end}", lines.join("\n")))
        .prop_filter("blank texts and references are no texts", |text| {
            !text.trim().is_empty() && !["${", "{{", "{%"].iter().any(|sign| text.contains(sign))
        })
}

fn query() -> impl Strategy<Value = String> {
    ("[a-z]{1,8}", "[ -~&&[^'\\\\${}]]{0,20}", prop::bool::ANY, 0_usize..4).prop_map(
        |(column, quoted, is_long, ends)| {
            let line = if is_long { "\n  -- a comment: # with marks\n\n" } else { " " };
            format!("SELECT id AS \"userId\",{line}'{quoted}' AS {column}_\nFROM t{}", "\n".repeat(ends))
        },
    )
}

fn syncs() -> impl Strategy<Value = Map<String, Value>> {
    let optional = |key: &'static str, values: BoxedStrategy<Value>| {
        prop::option::of(values).prop_map(move |value| value.map(|value| (key.to_owned(), value)))
    };
    let sync = (
        query(),
        optional("description", text().prop_map(Value::from).boxed()),
        optional(
            "tags",
            prop::collection::vec("[a-z0-9]{1,5}".prop_map(Value::from), 0..3).prop_map(Value::Array).boxed(),
        ),
        optional("lookback", "[1-9][smh]".prop_map(Value::from).boxed()),
        optional("schedule", (1_u32..60).prop_map(|n| json!({ "every": format!("{n}h") })).boxed()),
        optional("max_run_bytes", (1_u64..u64::from(u32::MAX)).prop_map(Value::from).boxed()),
        optional("enabled", prop::bool::ANY.prop_map(Value::from).boxed()),
        optional("first_run", Just(json!("2026-01-31")).boxed()),
    );
    let sync = sync.prop_map(|(query, a, b, c, d, e, f, g)| {
        let mut value = json!({ "source": "shop", "type": "identify", "query": query });
        for (key, given) in [a, b, c, d, e, f, g].into_iter().flatten() {
            value[key] = given;
        }
        value
    });
    prop::collection::vec((name(), sync), 1..4).prop_map(|all| {
        let mut map = Map::new();
        for (name, sync) in all {
            if !map.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
                map.insert(name, sync);
            }
        }
        map
    })
}

/// The definitions of a random project.
fn project() -> impl Strategy<Value = Vec<(DefinitionId, Value)>> {
    (syncs(), name(), text(), 1_u64..1000).prop_map(|(syncs, out, header, extractions)| {
        // Lines that were put together without a space could make a reference: `$` and `{`.
        let printed = |c| if (' '..='~').contains(&c) { c } else { ' ' };
        let header: String = header.chars().map(printed).collect();
        let id = DefinitionId::new;
        let mut all = vec![
            (id(DefinitionKind::Setting, "limits"), json!({ "extractions": extractions })),
            (id(DefinitionKind::Setting, "id"), json!("0123456789")),
            (
                id(DefinitionKind::Source, "shop"),
                json!({ "type": "postgres", "destinations": [out, { "name": "h", "nulls": "omit" }],
                    "databases": { "main": { "host": "h", "database": "d", "user": "u", "port": 5432 } } }),
            ),
            (
                id(DefinitionKind::Destination, "h"),
                json!({ "type": "webhook", "url": "https://h.example/", "headers": { "x-a": format!("a{}", header.trim()) } }),
            ),
        ];
        if out != "h" && out != "H" {
            all.push((id(DefinitionKind::Destination, &out), json!({ "type": "webhook", "url": "https://o.example/" })));
        } else {
            all[2].1["destinations"] = json!(["h"]);
        }
        all.extend(syncs.into_iter().map(|(name, sync)| (DefinitionId::new(DefinitionKind::Sync, name), sync)));
        all
    })
}

/// A runner whose seed is printed, and can be given in OUTFLOW_SEED.
fn runner(cases: u32) -> TestRunner {
    let given = std::env::var("OUTFLOW_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| SystemClock.now().as_microsecond().unsigned_abs());
    println!("OUTFLOW_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[test]
fn projects_survive_from_the_server_to_a_file_and_back() {
    let mut runner = runner(200);
    runner
        .run(&project(), |definitions| {
            let dir = folder(&[("outflow.yaml", "version: 1\n")]);
            let stored: Vec<StoredDefinition> = definitions
                .iter()
                .map(|(id, value)| StoredDefinition { id: id.clone(), version: 1, value: value.clone() })
                .collect();
            let server = Project::load(&Origin { stored: stored.into(), ..origin(dir.path()) }).unwrap();
            let text = export(&definitions);
            let dir = folder(&[("outflow.yaml", text.as_str())]);
            let file = match Project::load(&origin(dir.path())) {
                Ok(file) => file,
                Err(errors) => panic!("{errors:?}\n{text}"),
            };
            let found: Vec<_> =
                file.definitions.iter().map(|file| (file.id.clone(), file.value.clone())).collect();
            prop_assert_eq!(found.len(), definitions.len());
            for (id, value) in &definitions {
                let back = found.iter().find(|(other, _)| other == id);
                prop_assert_eq!(Some(value), back.map(|(_, value)| value), "{}", text);
            }
            prop_assert_eq!(export(&found), text);
            let by_name = |mut project: Project| {
                project.syncs.sort_by(|a, b| a.name.cmp(&b.name));
                project.syncs
            };
            prop_assert_eq!(by_name(server), by_name(file));
            Ok(())
        })
        .unwrap();
}
