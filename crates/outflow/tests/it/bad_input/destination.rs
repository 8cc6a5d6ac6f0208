//! The destination is away, refuses everything, or answers nonsense.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use outflow_testkit::{Judge, Receiver, Reply, Report, free_port};

use super::{Shop, assert_one_id_each, journeys, names};
use crate::support::WRITE_KEY;

/// A run of five users that ends with calls pending and with this code, then a good one, which must
/// finish it under the same ids; the run after that has nothing to do. `spoil` and `mend` break and
/// fix the destination.
#[track_caller]
fn stays_pending(shop: &Shop, code: &str, spoil: impl FnOnce(&Shop), mend: impl FnOnce(&Shop)) {
    shop.add(1, 5);
    spoil(shop);
    let exit = shop.project.run(&["run", "users", "--delivery-timeout", "2s"]);
    exit.assert_code(6);
    assert!(exit.stderr.contains(code), "{exit:?}");
    assert!(exit.ran < Duration::from_secs(20), "{exit:?}");
    let stopped = &shop.project.json(&["runs", "--limit", "1"], 0)[0];
    assert_eq!(stopped["state"], "delivering", "{stopped}");
    assert_eq!(journeys(stopped)["state"], "stopped", "{stopped}");
    assert_eq!(journeys(stopped)["pending"], 5, "{stopped}");
    assert_eq!(journeys(stopped)["reason"]["code"], code, "{stopped}");
    assert!(shop.receiver.calls().is_empty());

    mend(shop);
    let finished = shop.project.json(&["run", "users"], 0);
    assert_eq!((&finished["run"], &finished["resumed"]), (&stopped["run"], &true.into()), "{finished}");
    assert_eq!(journeys(&finished)["delivered"], 5, "{finished}");
    shop.assert_delivered(5);
    assert_one_id_each(&shop.receiver);
    goes_on(shop, &finished);
}

/// The next run reads from where the last one ended, and sends what is new alone.
#[track_caller]
fn goes_on(shop: &Shop, last: &serde_json::Value) {
    shop.add(6, 6);
    let next = shop.project.json(&["run", "users"], 0);
    assert_eq!(next["last_sync_time"], last["next_last_sync_time"], "{next}");
    assert_eq!(journeys(&next)["delivered"], 1, "{next}");
    shop.assert_delivered(6);
}

#[test]
fn a_receiver_that_is_down_leaves_calls_pending_with_d020_and_says_d010() {
    let shop = Shop::new("receiver_down");
    let elsewhere = shop.yaml().replace(&shop.receiver.url(), &format!("http://127.0.0.1:{}", free_port()));
    stays_pending(&shop, "D020", |shop| shop.configure(&elsewhere), |shop| shop.configure(&shop.yaml()));
    let shown = shop.project.run(&["runs"]);
    assert!(shown.stdout.contains("succeeded"), "{shown:?}");
}

#[test]
fn a_receiver_that_resets_every_connection_leaves_calls_pending() {
    let shop = Shop::new("receiver_resets");
    let resets = |shop: &Shop| shop.receiver.always(Reply::reset_after_request().refused());
    stays_pending(&shop, "D020", resets, |shop| shop.receiver.always(Reply::ok()));
}

#[test]
fn refused_credentials_are_d013_and_the_calls_stay() {
    for (table, status) in [("status_401", 401), ("status_403", 403)] {
        let shop = Shop::new(table);
        let refuse = |shop: &Shop| shop.receiver.always(Reply::status(status));
        stays_pending(&shop, "D013", refuse, |shop| shop.receiver.always(Reply::ok()));
        let refused = shop.receiver.requests().iter().filter(|r| r.status == Some(status)).count();
        assert_eq!(refused, 6, "the five calls together, one by one, and never again");
    }
}

#[test]
fn a_wrong_address_is_d014_and_the_calls_stay() {
    let shop = Shop::new("status_404");
    stays_pending(
        &shop,
        "D014",
        |shop| shop.receiver.always(Reply::status(404)),
        |shop| shop.receiver.always(Reply::ok()),
    );
}

