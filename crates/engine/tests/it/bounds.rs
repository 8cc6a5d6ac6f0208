//! What a destination says about rates and waits bounds nothing but its own requests, and those
//! only as far as Outflow allows.

use std::time::{Duration, Instant};

use outflow_core::{Answer, Code, Quota, RateHint, RunId, RunState};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::serve::Event;

use crate::parts::{House, Scripted, Table, refusal, users_to};
use crate::served::{MINUTE, Served, config, every_minute, open};

/// Runs twenty users to a destination with this hint in each answer, for 400 ms at most.
async fn run_with(hint: RateHint, answer: Answer) -> (outflow_engine::RunDocument, Duration) {
    let a = Scripted::new("a", move |_, _| answer.clone());
    *a.hint.lock().unwrap() = hint;
    let (table, house) = (Table::users(1..=200), House::new(&[&a]));
    let (spec, started) = (users_to(&["a"]), Instant::now());
    let run = tokio::time::timeout(Duration::from_secs(30), house.run(&spec, &table));
    let run = run.await.expect("the run ends by itself").unwrap();
    (run, started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stated_rate_panics_and_none_is_waited_for_beyond_the_time_of_a_run() {
    let tiny = [1e-300, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-19];
    for limit in tiny.into_iter().chain([f64::MAX, 1e300]) {
        let hint = RateHint { limit: Some(limit), ..RateHint::default() };
        let (run, took) = run_with(hint, Answer::Delivered).await;
        let counts = run.destinations[0].1.counts;
        assert!(counts.delivered >= 10, "{limit}: {counts:?}");
        assert!(took < Duration::from_secs(10), "{limit}: {took:?}");
        if run.state != RunState::Succeeded {
            let reason = run.destinations[0].1.reason.as_ref().unwrap();
            assert_eq!(reason.code, Code::DeliveryTimeout, "{limit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stated_wait_panics_and_none_is_waited_for_beyond_the_time_of_a_run() {
    for wait in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40)] {
        let hint = RateHint { remaining: Some(0), reset: Some(wait), ..RateHint::default() };
        let (run, took) = run_with(hint, Answer::Delivered).await;
        assert!(took < Duration::from_secs(10), "{wait:?}: {took:?}");
        assert!(run.destinations[0].1.counts.delivered >= 10);
        let retry = Answer::Retry {
            code: Code::DestinationThrottled,
            status: Some(429),
            reason: "later".into(),
            after: Some(wait),
        };
        let (run, took) = run_with(RateHint::default(), retry).await;
        assert!(took < Duration::from_secs(10), "{wait:?}: {took:?}");
        let reason = run.destinations[0].1.reason.as_ref().unwrap();
        assert_eq!(reason.code, Code::DeliveryTimeout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_everything_late_in_a_run_is_stopped_too() {
    let batch = outflow_core::ports::destination::BatchLimits { records: 100, bytes: 1_000_000 };
    let a = Scripted::with_limits("a", batch, 2, |_, calls| {
        match calls.iter().all(|call| call["userId"].as_str().unwrap().parse::<u64>().unwrap() <= 1_200) {
            true => Answer::Delivered,
            false => Answer::Refused(refusal(Code::CallRefused, Some(422))),
        }
    });
    let (table, house) = (Table::users(1..=20_000), House::new(&[&a]));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let d = &run.destinations[0].1;
    assert_eq!(d.reason.as_ref().unwrap().code, Code::MostCallsRefused, "{:?}", d.counts);
    assert_eq!(d.counts.delivered, 1_200);
    assert!(d.counts.dead_letters <= 1_200 && d.counts.pending >= 17_000, "{:?}", d.counts);
}

fn daily(requests: u64) -> RateHint {
    let quotas = vec![Quota { requests, window: Duration::from_secs(86_400) }];
    RateHint { quotas, ..RateHint::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_not_used_up_slows_nothing_down() {
    let (run, took) = run_with(daily(1_000), Answer::Delivered).await;
    assert_eq!(run.state, RunState::Succeeded);
    assert!(took < Duration::from_secs(10), "{took:?}");
    let (run, _) = run_with(daily(1), Answer::Delivered).await;
    let (counts, reason) = (run.destinations[0].1.counts, run.destinations[0].1.reason.as_ref().unwrap());
    assert_eq!(reason.code, Code::DeliveryTimeout);
    assert!(reason.message.contains("its quota of 1 requests in 86400 seconds is used up"), "{reason:?}");
    assert!(counts.delivered <= 40 && counts.pending >= 160, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_whose_quota_is_used_up_waits_and_delays_no_other() {
    let (a, b) = (open("a"), open("b"));
    *b.hint.lock().unwrap() = daily(1);
    let (table, spec) = (Table::users(1..=100), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.next(|e| matches!(e, Event::Degraded { degraded: true, .. }).then_some(())).await;
    assert_eq!(served.delivered("a").await, RunId(1));
    for n in 1..=4 {
        table.set([(Some(format!("{n}000")), "pro")]);
        served.at(1_000_000 + n * MINUTE);
        assert_eq!(served.delivered("a").await, RunId(1 + n as u64), "no slot is skipped");
    }
    let queues = served.handle.queues();
    assert_eq!((queues.len(), queues[0].runs.len(), queues[0].degraded), (1, 5, true));
    let limiter = served.house.engine.limiters.of(b.as_ref());
    let Health::Waiting { since, until, .. } = limiter.health() else { panic!("{:?}", limiter.health()) };
    assert!(until > since && until - since <= Duration::from_secs(3_600));
    assert_eq!(served.alert("destination_degraded").await, "users to b");
    assert!(served.handle.tasks().is_empty());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_of_a_destination_that_was_stopped_makes_few_dead_letters() {
    let b = Scripted::new("b", |_, _| Answer::Refused(refusal(Code::CallRefused, Some(422))));
    let (table, spec) = (Table::users(1..=5_000), every_minute(&["b"]));
    let mut served = Served::start(House::new(&[&b]), 1_000_000, &spec, &table);
    let stopped = async |served: &mut Served| {
        served
            .next(|event| match event {
                Event::Delivered { counts, reason: Some((code, _)), .. } => {
                    Some((*code, counts.dead_letters))
                }
                _ => None,
            })
            .await
    };
    let (code, first) = stopped(&mut served).await;
    assert_eq!(code, Code::MostCallsRefused);
    assert!((501..=600).contains(&first), "{first}");
    let mut before = first;
    for _ in 0..3 {
        // As after five minutes: the queue goes on by itself.
        served.handle.reload(config(&served.house, &spec, &table));
        let (code, dead) = stopped(&mut served).await;
        assert_eq!(code, Code::MostCallsRefused);
        assert!(dead > before && dead - before <= 60, "{before} and then {dead}");
        before = dead;
    }
    served.stop().await;
}
