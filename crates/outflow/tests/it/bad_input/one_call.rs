//! One call that a destination refuses for good: it becomes a dead letter, and the others go.

use outflow_testkit::Judge;
use serde_json::Value;

use super::{Shop, assert_one_id_each, database, journeys, names};

/// The dead letters of the latest run.
fn dead_letters(shop: &Shop) -> Vec<Value> {
    let document = shop.project.json(&["dead-letters", "users"], 0);
    document["entries"].as_array().unwrap().clone()
}

/// Gives the user `u{n}` a bio of that many letters.
fn long_bio(shop: &Shop, n: u32, letters: u32) {
    database().sql(&format!("UPDATE {} SET bio = repeat('x', {letters}) WHERE id = 'u{n}'", shop.table));
}

/// Runs, and demands that all of the users `u1` to `u{to}` were taken once but `u7`, which is a
/// dead letter of this code.
#[track_caller]
fn loses_only_u7(shop: &Shop, to: u32, code: &str) -> Value {
    let run = shop.project.json(&["run", "users"], 4);
    assert_eq!(run["state"], "partial", "{run}");
    assert_eq!(journeys(&run)["delivered"], to - 1, "{run}");
    assert_eq!(journeys(&run)["dead_letters"], 1, "{run}");
    let rest = names(to).filter(|name| name != "u7");
    Judge::expecting(rest).judge(&shop.receiver.arrivals()).assert_exactly_once();
    assert_one_id_each(&shop.receiver);
    let letters = dead_letters(shop);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["code"], code);
    assert_eq!(letters[0]["call"]["userId"], "u7");
    assert_eq!(letters[0]["call"]["messageId"], letters[0]["message_id"]);
    let shown = shop.project.run(&["dead-letters"]);
    shown.assert_code(0);
    let row = format!("row {},", letters[0]["ordinal"].as_u64().unwrap() + 1);
    assert!(shown.stdout.contains(code) && shown.stdout.contains(&row), "{shown:?}");
    shop.project.run(&["verify", "users"]).assert_code(0);
    run
}

/// The dead letter is settled: the next run does not send it again.
#[track_caller]
fn is_settled(shop: &Shop, last: &Value) {
    let before = shop.receiver.arrivals().len();
    let next = shop.project.json(&["run", "users"], 0);
    assert_eq!(next["last_sync_time"], last["next_last_sync_time"]);
    assert_eq!(next["rows"]["calls"], 0, "{next}");
    assert_eq!(shop.receiver.arrivals().len(), before);
}

#[test]
fn a_400_for_one_bad_call_in_a_batch_is_one_dead_letter_d003() {
    let shop = Shop::new("status_400");
    shop.add(1, 100);
    shop.receiver.refuse_batches_with(400, |call| call["userId"] == "u7");
    let run = loses_only_u7(&shop, 100, "D003");
    assert_eq!(dead_letters(&shop)[0]["status"], 400);
    is_settled(&shop, &run);
}

#[test]
fn a_cell_of_200_kb_is_a_dead_letter_d001_by_itself_and_is_never_sent() {
    let shop = Shop::new("huge_cell");
    shop.add(1, 20);
    long_bio(&shop, 7, 200_000);
    let run = loses_only_u7(&shop, 20, "D001");
    assert!(shop.receiver.arrivals().iter().all(|arrival| arrival.call["userId"] != "u7"));
    is_settled(&shop, &run);
}

#[test]
fn a_413_makes_batches_smaller_until_they_fit() {
    let shop = Shop::new("status_413");
    shop.add(1, 100);
    shop.receiver.limit_body(4_000);
    let run = shop.project.json(&["run", "users"], 0);
    assert_eq!(journeys(&run)["delivered"], 100, "{run}");
    shop.assert_delivered(100);
    assert_one_id_each(&shop.receiver);
}

#[test]
fn a_413_for_a_call_by_itself_is_a_dead_letter_d001() {
    let shop = Shop::new("lone_413");
    shop.add(1, 20);
    long_bio(&shop, 7, 6_000);
    shop.receiver.limit_body(4_000);
    loses_only_u7(&shop, 20, "D001");
}

#[test]
fn a_destination_that_refuses_most_calls_alike_stops_with_d021() {
    let shop = Shop::new("refuses_most");
    shop.add(1, 1_500);
    shop.receiver.refuse_batches_with(400, |_| true);
    let run = shop.project.json(&["run", "users"], 6);
    assert_eq!(journeys(&run)["reason"]["code"], "D021", "{run}");
    assert_eq!(journeys(&run)["delivered"], 0, "{run}");
    let (dead, pending) = (&journeys(&run)["dead_letters"], &journeys(&run)["pending"]);
    assert_eq!(dead.as_u64().unwrap() + pending.as_u64().unwrap(), 1_500, "{run}");
    assert!(pending.as_u64().unwrap() >= 400, "{run}");
}
