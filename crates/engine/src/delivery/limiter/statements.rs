//! What services state about themselves, true or not, against a limiter in virtual time.

use outflow_core::{Quota, RateHint};
use outflow_testkit::{Rng, seed};

use super::tests::admit;
use super::*;
use crate::delivery::moments::LONGEST_WAIT;

const NO_HINT: RateHint = RateHint { limit: None, quotas: Vec::new(), remaining: None, reset: None };

fn limiter(rate: Option<u32>) -> Arc<DestinationLimiter> {
    let limiter = DestinationLimiter::default();
    limiter.serve("a", &RequestLimits { concurrency: 4, rate, burst: None });
    Arc::new(limiter)
}

fn any_duration(rng: &mut Rng) -> Duration {
    match rng.below(6) {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        2 => Duration::from_nanos(rng.next_u64()),
        3 => Duration::from_secs(rng.next_u64()),
        _ => Duration::from_secs(rng.below(200_000)),
    }
}

fn any_hint(rng: &mut Rng) -> RateHint {
    let quotas = (0..rng.below(8))
        .map(|_| Quota { requests: [0, 1, 5, u64::MAX][rng.below(4) as usize], window: any_duration(rng) });
    RateHint {
        quotas: quotas.collect(),
        limit: (rng.below(2) == 0).then(|| f64::from_bits(rng.next_u64())),
        remaining: (rng.below(2) == 0).then(|| rng.below(2)),
        reset: (rng.below(2) == 0).then(|| any_duration(rng)),
    }
}

/// Whatever a service answers and states, the next request goes within an hour, and a minute for
/// the slowest rate.
#[tokio::test(start_paused = true)]
async fn no_statement_panics_and_none_makes_a_request_wait_longer_than_an_hour() {
    let mut rng = Rng::new(seed());
    for _ in 0..200 {
        let limiter = limiter((rng.below(2) == 0).then(|| rng.below(100) as u32));
        for _ in 0..30 {
            let asked = Instant::now();
            let mut permit = admit(&limiter).await;
            assert!(asked.elapsed() <= LONGEST_WAIT + Duration::from_secs(120), "{:?}", asked.elapsed());
            let hint = any_hint(&mut rng);
            match rng.below(4) {
                0 => permit.answered(&hint),
                1 => {
                    let after = Some(any_duration(&mut rng));
                    let failed =
                        Failed { code: Code::DestinationThrottled, reason: "no", load: Load::Rate, after };
                    let wait = permit.failed(&failed, |_| Duration::MAX, &hint).wait;
                    assert!(wait <= LONGEST_WAIT, "{wait:?}");
                }
                _ => permit.succeeded(&hint),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_daily_quota_is_used_at_full_speed_and_then_waited_for() {
    let limiter = limiter(None);
    let hint =
        RateHint { quotas: vec![Quota { requests: 1_000, window: Duration::from_secs(86_400) }], ..NO_HINT };
    let start = Instant::now();
    for _ in 0..1_000 {
        admit(&limiter).await.succeeded(&hint);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(limiter.health(), Health::Healthy, "nobody has to wait yet");
    let waiting = tokio::spawn(admit(&limiter));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(limiter.health(), Health::Waiting { .. }), "{:?}", limiter.health());
    assert_eq!(limiter.next_request(), start + LONGEST_WAIT);
    let mut asks_again = waiting.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), LONGEST_WAIT.as_secs());
    // It has a new day: the service states a quota no longer.
    asks_again.succeeded(&NO_HINT);
    assert_eq!(limiter.health(), Health::Healthy);
    drop(admit(&limiter).await);
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_requests_than_the_configured_rate() {
    let (limiter, mut sent) = (limiter(Some(10)), Vec::new());
    let mut rng = Rng::new(seed());
    for _ in 0..300 {
        if rng.below(20) == 0 {
            tokio::time::sleep(rng.duration(Duration::from_secs(3))).await;
        }
        admit(&limiter).await.succeeded(&NO_HINT);
        sent.push(Instant::now());
    }
    for (first, eleventh) in sent.iter().zip(&sent[10..]) {
        assert!(*eleventh - *first >= Duration::from_secs(1), "eleven within {:?}", *eleventh - *first);
    }
}
