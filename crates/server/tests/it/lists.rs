//! Lists: filters, cursors, and what those who may not see rows are shown.

use serde_json::{Value, json};

use crate::served::Served;

/// A project with a sync that rejects rows for two reasons and one that fails.
const PROJECT: &str = r#"
version: 1
sources:
  warehouse: { type: sqlite, databases: { main: { path: ./warehouse.db } }, destinations: [archive] }
destinations:
  archive: { type: file, path: ./out }
  one: { type: customerio-pipelines, base_url: "http://127.0.0.1:9", write_key: "${env:PATH}" }
  two: { type: customerio-pipelines, base_url: "http://127.0.0.1:9", write_key: "${env:HOME}" }
syncs:
  refused:
    source: warehouse
    type: identify
    destinations: [one, two]
    query: |
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 129)
      SELECT 'u' || i AS "userId", hex(zeroblob(20000)) AS "long" FROM n
  rejects:
    source: warehouse
    type: track
    query: |
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      SELECT CASE WHEN i % 2 OR i = 0 THEN 'u' || i END AS "userId", 'Seen' AS event,
        CASE WHEN i % 2 THEN 'yesterday' END AS timestamp
      FROM n
  fails: { source: warehouse, type: identify, query: 'SELECT id AS "userId" FROM "ada@example.com"' }
"#;

async fn get(served: &Served, path: &str) -> Value {
    served.get("all", &format!("/api/v1{path}")).await.json()
}

/// Runs a sync to its end.
async fn run(served: &Served, sync: &str) -> u64 {
    run_with(served, sync, "{}").await
}

async fn run_with(served: &Served, sync: &str, body: &str) -> u64 {
    let newest =
        async || get(served, &format!("/runs?sync={sync}&limit=1")).await["items"][0]["run"].as_u64();
    let before = newest().await;
    let started = served.post("all", &format!("/api/v1/syncs/{sync}/runs"), Some(body)).await;
    assert_eq!(started.status, 202, "{:?}", started.body);
    // One whose sync is still busy with the run before begins later.
    let begun = async {
        loop {
            let now = newest().await;
            if now != before {
                return now.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let run = tokio::time::timeout(std::time::Duration::from_secs(60), begun).await.unwrap();
    served.get("all", &format!("/api/v1/runs/{run}/events")).await;
    run
}

fn runs(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|run| run["run"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_found_by_what_they_are() {
    let served = Served::with_project(PROJECT).await;
    let failed = run(&served, "fails").await;
    let first = run(&served, "rejects").await;
    let full = run_with(&served, "rejects", "{\"full\": true, \"allow_second_ids\": true}").await;
    assert_eq!(runs(&get(&served, "/runs?state=failed").await), [failed]);
    assert_eq!(runs(&get(&served, "/runs?kind=full").await), [full]);
    assert_eq!(runs(&get(&served, "/runs?kind=incremental&sync=rejects").await), [first]);
    assert_eq!(runs(&get(&served, "/runs?since=2999-01-01T00:00:00Z").await), [0; 0]);
    assert_eq!(runs(&get(&served, "/runs?until=2999-01-01T00:00:00Z&limit=2").await), [full, first]);
    for (wrong, field) in [("state=gone", "state"), ("kind=odd", "kind")] {
        let refused = get(&served, &format!("/runs?{wrong}")).await;
        assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("C005"), &json!(field)));
    }
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&served, &format!("/runs?limit=1{cursor}")).await;
        all.extend(runs(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, [full, first, failed]);
    let few = get(&served, "/runs?fields=run,state&limit=1").await;
    let keys: Vec<&str> = few["items"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((keys, &few["items"][0]["run"]), (vec!["run", "state"], &json!(full)), "{few}");
    assert!(few["next_cursor"].is_string());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_are_paged_by_their_place_and_found_by_their_code() {
    let served = Served::with_project(PROJECT).await;
    let run = run(&served, "rejects").await;
    let all = get(&served, &format!("/runs/{run}/rejected?limit=500")).await;
    let codes: Vec<String> =
        all["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 2, "{}", all["findings"]);
    for code in codes {
        let (mut ordinals, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&served, &format!("/runs/{run}/rejected?code={code}&limit=90{cursor}")).await;
            for row in page["items"].as_array().unwrap() {
                assert_eq!(row["code"], json!(code));
                ordinals.push(row["ordinal"].as_u64().unwrap());
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!((499..=500).contains(&ordinals.len()), "{code}: {}", ordinals.len());
        assert!(ordinals.is_sorted_by(|a, b| a < b), "none comes twice");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_said_is_for_those_who_may_see_rows() {
    let served = Served::with_project(PROJECT).await;
    let run = run(&served, "fails").await;
    for (path, name) in
        [("/runs", "runs.read"), (&format!("/runs/{run}"), "runs.read"), ("/status", "status.read")]
    {
        let says = async |token: &str| {
            let answered = served.get(token, &format!("/api/v1{path}")).await;
            let text = String::from_utf8_lossy(&answered.body).into_owned();
            assert_eq!(answered.status, 200, "{text}");
            text.contains("ada@example.com")
        };
        assert!(says("all").await && !says(name).await, "{path}");
    }
    let events = served.get("runs.read", &format!("/api/v1/runs/{run}/events")).await;
    assert!(!String::from_utf8_lossy(&events.body).contains("ada@example.com"));
    served.stop().await;
}

/// The calls are too large for their destinations, which refuse them before they are sent.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_paged_over_destinations_and_their_causes_are_counted_once() {
    let served = Served::with_project(PROJECT).await;
    let run = run(&served, "refused").await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&served, &format!("/runs/{run}/dead-letters?code=D001&limit=50{cursor}")).await;
        assert_eq!(
            (page["dead_letters"].as_u64(), page["causes"].is_null()),
            (Some(260), !cursor.is_empty())
        );
        for letter in page["items"].as_array().unwrap() {
            assert_eq!(letter["call"]["userId"], format!("u{}", letter["ordinal"]), "{cursor}");
            found.push((
                letter["destination"].as_str().unwrap().to_owned(),
                letter["position"].as_u64().unwrap(),
            ));
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<(String, u64)> =
        ["one", "two"].iter().flat_map(|name| (0..130).map(|at| ((*name).to_owned(), at))).collect();
    assert_eq!(found, expected);
    let two = get(&served, &format!("/runs/{run}/dead-letters?destination=two&cursor=1-128")).await;
    assert_eq!(two["items"].as_array().unwrap().len(), 2);
    let others = get(&served, &format!("/runs/{run}/dead-letters?code=D002")).await;
    assert_eq!((others["items"].as_array().unwrap().len(), &others["next_cursor"]), (0, &Value::Null));
    served.stop().await;
}
