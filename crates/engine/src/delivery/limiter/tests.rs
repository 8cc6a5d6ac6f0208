//! The limiter in virtual time, against services that are modelled.

use outflow_core::RateHint;
use outflow_core::ports::check::Check;

use super::*;

/// A service with a token bucket. It answers 429 when the bucket is empty.
struct Service {
    rate: f64,
    capacity: f64,
    tokens: f64,
    filled: Instant,
    accepted: u32,
    refused: u32,
}

impl Service {
    fn new(rate: f64, capacity: f64) -> Self {
        Self { rate, capacity, tokens: capacity, filled: Instant::now(), accepted: 0, refused: 0 }
    }

    fn takes(&mut self) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + (now - self.filled).as_secs_f64() * self.rate).min(self.capacity);
        self.filled = now;
        let takes = self.tokens >= 1.0;
        if takes {
            self.tokens -= 1.0;
            self.accepted += 1;
        } else {
            self.refused += 1;
        }
        takes
    }
}

fn limits(concurrency: usize, rate: Option<u32>) -> RequestLimits {
    RequestLimits { concurrency, rate, burst: None }
}

fn limiter(concurrency: usize, rate: Option<u32>) -> Arc<DestinationLimiter> {
    let limiter = DestinationLimiter::default();
    limiter.serve("a", &limits(concurrency, rate));
    Arc::new(limiter)
}

fn backoff(n: u32) -> Duration {
    Duration::from_millis(250).saturating_mul(1 << (n - 1).min(8)).min(Duration::from_secs(60))
}

const NO_HINT: RateHint = RateHint { limit: None, quotas: Vec::new(), remaining: None, reset: None };

fn fail(permit: &mut Permit, code: Code, load: Load, after: Option<Duration>) -> Failure {
    permit.failed(&Failed { code, reason: "no", load, after }, backoff, &NO_HINT)
}

/// A permit of a delivery of its own.
pub(super) fn admit(limiter: &Arc<DestinationLimiter>) -> impl Future<Output = Permit> + Send + use<> {
    let flow = limiter.join("sync", Urgency::New);
    async move { flow.admit().await }
}

/// Whether a request is admitted without time passing.
async fn admitted(limiter: &Arc<DestinationLimiter>) -> Option<Permit> {
    tokio::time::timeout(Duration::ZERO, admit(limiter)).await.ok()
}

/// Takes permits until there are no more.
async fn all(limiter: &Arc<DestinationLimiter>) -> Vec<Permit> {
    let mut permits = Vec::new();
    while let Some(permit) = admitted(limiter).await {
        permits.push(permit);
    }
    permits
}

/// Opens the circuit. Returns how long it waits for the first probe.
async fn break_circuit(limiter: &Arc<DestinationLimiter>) -> Duration {
    let mut permit = admit(limiter).await;
    for _ in 1..FAILURES {
        fail(&mut permit, Code::DestinationServerError, Load::Unknown, None);
        permit.readmit().await;
    }
    fail(&mut permit, Code::DestinationServerError, Load::Unknown, None).wait
}

/// Sends requests to the service without end, each until it is accepted.
async fn work(
    limiter: Arc<DestinationLimiter>,
    service: Arc<Mutex<Service>>,
    latency: Duration,
    after: Option<Duration>,
) {
    loop {
        let mut permit = admit(&limiter).await;
        loop {
            permit.readmit().await;
            tokio::time::sleep(latency).await;
            if lock(&service).takes() {
                break permit.succeeded(&NO_HINT);
            }
            fail(&mut permit, Code::DestinationThrottled, Load::Rate, after);
        }
    }
}

