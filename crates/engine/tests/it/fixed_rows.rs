//! Rejected rows that are fixed in the warehouse and sent again by themselves.

use std::sync::Arc;

use outflow_core::run::{ReplayMode, RunOptions, RunTrigger};
use outflow_core::{Answer, CallType, Code, ColumnType, RunId, RunState, SyncSpec};
use outflow_engine::operations::replay::ReplayRequest;
use outflow_engine::{RunDocument, RunRequest};

use crate::parts::{House, Scripted, Table, request, users_to};

/// Orders of users, as a table of events: the order's number, the user and the time.
type Order = (&'static str, Option<&'static str>, &'static str);

const GOOD: Order = ("1", Some("7"), "2026-01-01T00:00:00Z");

struct Shop {
    house: House,
    table: Table,
    spec: SyncSpec,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
}

impl Shop {
    fn new() -> Self {
        let [a, b] = ["a", "b"].map(|name| Scripted::new(name, |_, _| Answer::Delivered));
        let mut table = Table::users([]);
        table.columns = vec![
            ("orderid", ColumnType::Text),
            ("userid", ColumnType::Text),
            ("timestamp", ColumnType::Text),
            ("event", ColumnType::Text),
        ];
        let query = "SELECT id AS orderId, user_id AS userId, at AS timestamp, 'Ordered' AS event FROM orders \
                     WHERE at >= {{last_sync_time}}";
        let spec = SyncSpec { call_type: CallType::Track, query: query.into(), ..users_to(&["a", "b"]) };
        Self { house: House::new(&[&a, &b]), table, spec, a, b }
    }

    fn set(&self, orders: &[Order]) {
        let text = |text: &str| Some(text.to_owned());
        let row = |(id, user, at): &Order| vec![text(id), user.and_then(text), text(at), text("Ordered")];
        *self.table.rows.lock().unwrap() = orders.iter().map(row).collect();
    }

    async fn run(&self) -> RunDocument {
        self.house.run(&self.spec, &self.table).await.unwrap()
    }

    async fn plan(&self, run: RunId, force: bool) -> Vec<RunOptions> {
        let mode = Some(ReplayMode::Rejected);
        let ask = ReplayRequest { run, destination: None, code: None, mode, force };
        self.house.engine.reader().plan_replay(&ask).await.unwrap()
    }

    /// Replays the rejected rows of a run at each destination. Returns what was found and sent.
    async fn replay(&self, run: RunId, force: bool) -> Vec<(u64, u64)> {
        let mut replays = Vec::new();
        for options in self.plan(run, force).await {
            let request = RunRequest { trigger: RunTrigger::Replay, ..request(options) };
            let document = self.house.engine.run_beside(&self.spec, &self.table, &request).await.unwrap();
            let found = self.house.engine.reader().verify(document.run).await.unwrap();
            assert!(found.differences.is_empty(), "{found:?}");
            assert_eq!((document.state, document.replays), (RunState::Succeeded, Some(run)));
            replays.push((document.rows.read, document.rows.calls));
        }
        replays
    }

    /// How often each order was taken by each destination.
    fn orders(&self, id: &str) -> [usize; 2] {
        [&self.a, &self.b].map(|d| {
            let taken = d.taken.lock().unwrap();
            taken.iter().filter(|call| call["properties"]["orderId"] == id).count()
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fixed_rows_are_sent_by_themselves_to_each_destination_and_once() {
    let shop = Shop::new();
    let (no_user, no_time) = (("2", None, "2026-01-01T00:00:01Z"), ("3", Some("7"), "soon"));
    shop.set(&[GOOD, no_user, no_time]);
    let run = shop.run().await;
    assert_eq!((run.state, run.rows.calls), (RunState::SucceededWithRejected, 1));
    let before = shop.house.state().sync("users").await.unwrap();
    assert_eq!(shop.replay(run.run, false).await, [(0, 0), (0, 0)], "nothing is fixed yet");

    let fixed = ("2", Some("8"), "2026-01-01T00:00:01Z");
    shop.set(&[GOOD, fixed, no_time, ("4", Some("9"), "2026-01-01T00:00:02Z")]);
    assert_eq!(shop.replay(run.run, false).await, [(1, 1), (1, 1)]);
    assert_eq!(
        (shop.orders("1"), shop.orders("2"), shop.orders("3"), shop.orders("4")),
        ([1; 2], [1; 2], [0; 2], [0; 2])
    );
    assert_eq!(shop.house.state().sync("users").await.unwrap(), before, "nothing moves");

    // The other one, too: the first is found again, and is not sent again.
    shop.set(&[GOOD, fixed, ("3", Some("7"), "2026-01-01T00:00:03Z")]);
    assert_eq!(shop.replay(run.run, false).await, [(2, 1), (2, 1)]);
    assert_eq!((shop.orders("1"), shop.orders("2"), shop.orders("3")), ([1; 2], [1; 2], [1; 2]));
    assert_eq!(shop.replay(run.run, true).await, [(2, 2), (2, 2)], "a person wants it once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_row_that_an_incremental_run_has_read_is_not_sent_again() {
    let shop = Shop::new();
    shop.set(&[GOOD, ("2", None, "2026-01-01T00:00:01Z")]);
    let run = shop.run().await;
    let fixed = ("2", Some("8"), "2026-01-01T00:00:01Z");
    shop.set(&[GOOD, fixed]);
    let next = shop.run().await;
    assert_eq!((next.rows.calls, next.rows.unchanged), (1, 1));
    assert_eq!(shop.replay(run.run, false).await, [(1, 0), (1, 0)]);
    assert_eq!((shop.orders("1"), shop.orders("2")), ([1; 2], [1; 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rows_that_were_rejected_are_replayed_and_a_run_without_any_has_nothing() {
    let shop = Shop::new();
    shop.set(&[GOOD]);
    let run = shop.run().await;
    assert_eq!(shop.plan(run.run, false).await, []);
    shop.set(&[("2", None, "2026-01-01T00:00:01Z"), ("3", Some("7"), "soon"), GOOD]);
    let run = shop.run().await;
    assert_eq!(shop.plan(run.run, false).await.len(), 2);
    let ask = ReplayRequest {
        run: run.run,
        destination: Some("b".to_owned()),
        code: Some(Code::InvalidTime),
        mode: Some(ReplayMode::Rejected),
        force: false,
    };
    let [options] = shop.house.engine.reader().plan_replay(&ask).await.unwrap().try_into().unwrap();
    shop.set(&[("2", Some("8"), "2026-01-01T00:00:01Z"), ("3", Some("7"), "2026-01-01T00:00:03Z"), GOOD]);
    let request = RunRequest { trigger: RunTrigger::Replay, ..request(options) };
    let document = shop.house.engine.run_beside(&shop.spec, &shop.table, &request).await.unwrap();
    assert_eq!(document.rows.calls, 1);
    assert_eq!((shop.orders("2"), shop.orders("3")), ([0, 0], [0, 1]));
}