#[test]
fn a_redirect_is_d014_and_is_not_followed() {
    let shop = Shop::new("status_302");
    let elsewhere = Receiver::start_blocking();
    let target = format!("{}/v1/batch", elsewhere.url());
    stays_pending(
        &shop,
        "D014",
        |shop| shop.receiver.always(Reply::redirect(302, &target)),
        |shop| shop.receiver.always(Reply::ok()),
    );
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_web_page_in_place_of_an_answer_is_d017_and_the_calls_stay() {
    let shop = Shop::new("web_page");
    stays_pending(
        &shop,
        "D017",
        |shop| shop.receiver.always(Reply::html()),
        |shop| shop.receiver.always(Reply::ok()),
    );
}

#[test]
fn a_key_that_is_mended_in_the_project_takes_effect_on_the_pending_run() {
    let shop = Shop::new("mended_key");
    let right = format!("Basic {}", BASE64_STANDARD.encode(format!("{WRITE_KEY}:")));
    shop.receiver.rule(move |request, _| {
        (request.header("authorization") != Some(right.as_str())).then(|| Reply::status(401))
    });
    shop.add(1, 5);
    let wrong = shop.project.program(&["run", "users"]).env("WRITE_KEY", "an-old-write-key").run();
    wrong.assert_code(6);
    assert!(!wrong.stderr.contains("an-old-write-key"), "{wrong:?}");
    let finished = shop.project.json(&["run", "users"], 0);
    assert_eq!(finished["resumed"], true);
    shop.assert_delivered(5);
    assert_one_id_each(&shop.receiver);
}

#[test]
fn a_429_with_retry_after_is_waited_for_and_delivered() {
    let shop = Shop::new("status_429");
    shop.add(1, 5);
    shop.receiver.script([Reply::status(429).header("retry-after", "2")]);
    let run = shop.project.json(&["run", "users"], 0);
    assert_eq!(journeys(&run)["delivered"], 5, "{run}");
    assert_eq!(journeys(&run)["retries"], 1, "{run}");
    let requests = shop.receiver.requests();
    let waited = requests[1].at - requests[0].at;
    assert!(waited >= Duration::from_secs(2), "asked again after {waited:?}");
    shop.assert_delivered(5);
    assert_one_id_each(&shop.receiver);
    goes_on(&shop, &run);
}

#[test]
fn a_500_twice_and_then_a_200_is_delivered_under_the_same_ids() {
    let shop = Shop::new("status_500");
    shop.add(1, 5);
    shop.receiver.script([Reply::status(500), Reply::status(503)]);
    let run = shop.project.json(&["run", "users"], 0);
    assert_eq!(journeys(&run)["delivered"], 5, "{run}");
    assert_eq!(journeys(&run)["retries"], 2, "{run}");
    let requests = shop.receiver.requests();
    assert_eq!(requests.iter().map(|r| r.status).collect::<Vec<_>>(), [Some(500), Some(503), Some(200)]);
    assert_eq!(requests[0].body, requests[2].body, "the same bytes go again");
    shop.assert_delivered(5);
    assert_one_id_each(&shop.receiver);
    goes_on(&shop, &run);
}

#[test]
fn a_reset_after_the_whole_request_repeats_calls_under_the_same_ids_and_loses_none() {
    let shop = Shop::new("reset_after_request");
    shop.add(1, 400);
    shop.receiver.script([
        Reply::reset_after_request(),
        Reply::reset_in_answer(),
        Reply::close(),
        Reply::short_body(),
    ]);
    let run = shop.project.json(&["run", "users"], 0);
    assert_eq!(journeys(&run)["delivered"], 400, "{run}");
    let verdict = Judge::expecting(names(400)).judge(&shop.receiver.arrivals());
    verdict.assert_at_least_once();
    assert!(verdict.repeats > 0, "{verdict}");
    assert_one_id_each(&shop.receiver);
}

#[test]
fn a_500_that_took_the_calls_repeats_them_under_the_same_ids() {
    let shop = Shop::new("taken_500");
    shop.add(1, 50);
    shop.receiver.script([Reply::status(500).taken()]);
    shop.project.json(&["run", "users"], 0);
    let verdict = Judge::expecting(names(50)).judge(&shop.receiver.arrivals());
    verdict.assert_at_least_once();
    assert_eq!(verdict.repeats, 50, "{verdict}");
}

/// Answers that break the protocol, lie about their length or never end. Each comes once in the
/// middle of a run, which must get over it by itself: the batch goes again, under the same ids.
#[test]
fn answers_that_break_the_protocol_are_got_over_and_lose_nothing() {
    let cases = [
        ("bad_chunks", Reply::bad_chunks()),
        ("short_body", Reply::short_body()),
        ("long_body", Reply::long_body()),
        ("long_head", Reply::long_head(10 << 20)),
        ("informational", Reply::informational_flood(100_000)),
        ("garbage", Reply::garbage()),
        ("reset", Reply::reset_in_answer()),
        ("closed", Reply::close()),
    ];
    let (shop, mut to, times) = (Shop::new("protocol"), 0, cases.len() as u64);
    for (what, reply) in cases {
        shop.add(to + 1, to + 5);
        to += 5;
        shop.receiver.script([reply]);
        let exit = shop.project.run(&["run", "users"]);
        assert_eq!(exit.code, Some(0), "{what}: {exit:?}");
        Judge::expecting(names(to)).judge(&shop.receiver.arrivals()).assert_at_least_once();
    }
    assert_one_id_each(&shop.receiver);
    shop.project.assert_closed();
    let verdict = Judge::expecting(names(to)).judge(&shop.receiver.arrivals());
    assert!(verdict.repeats > 0, "some of them come after the calls were taken");
    Report::new(
        "bad_input::destination::answers_that_break_the_protocol_are_got_over_and_lose_nothing",
        "answers that break the protocol, lie about their length or flood, once each",
        times,
    )
    .judged(&verdict)
    .print();
}

/// Answers that do not come from the API stop the destination, and leave the calls pending until it
/// is fixed.
#[test]
fn bombs_and_endless_answers_are_d017_and_the_calls_stay() {
    for (table, reply) in
        [("bomb", Reply::gzip_bomb(1 << 30).refused()), ("endless", Reply::endless_body().refused())]
    {
        let shop = Shop::new(table);
        stays_pending(
            &shop,
            "D017",
            |shop| shop.receiver.always(reply.clone()),
            |shop| shop.receiver.always(Reply::ok()),
        );
    }
}

#[test]
fn another_protocol_that_nobody_asked_for_is_d014_and_the_calls_stay() {
    let shop = Shop::new("upgrade");
    stays_pending(
        &shop,
        "D014",
        |shop| shop.receiver.always(Reply::upgrade()),
        |shop| shop.receiver.always(Reply::ok()),
    );
}

#[test]
fn a_redirect_that_leads_back_to_itself_is_never_followed() {
    let shop = Shop::new("redirect_loop");
    let target = format!("{}/v1/batch", shop.receiver.url());
    stays_pending(
        &shop,
        "D014",
        |shop| shop.receiver.always(Reply::redirect(307, &target)),
        |shop| shop.receiver.always(Reply::ok()),
    );
    // The five calls together, and one by one.
    assert_eq!(shop.receiver.requests().iter().filter(|r| r.status == Some(307)).count(), 6);
}
