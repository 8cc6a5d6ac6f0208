//! Looking before something runs: drafts, requests, the catalogue, schedules.

use http::StatusCode;
use serde_json::{Value, json};

use crate::served::Served;

const PROJECT: &str = r#"
version: 1
sources:
  warehouse: { type: sqlite, databases: { main: { path: ./warehouse.db } }, destinations: [archive] }
destinations:
  archive: { type: file, path: ./out }
syncs:
  endless:
    source: warehouse
    type: identify
    query: >
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
      SELECT max(i) AS "userId" FROM n
"#;

async fn post(served: &Served, path: &str, body: Value) -> (StatusCode, Value) {
    let answered = served.post("all", &format!("/api/v1{path}"), Some(&body.to_string())).await;
    (answered.status, answered.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_previewed_with_the_requests_that_it_would_send() {
    let served = Served::with_project(PROJECT).await;
    let draft = json!({ "name": "users", "status": "draft", "value": { "source": "warehouse",
        "type": "identify", "query": "SELECT id AS \"userId\", email FROM users WHERE id IS NOT NULL" } });
    assert_eq!(post(&served, "/syncs", draft).await.0, 201);
    let (status, shown) = post(&served, "/syncs/users/preview", json!({ "requests": true })).await;
    assert_eq!(status, 200, "{shown}");
    let request = &shown["destinations"][0]["requests"][0];
    assert_eq!((&request["method"], &request["records"]), (&json!("write"), &json!(2)), "{shown}");
    assert!(request["body"].as_str().unwrap().contains("ada@example.com"), "{shown}");
    assert_eq!(post(&served, "/syncs/users/estimate", json!({})).await.0, 200);
    // It is previewed, and is no sync that runs.
    assert_eq!(post(&served, "/syncs/users/runs", json!({})).await.0, 404);
    let both = post(&served, "/syncs/users/preview", json!({ "requests": true, "calls": true })).await;
    assert_eq!(both.1["errors"][0]["field"], "requests");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_cancels_its_query() {
    let served = Served::with_project(PROJECT).await;
    // One that comes while the requests below have a place asks again.
    let endless = async || {
        let post = || served.post("all", "/api/v1/syncs/endless/preview", Some("{}"));
        while post().await.status == StatusCode::SERVICE_UNAVAILABLE {}
    };
    {
        let all: Vec<_> = (0..8).map(|_| Box::pin(endless())).collect();
        let mut waiting = Box::pin(futures(all));
        // All places are taken once another one is refused.
        let full = async {
            loop {
                let refused =
                    served.post("all", "/api/v1/syncs/endless/estimate", Some("{\"limit\": 1}")).await;
                if refused.status == StatusCode::SERVICE_UNAVAILABLE {
                    return;
                }
                let other = served.get("all", "/api/v1/sources/warehouse/catalogue?refresh=true").await;
                if other.status == StatusCode::SERVICE_UNAVAILABLE {
                    return;
                }
            }
        };
        tokio::select! {
            () = full => {}
            () = &mut waiting => panic!("an endless query has ended"),
        }
    }
    // The clients are gone, and so are their queries.
    let free = async {
        while served.get("all", "/api/v1/sources/warehouse/catalogue?refresh=true").await.status
            != StatusCode::OK
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), free).await.unwrap();
    served.stop().await;
}

/// Waits for any of these.
async fn futures<F: Future + Unpin>(mut all: Vec<F>) {
    std::future::poll_fn(|context| {
        let ended = all.iter_mut().any(|one| std::pin::Pin::new(one).poll(context).is_ready());
        if ended { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_kept_for_some_minutes_and_read_again_on_request() {
    let served = Served::with_project(PROJECT).await;
    let catalogue = async |more: &str| {
        served.get("all", &format!("/api/v1/sources/warehouse/catalogue{more}")).await.json()
    };
    let first = catalogue("").await;
    assert_eq!(
        first["schemas"],
        json!([{ "schema": "main", "tables": [{ "table": "users", "type": "table", "columns": [
            { "column": "id", "type": "TEXT", "nullable": true },
            { "column": "email", "type": "TEXT", "nullable": true },
            { "column": "city", "type": "TEXT", "nullable": true },
            { "column": "updated", "type": "INTEGER", "nullable": true },
        ] }] }])
    );
    let database = rusqlite::Connection::open(served.dir.path().join("warehouse.db")).unwrap();
    database.execute_batch("CREATE VIEW cities AS SELECT DISTINCT city FROM users").unwrap();
    assert_eq!(catalogue("").await, first, "it is kept");
    let again = catalogue("?refresh=true&table=cities").await;
    let tables = &again["schemas"][0]["tables"];
    assert_eq!((tables.as_array().unwrap().len(), &tables[0]["type"]), (1, &json!("view")), "{again}");
    assert_eq!(served.get("all", "/api/v1/sources/nowhere/catalogue").await.status, 422);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_says_when_it_would_be_due_and_what_is_wrong_with_it() {
    let served = Served::with_project(PROJECT).await;
    let cron = json!({ "schedule": { "cron": "30 2 * * *", "timezone": "Europe/Berlin" } });
    let (_, shown) = post(&served, "/schedule/preview", cron).await;
    let slots = shown["next_slots"].as_array().unwrap();
    assert_eq!(slots.len(), 5);
    assert!(slots.iter().all(|slot| slot["clocks_change"].is_boolean()), "{shown}");
    let (status, wrong) = post(&served, "/schedule/preview", json!({ "schedule": { "every": "x" } })).await;
    assert_eq!((status.as_u16(), &wrong["errors"][0]["field"]), (422, &json!("schedule.every")));
    served.stop().await;
}
