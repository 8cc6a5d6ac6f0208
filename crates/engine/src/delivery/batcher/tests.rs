//! The batcher: limits, order and deferred calls, on a destination that the tests configure.

use outflow_core::outcome::Verdict;
use outflow_core::ports::check::Check;
use outflow_core::ports::destination::{BatchLimits, Envelope, Request, RequestLimits};
use outflow_core::{BoxFuture, CallFlags, CallType, Code, Reply};

use super::*;

/// A destination with the endpoints `a`, `b`, …, whose records are given by the call: `ab` becomes
/// a record for `a` and one for `b`, each with the call's text.
struct Routed {
    limits: RequestLimits,
    endpoints: Vec<Endpoint>,
}

impl Routed {
    fn new(concurrency: usize, limits: &[(usize, usize)]) -> Arc<Self> {
        let endpoints = limits.iter().map(|&(records, bytes)| Endpoint {
            envelope: Envelope::from_static(b"<", b" ", b">"),
            limits: BatchLimits { records, bytes },
        });
        let endpoints = endpoints.collect();
        Arc::new(Self { limits: RequestLimits { concurrency, rate: None, burst: None }, endpoints })
    }
}

impl Destination for Routed {
    fn name(&self) -> &str {
        "routed"
    }

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn prepare(&self, _: &CallMeta, text: &[u8], _: Nulls, records: &mut Records<'_>) -> Verdict {
        for route in text.iter().take_while(|b| b.is_ascii_alphabetic()) {
            if *route == b'x' {
                let (code, reason) = (Code::CallRefused, "no".to_owned());
                return Verdict::Refuse(Refusal { code, status: None, reason });
            }
            records.push(usize::from(*route - b'a'), |out| out.extend_from_slice(text));
        }
        Verdict::Send
    }

    fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // It has no steps.
        Box::pin(async {})
    }

    fn deliver<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Reply> {
        unreachable!("nothing is sent")
    }
}

fn call(key: u64) -> CallMeta {
    let (call_type, flags) = (CallType::Identify, CallFlags::default());
    CallMeta { ordinal: 0, call_type, flags, key, key2: 0 }
}

/// Batches of `calls`, of which none is settled before all are made: endpoint and body of each, and
/// how many calls were taken.
fn unsettled(batcher: &mut Batcher, calls: &[(u64, &str)]) -> (Vec<(usize, String)>, usize) {
    let (mut batches, mut next) = (Vec::new(), 0);
    loop {
        let mut batch = batcher.begin();
        while let Some((key, text)) = calls.get(next) {
            match batcher.offer(&mut batch, next as u64, &call(*key), text.as_bytes()) {
                Offer::Full => break,
                _ => next += 1,
            }
        }
        if batch.items.is_empty() {
            return (batches, next);
        }
        batches.push((batch.endpoint, String::from_utf8(batch.body).unwrap()));
    }
}

fn body(endpoint: usize, text: &str) -> (usize, String) {
    (endpoint, text.to_owned())
}

#[test]
fn a_batch_goes_to_one_endpoint_and_keeps_to_its_limits() {
    let mut batcher = Batcher::new(Routed::new(8, &[(2, 100), (100, 9)]), Nulls::Send);
    let calls = [(1, "a1"), (2, "b2"), (3, "a3"), (4, "a4"), (5, "b5"), (6, "b6")];
    let (batches, taken) = unsettled(&mut batcher, &calls);
    // `<b2 b5>` has 7 bytes, and 10 with another record.
    let want = [body(0, "<a1 a3"), body(1, "<b2 b5"), body(0, "<a4"), body(1, "<b6")];
    assert_eq!((batches, taken), (want.to_vec(), 6));
}

#[test]
fn a_call_with_records_for_one_endpoint_can_be_split_over_batches() {
    let mut batcher = Batcher::new(Routed::new(8, &[(2, 100)]), Nulls::Send);
    let mut first = batcher.begin();
    assert!(matches!(batcher.offer(&mut first, 0, &call(1), b"a1"), Offer::Taken));
    assert!(matches!(batcher.offer(&mut first, 1, &call(2), b"aa2"), Offer::Tracked { records: 2 }));
    assert!(matches!(batcher.offer(&mut first, 2, &call(3), b"a3"), Offer::Full));
    assert_eq!(first.body, b"<a1 aa2");
    assert!(batcher.begin().items.is_empty(), "the other record waits for the first one");
    batcher.release(&first);
    let second = batcher.begin();
    assert_eq!((&second.body[..], second.items[0].position), (&b"<aa2"[..], 1));
}

#[test]
fn records_with_one_key_wait_for_each_other_across_endpoints() {
    let mut batcher = Batcher::new(Routed::new(8, &[(10, 100), (10, 100)]), Nulls::Send);
    let calls = [(1, "ab1"), (1, "a2"), (2, "b3")];
    let mut first = batcher.begin();
    for (position, (key, text)) in calls.iter().enumerate() {
        batcher.offer(&mut first, position as u64, &call(*key), text.as_bytes());
    }
    assert_eq!((first.endpoint, &first.body[..]), (0, &b"<ab1"[..]));
    let second = batcher.begin();
    assert_eq!((second.endpoint, &second.body[..]), (1, &b"<b3"[..]), "another key need not wait");
    batcher.release(&first);
    let third = batcher.begin();
    assert_eq!((third.endpoint, &third.body[..]), (1, &b"<ab1"[..]));
    assert!(batcher.begin().items.is_empty(), "row order of the key");
    batcher.release(&third);
    let fourth = batcher.begin();
    assert_eq!((fourth.endpoint, &fourth.body[..]), (0, &b"<a2"[..]));
    assert!(!batcher.has_deferred());
}

