//! A reload while a request is in flight, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::check::Check;
use outflow_core::ports::destination::{Destination, Endpoint, Records, Request, RequestLimits};
use outflow_core::{
    Answer, BoxFuture, CallMeta, Code, DeliveryState, Nulls, Reply, RunState, outcome::Verdict,
};
use outflow_engine::serve::{self, Event};
use tokio::sync::{mpsc, watch};

use crate::parts::{House, Scripted, Table, users_to};
use crate::served::{SetClock, config};

/// Answers when the gate is opened.
struct Slow {
    inner: Arc<Scripted>,
    entered: watch::Sender<u32>,
    open: watch::Sender<bool>,
}

impl Destination for Slow {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn limits(&self) -> &RequestLimits {
        self.inner.limits()
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.inner.endpoints()
    }

    fn prepare(&self, call: &CallMeta, json: &[u8], nulls: Nulls, records: &mut Records<'_>) -> Verdict {
        self.inner.prepare(call, json, nulls, records)
    }

    fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // It has no steps.
        Box::pin(async {})
    }

    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            self.entered.send_modify(|entered| *entered += 1);
            self.open.subscribe().wait_for(|open| *open).await.unwrap();
            self.inner.deliver(request).await
        })
    }
}

/// A run whose calls are pending, and a destination that will take them slowly.
fn pending() -> (House, Table, Arc<Slow>) {
    let down = Answer::Stop { code: Code::DestinationTlsFailed, status: None, reason: "no".to_owned() };
    let inner = Scripted::new("a", move |n, _| if n == 0 { down.clone() } else { Answer::Delivered });
    let (table, first) = (Table::users(1..=5), House::new(&[&inner]));
    let threads = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    let run = threads.block_on(first.run(&users_to(&["a"]), &table)).unwrap();
    assert_eq!(run.destinations[0].1.state, DeliveryState::Stopped);
    let House { dir, engine, .. } = first;
    drop(engine);
    let slow = Arc::new(Slow { inner, entered: watch::Sender::new(0), open: watch::Sender::new(false) });
    let mut house = House::of(dir, [slow.clone() as Arc<dyn Destination>]);
    house.engine.clock = SetClock::new(2_000_000_000, 0);
    (house, table, slow)
}

#[test]
fn a_reload_gives_up_no_request_that_is_in_flight_and_a_stop_does_after_ten_seconds() {
    let (house, table, slow) = pending();
    let virtually =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    virtually.block_on(async {
        let spec = users_to(&["a"]);
        let (told, mut notices) = mpsc::unbounded_channel();
        let observer = Arc::new(move |event| drop(told.send(event)));
        let (handle, supervising) = serve::start(config(&house, &spec, &table), observer);
        let serving = tokio::spawn(supervising);
        slow.entered.subscribe().wait_for(|entered| *entered == 1).await.unwrap();
        for _ in 0..2 {
            handle.reload(config(&house, &spec, &table));
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(*slow.entered.borrow(), 1, "the request is neither given up nor sent again");
        slow.open.send_replace(true);
        loop {
            if let Event::Ended { state, .. } = notices.recv().await.unwrap() {
                assert_eq!(state, RunState::Succeeded);
                break;
            }
        }
        assert_eq!((slow.inner.users().len(), slow.inner.requests()), (5, 2));
        assert!(slow.inner.users().values().all(|n| *n == 1));
        house.stop.send_replace(true);
        serving.await.unwrap().unwrap();
    });

    let (house, table, slow) = pending();
    virtually.block_on(async {
        let spec = users_to(&["a"]);
        let (handle, supervising) = serve::start(config(&house, &spec, &table), Arc::new(|_| {}));
        let serving = tokio::spawn(supervising);
        slow.entered.subscribe().wait_for(|entered| *entered == 1).await.unwrap();
        handle.reload(config(&house, &spec, &table));
        let stopped = tokio::time::Instant::now();
        house.stop.send_replace(true);
        serving.await.unwrap().unwrap();
        assert!(stopped.elapsed() >= Duration::from_secs(10), "{:?}", stopped.elapsed());
        assert_eq!(slow.inner.requests(), 1);
    });
}