/// What a service that allows 100 requests/s accepts and refuses in `time` after `warm_up`.
async fn storm(
    capacity: f64,
    after: Option<u64>,
    latency: u64,
    concurrency: usize,
    warm_up: u64,
    time: u64,
) -> (u32, u32) {
    let limiter = limiter(concurrency, None);
    let service = Arc::new(Mutex::new(Service::new(100.0, capacity)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let after = after.map(Duration::from_secs);
        tasks.spawn(work(limiter.clone(), service.clone(), Duration::from_millis(latency), after));
    }
    tokio::time::sleep(Duration::from_secs(warm_up)).await;
    let counts = |service: &Service| (service.accepted, service.refused);
    let before = counts(&lock(&service));
    tokio::time::sleep(Duration::from_secs(time)).await;
    let after = counts(&lock(&service));
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(start_paused = true)]
async fn a_service_with_its_own_rate_is_used_fully_and_rarely_answers_429() {
    for (capacity, warm_up, time) in [(100.0, 10, 10), (1000.0, 20, 10), (10.0, 40, 40)] {
        for after in [None, Some(1)] {
            for (latency, concurrency) in [(1, 8), (20, 8), (200, 32), (5, 1)] {
                let (accepted, refused) = storm(capacity, after, latency, concurrency, warm_up, time).await;
                let what = format!(
                    "{accepted} accepted, {refused} refused: capacity {capacity}, Retry-After {after:?}, {concurrency} at a time of {latency} ms"
                );
                assert!(u64::from(accepted) * 10 >= 9 * 100 * time, "{what}");
                assert!(refused * 20 < accepted + refused, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_rate_is_kept_after_the_burst_of_the_first_second() {
    let (limiter, start) = (limiter(8, Some(10)), Instant::now());
    for _ in 0..60 {
        admit(&limiter).await.succeeded(&NO_HINT);
    }
    let took = start.elapsed().as_secs_f64();
    assert!((4.8..=5.2).contains(&took), "60 requests at 10/s took {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_learned_rate_never_exceeds_the_configured_one_and_grows_back_to_it() {
    let limiter = limiter(8, Some(50));
    let mut permit = admit(&limiter).await;
    fail(&mut permit, Code::DestinationThrottled, Load::Rate, None);
    drop(permit);
    let mut counts = Vec::new();
    for _ in 0..20 {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_secs(1) {
            admit(&limiter).await.succeeded(&NO_HINT);
            count += 1;
        }
        counts.push(count);
    }
    assert!(counts[0] < 50 && counts.iter().all(|n| *n <= 52) && counts[19] >= 49, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_set_the_rate() {
    let limiter = limiter(8, None);
    let hint = RateHint { remaining: Some(0), reset: Some(Duration::from_secs(7)), ..NO_HINT };
    admit(&limiter).await.succeeded(&hint);
    let start = Instant::now();
    admit(&limiter).await.succeeded(&RateHint { limit: Some(20.0), ..NO_HINT });
    assert_eq!(start.elapsed().as_secs(), 7, "nothing remained until the reset");
    for _ in 0..100 {
        admit(&limiter).await.succeeded(&NO_HINT);
    }
    let took = start.elapsed().as_secs_f64() - 7.0;
    assert!((4.8..=5.2).contains(&took), "100 requests at 20/s took {took} s");
}

#[tokio::test(start_paused = true)]
async fn after_three_failures_one_probe_goes_and_the_rest_wait_for_its_answer() {
    let limiter = limiter(8, None);
    let wait = break_circuit(&limiter).await;
    assert!(wait >= Duration::from_millis(125) && wait <= Duration::from_millis(250), "{wait:?}");
    assert!(matches!(limiter.health(), Health::Failing { code: Code::DestinationServerError, .. }));
    let before = Instant::now();
    let mut probe = admit(&limiter).await;
    assert!(before.elapsed() + Duration::from_millis(1) >= wait);
    assert!(
        tokio::time::timeout(Duration::from_secs(30), admit(&limiter)).await.is_err(),
        "a second request went"
    );
    assert!(
        fail(&mut probe, Code::DestinationUnreachable, Load::Unknown, None).wait
            >= Duration::from_millis(250),
        "waits grow"
    );
    probe.readmit().await;
    probe.succeeded(&NO_HINT);
    drop(probe);
    assert_eq!(limiter.health(), Health::Healthy);
    let mut first = all(&limiter).await;
    assert_eq!(first.len(), 1, "the window begins at one");
    first.remove(0).succeeded(&NO_HINT);
    assert_eq!(all(&limiter).await.len(), 2, "and grows by one for each window of successes");
}

#[tokio::test(start_paused = true)]
async fn failures_that_come_together_count_once() {
    let limiter = limiter(8, None);
    let mut permits = all(&limiter).await;
    assert_eq!(permits.len(), 8);
    for permit in &mut permits {
        fail(permit, Code::DestinationTimeout, Load::Overload, None);
    }
    assert_eq!(limiter.health(), Health::Healthy);
    drop(permits);
    assert_eq!(all(&limiter).await.len(), 4, "the window halved once");
}

#[tokio::test(start_paused = true)]
async fn one_failure_stops_no_other_request() {
    let limiter = limiter(8, None);
    let mut failing = admit(&limiter).await;
    fail(&mut failing, Code::DestinationServerError, Load::Unknown, None);
    assert_eq!(all(&limiter).await.len(), 7, "and its body counts while it waits");
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_is_the_shortest_wait_and_ends_with_one_probe() {
    let limiter = limiter(8, None);
    let mut permit = admit(&limiter).await;
    let hour = Duration::from_secs(3_600);
    assert_eq!(fail(&mut permit, Code::DestinationThrottled, Load::Rate, Some(hour)).wait, hour);
    drop(permit);
    let start = Instant::now();
    let probe = admit(&limiter).await;
    assert!(start.elapsed() >= hour && admitted(&limiter).await.is_none());
    drop(probe);
    assert!(admitted(&limiter).await.is_some(), "a probe that was not sent goes back");
}

#[tokio::test(start_paused = true)]
async fn a_request_sent_before_the_circuit_opened_does_not_close_it() {
    let limiter = limiter(8, None);
    let mut early = admit(&limiter).await;
    break_circuit(&limiter).await;
    early.succeeded(&NO_HINT);
    assert!(matches!(limiter.health(), Health::Failing { .. }));
    assert_eq!(limiter.last_success(), Instant::now(), "but it counts");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_recovers_after_an_hour_is_not_flooded() {
    let (limiter, latency) = (limiter(32, None), Duration::from_millis(100));
    let start = Instant::now();
    let well_at = start + Duration::from_secs(3_600);
    let taken: Arc<Mutex<Vec<(Instant, usize)>>> = Arc::default();
    let mut tasks = tokio::task::JoinSet::new();
    let under_way = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let requests = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..200 {
        let (limiter, taken, under_way, requests) =
            (limiter.clone(), taken.clone(), under_way.clone(), requests.clone());
        tasks.spawn(async move {
            loop {
                let mut permit = admit(&limiter).await;
                loop {
                    permit.readmit().await;
                    use std::sync::atomic::Ordering::SeqCst;
                    let beside = under_way.fetch_add(1, SeqCst);
                    requests.fetch_add(1, SeqCst);
                    let sent = Instant::now();
                    tokio::time::sleep(latency).await;
                    under_way.fetch_sub(1, SeqCst);
                    if sent >= well_at {
                        lock(&taken).push((sent, beside + 1));
                        break permit.succeeded(&NO_HINT);
                    }
                    fail(&mut permit, Code::DestinationServerError, Load::Unknown, None);
                }
            }
        });
    }
    tokio::time::sleep_until(well_at).await;
    let during = requests.load(std::sync::atomic::Ordering::SeqCst);
    assert!(during < 32 * 3 + 130, "{during} requests in an hour without an answer");
    tokio::time::sleep(Duration::from_secs(62)).await;
    let taken = lock(&taken);
    let first = taken.iter().map(|t| t.0).min().unwrap();
    assert!(first < well_at + Duration::from_secs(61), "found out in a minute");
    let within = |ms| taken.iter().filter(|t| t.0 - first < Duration::from_millis(ms)).count();
    assert_eq!(within(90), 1, "one probe finds out");
    assert!(within(1_000) <= 65, "{} requests in the first second; 320 would fit", within(1_000));
    assert!(taken.iter().any(|t| t.1 == 32), "in the end all that may go do");
}

#[tokio::test(start_paused = true)]
async fn a_paused_limiter_admits_nothing_and_resumes_with_one_probe() {
    let limiter = limiter(4, None);
    let mut health = limiter.watch();
    let mut permit = admit(&limiter).await;
    permit.halted(Code::DestinationAuthFailed, "who are you");
    assert!(health.has_changed().unwrap());
    limiter.pause(Code::DestinationAddressWrong, "later reasons do not count");
    let Health::Paused { code, reason, .. } = health.borrow_and_update().clone() else {
        panic!("{:?}", limiter.health())
    };
    assert_eq!((code, reason.as_str()), (Code::DestinationAuthFailed, "who are you"));
    assert!(tokio::time::timeout(Duration::from_secs(86_400), permit.readmit()).await.is_err());
    let waiting = tokio::spawn(admit(&limiter));
    limiter.resume();
    let mut probe = waiting.await.unwrap();
    assert!(
        matches!(limiter.health(), Health::Failing { code: Code::DestinationAuthFailed, .. }),
        "until something is taken"
    );
    assert!(admitted(&limiter).await.is_none());
    probe.succeeded(&NO_HINT);
    assert_eq!(limiter.health(), Health::Healthy);
    limiter.resume();
    assert_eq!(limiter.health(), Health::Healthy, "nothing to resume");
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_for_many_deliveries_and_a_slow_destination() {
    fn count(most: &Mutex<(i32, i32)>, change: i32) {
        let mut most = lock(most);
        most.0 += change;
        most.1 = most.1.max(most.0);
    }
    let limiter = limiter(4, None);
    let most = Arc::new(Mutex::new((0, 0)));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100_u64 {
        let (limiter, most) = (limiter.clone(), most.clone());
        tasks.spawn(async move {
            let mut permit = admit(&limiter).await;
            count(&most, 1);
            for attempt in 0.. {
                permit.readmit().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                if (n + attempt) % 3 == 0 {
                    permit.succeeded(&NO_HINT);
                    break;
                }
                fail(&mut permit, Code::DestinationServerError, Load::Unknown, None);
            }
            count(&most, -1);
        });
    }
    tasks.join_all().await;
    assert_eq!(*lock(&most), (0, 4));
    let inner = limiter.lock();
    assert_eq!((inner.bodies, inner.in_flight), (0, 0));
    assert!(inner.turns.is_empty() && !inner.retry_waits);
}

#[tokio::test(start_paused = true)]
async fn with_one_request_at_a_time_others_go_between_the_attempts_of_a_bad_one() {
    let limiter = limiter(1, None);
    let mut bad = admit(&limiter).await;
    let mut detector = crate::delivery::retry::PoisonBatchDetector::new(bad.tally());
    let others = tokio::spawn({
        let limiter = limiter.clone();
        async move {
            loop {
                let mut permit = admit(&limiter).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                permit.succeeded(&NO_HINT);
            }
        }
    });
    while !detector.suspects() {
        fail(&mut bad, Code::DestinationServerError, Load::Unknown, None);
        detector.failed(bad.tally());
        tokio::time::timeout(Duration::from_secs(10), bad.readmit()).await.unwrap();
    }
    others.abort();
    assert!(limiter.tally().failures <= 12, "{:?}", limiter.tally());
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_leaves_nothing_behind() {
    let limiter = limiter(2, Some(5));
    drop(all(&limiter).await);
    for _ in 0..20 {
        drop(admit(&limiter).await);
    }
    let waiting = Box::pin(admit(&limiter));
    drop(waiting);
    assert_eq!(all(&limiter).await.len(), 2, "no token was used");
}

struct Named(&'static str, u128, RequestLimits);

impl Destination for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn credential(&self) -> u128 {
        self.1
    }

    fn limits(&self) -> &RequestLimits {
        &self.2
    }

    fn endpoints(&self) -> &[outflow_core::ports::destination::Endpoint] {
        unreachable!("nothing is sent")
    }

    fn prepare(
        &self,
        _: &outflow_core::CallMeta,
        _: &[u8],
        _: outflow_core::Nulls,
        _: &mut outflow_core::ports::destination::Records<'_>,
    ) -> outflow_core::outcome::Verdict {
        unreachable!("nothing is sent")
    }

    fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> outflow_core::BoxFuture<'a, ()> {
        // It has no steps.
        Box::pin(async {})
    }

    fn deliver<'a>(
        &'a self,
        _: &'a outflow_core::ports::destination::Request,
    ) -> outflow_core::BoxFuture<'a, outflow_core::Reply> {
        unreachable!("nothing is sent")
    }
}

#[tokio::test(start_paused = true)]
async fn destinations_with_one_credential_share_a_limiter_and_the_strictest_limits() {
    let limiters = Limiters::default();
    let (a, b, c) =
        (Named("a", 1, limits(8, None)), Named("b", 1, limits(3, Some(10))), Named("c", 2, limits(8, None)));
    let shared = limiters.of(&a);
    assert!(Arc::ptr_eq(&shared, &limiters.of(&b)) && !Arc::ptr_eq(&shared, &limiters.of(&c)));
    assert_eq!(all(&shared).await.len(), 3);
    shared.pause(Code::DestinationAuthFailed, "no");
    limiters.keep([&a as &dyn Destination]);
    assert!(Arc::ptr_eq(&shared, &limiters.of(&a)), "what is still in the project keeps its limiter");
    assert!(matches!(limiters.of(&a).health(), Health::Paused { .. }));
    assert_eq!((shared.lock().concurrency, lock(&limiters.0).len()), (8, 1));
}

#[tokio::test(start_paused = true)]
async fn syncs_share_the_rate_in_turn_and_backfills_get_what_is_left() {
    let (limiter, taken) = (limiter(4, Some(10)), Arc::<Mutex<Vec<&'static str>>>::default());
    let mut tasks = tokio::task::JoinSet::new();
    for (sync, urgency, workers) in
        [("many", Urgency::New, 6), ("one", Urgency::New, 1), ("old", Urgency::Backfill, 3)]
    {
        for _ in 0..workers {
            let (flow, taken) = (limiter.join(sync, urgency), taken.clone());
            tasks.spawn(async move {
                loop {
                    let mut permit = flow.admit().await;
                    lock(&taken).push(sync);
                    permit.succeeded(&NO_HINT);
                }
            });
        }
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    let taken = lock(&taken);
    let share = |name| taken.iter().filter(|sync| **sync == name).count() as f64 / taken.len() as f64;
    assert!(taken.len() >= 950, "{}", taken.len());
    for (sync, want) in [("many", 15.0 / 32.0), ("one", 15.0 / 32.0), ("old", 1.0 / 16.0)] {
        assert!((share(sync) - want).abs() < 0.02, "{sync} had {} of the requests", share(sync));
    }
}
