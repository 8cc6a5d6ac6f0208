//! People who are in one result several times: the last row holds, so the order counts.

use std::sync::Arc;

use outflow_core::{Answer, CallType, ColumnType, SyncSpec};
use outflow_testkit::{Rng, seed};

use crate::parts::{House, Scripted, Table, users_to};

/// A person and a value.
type Row = (u64, &'static str);

struct People {
    table: Table,
    house: House,
    a: Arc<Scripted>,
    spec: SyncSpec,
}

impl People {
    fn new() -> Self {
        let a = Scripted::new("a", |_, _| Answer::Delivered);
        let columns = vec![("userId", ColumnType::Text), ("plan", ColumnType::Text)];
        let table = Table { columns, ..Table::default() };
        let house = House::new(&[&a]);
        let spec = SyncSpec { call_type: CallType::Identify, ..users_to(&["a"]) };
        Self { table, house, a, spec }
    }

    /// A run of these rows; what it sent, in order.
    async fn run(&self, rows: &[Row]) -> Vec<String> {
        self.table.set(rows.iter().map(|(id, plan)| (Some(id.to_string()), *plan)));
        self.house.run(&self.spec, &self.table).await.unwrap();
        let calls = std::mem::take(&mut *self.a.taken.lock().unwrap());
        let text = |field: &serde_json::Value| field.as_str().unwrap_or_default().to_owned();
        calls
            .iter()
            .map(|call| format!("{} {}", text(&call["userId"]), text(&call["traits"]["plan"])))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_a_persons_rows_is_what_the_destination_has_in_the_end() {
    let people = People::new();
    assert_eq!(people.run(&[(1, "X"), (1, "Y"), (2, "Z")]).await, ["1 X", "1 Y", "2 Z"]);
    assert_eq!(people.run(&[(1, "X"), (2, "Z"), (1, "Y")]).await, [""; 0], "in the same order");
    assert_eq!(people.run(&[(1, "Y"), (1, "X"), (2, "Z")]).await, ["1 X"], "X is the last one now");
    assert_eq!(people.run(&[(1, "X"), (2, "Z")]).await, [""; 0], "and still is");
    assert_eq!(people.run(&[(1, "W"), (1, "X"), (2, "Z")]).await, ["1 W", "1 X"], "X is sent behind W");
    assert_eq!(people.run(&[(1, "W"), (1, "X"), (1, "V")]).await, ["1 V"], "a history that grows");
    assert_eq!(people.run(&[(1, "X"), (1, "V"), (1, "U")]).await, ["1 U"], "and whose window moves on");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_order_results_have_the_last_state_is_right() {
    let mut rng = Rng::new(seed());
    for _ in 0..12 {
        let people = People::new();
        let mut held = std::collections::HashMap::new();
        for round in 0..8 {
            let rows: Vec<Row> = (0..rng.below(12))
                .map(|_| (1 + rng.below(4), ["A", "B", "C"][rng.below(3) as usize]))
                .collect();
            for sent in people.run(&rows).await {
                let (id, plan) = sent.split_once(' ').unwrap();
                held.insert(id.to_owned(), plan.to_owned());
            }
            for (id, plan) in &rows {
                let last = rows.iter().rev().find(|row| row.0 == *id).unwrap().1;
                assert_eq!(held[&id.to_string()], last, "round {round}, {rows:?} with {plan}");
            }
        }
    }
}