#[test]
fn what_is_dropped_or_refused_leaves_nothing_in_the_body() {
    let mut batcher = Batcher::new(Routed::new(8, &[(10, 100), (10, 100)]), Nulls::Send);
    let mut batch = batcher.begin();
    assert!(matches!(batcher.offer(&mut batch, 0, &call(1), b"1"), Offer::Filtered));
    assert!(matches!(batcher.offer(&mut batch, 1, &call(2), b"ax2"), Offer::Refused(_)));
    assert_eq!(batch.body, b"<");
    batcher.offer(&mut batch, 2, &call(3), b"a3");
    assert!(matches!(batcher.offer(&mut batch, 3, &call(4), b"4"), Offer::Filtered));
    assert!(matches!(batcher.offer(&mut batch, 4, &call(5), b"abx5"), Offer::Refused(_)));
    assert_eq!((&batch.body[..], batch.items.len()), (&b"<a3"[..], 1));
    assert!(!batcher.has_deferred());
}

#[test]
fn what_is_deferred_is_bounded() {
    let texts: Vec<String> = (0..10_000).map(|n| format!("ab{n:06}")).collect();
    let calls: Vec<_> = texts.iter().enumerate().map(|(n, text)| (n as u64, &text[..])).collect();
    for (concurrency, requests) in [(1, 1), (8, 4), (64, 32)] {
        let mut batcher = Batcher::new(Routed::new(concurrency, &[(100, 900), (100, 900)]), Nulls::Send);
        let (batches, taken) = unsettled(&mut batcher, &calls);
        assert!(batches.iter().all(|(endpoint, _)| *endpoint == 0), "no first record is settled");
        assert_eq!(taken, (requests * 900_usize).div_ceil(8), "each second record has 8 bytes");
        assert_eq!(batcher.deferred_bytes, taken * 8);
    }
    let texts: Vec<String> = (0..10_000).map(|n| format!("a{n:07}")).collect();
    let one_key: Vec<_> = texts.iter().map(|text| (7, &text[..])).collect();
    let mut batcher = Batcher::new(Routed::new(8, &[(1, 900)]), Nulls::Send);
    let (batches, taken) = unsettled(&mut batcher, &one_key);
    assert_eq!((batches.len(), taken), (1, 1 + 900_usize.div_ceil(8)), "one request for every eight");
}

#[test]
fn a_rare_endpoint_does_not_halve_the_batches_of_the_other() {
    let texts: Vec<String> =
        (0..10_000).map(|n| format!("{}{n:07}", if n % 100 == 0 { "b" } else { "a" })).collect();
    let calls: Vec<_> = texts.iter().enumerate().map(|(n, text)| (n as u64, &text[..])).collect();
    let mut batcher = Batcher::new(Routed::new(8, &[(100, 901), (100, 901)]), Nulls::Send);
    let (batches, taken) = unsettled(&mut batcher, &calls);
    let of = |endpoint| batches.iter().filter(|b| b.0 == endpoint).count();
    assert_eq!((taken, of(0)), (10_000, 99));
    assert!(of(1) <= 99 / 4 + 1, "{} requests for a hundredth of the calls", of(1));
}

#[test]
fn a_record_that_holds_its_message_id_is_not_tracked() {
    /// Sends calls as they are, to the endpoint of their first trait.
    struct Plain(Vec<Endpoint>, RequestLimits);

    impl Destination for Plain {
        fn name(&self) -> &str {
            "plain"
        }

        fn limits(&self) -> &RequestLimits {
            &self.1
        }

        fn endpoints(&self) -> &[Endpoint] {
            &self.0
        }

        fn prepare(&self, call: &CallMeta, json: &[u8], _: Nulls, records: &mut Records<'_>) -> Verdict {
            records.push(call.key as usize % 2, |out| out.extend_from_slice(json));
            Verdict::Send
        }

        fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
            // It has no steps.
            Box::pin(async {})
        }

        fn deliver<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Reply> {
            unreachable!("nothing is sent")
        }
    }

    let routed = Routed::new(8, &[(10, 1_000), (10, 1_000)]);
    let plain = Plain(routed.endpoints.clone(), routed.limits.clone());
    let mut batcher = Batcher::new(Arc::new(plain), Nulls::Send);
    let json = br#"{"messageId":"00000000-0000-8000-8000-000000000001","userId":"1"}"#;
    let mut batch = batcher.begin();
    for (position, key) in [(0, 2), (1, 3), (2, 4)] {
        assert!(matches!(batcher.offer(&mut batch, position, &call(key), json), Offer::Taken));
    }
    assert_eq!(batch.items.len(), 2);
    assert_eq!(batcher.begin().items.len(), 1, "the call for the other endpoint");
}
