//! S04, with the real binary: a rotation of the key that is killed anywhere loses no secret.

use std::fs;

use outflow_testkit::{Receiver, Report, slice_or_whole};
use serde_json::json;

use super::kept::Vault;
use crate::serving::Serving;

/// More than are encrypted again in one transaction, several times.
const SECRETS: usize = 150;
/// Every write of the state, and every change of the key's file.
const CALLS: &str = "pwrite64,fsync,fdatasync,rename";

#[test]
fn a_rotation_that_is_killed_anywhere_loses_no_secret_and_is_finished_by_the_next() {
    outflow_testkit::crash::assert_can_trace();
    let mut vault = Vault::new(&Receiver::start_blocking(), None);
    vault.set("HOOK", "the-value", 0);
    let mut serving = Serving::of(&vault.project, &vault.program(&["serve", "--output", "json"]));
    assert!(serving.is_up());
    for n in 0..SECRETS {
        let ask = json!({ "ask": "set_secret", "name": format!("S{n}"), "value": format!("value-{n}") });
        let answer = serving.ask(&ask).unwrap();
        assert_eq!(answer["ok"]["secret_changed"]["existed"], false, "{answer}");
    }
    serving.stop();
    let (mut kills, mut at, mut mixed) = (0_u64, 1, 0_u64);
    loop {
        let exit = vault.program(&["secrets", "rotate"]).killed_at(CALLS, at).run();
        let check = vault.json(&["secrets", "check"], 0);
        assert_eq!(check["readable"], SECRETS + 1, "killed at call {at}: {check}");
        mixed += u64::from(check["under_older_keys"].as_u64().is_some_and(|older| older > 0));
        if !exit.was_killed() {
            break;
        }
        // The next one begins with everything under one key.
        vault.run(&["secrets", "rotate"], 0);
        kills += 1;
        at += slice_or_whole(3, 1);
    }
    assert!(kills >= 8 && mixed > 3, "{kills} kills, {mixed} in the midst");
    vault.run(&["secrets", "rotate"], 0);
    let check = vault.json(&["secrets", "check"], 0);
    assert_eq!(check["under_older_keys"], 0);
    let list = vault.json(&["secrets", "list"], 0);
    let ids: std::collections::BTreeSet<String> =
        list["secrets"].as_array().unwrap().iter().map(|secret| secret["key_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(fs::read_to_string(vault.key()).unwrap().lines().count(), 1, "the older keys are gone");
    Report::new(
        "outflow::it::secrets::at_rest::a_rotation_that_is_killed_anywhere_loses_no_secret_and_is_finished_by_the_next",
        "rotations of the key killed at a write",
        kills,
    )
    .with("secrets", SECRETS as u64 + 1)
    .with("left in the midst", mixed)
    .with("lost", 0)
    .print();
}
