//! Definitions over the API: made, changed, compared, restored, removed.

use std::path::Path;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::served::{self, Answered, Served};

/// A project whose definitions the server owns, but for one sync.
fn project(dir: &Path) {
    served::database(dir);
    let text = r#"
version: 1
definitions: { allow: [paths] }
sources:
  files: { type: sqlite, databases: { main: { path: ./warehouse.db } }, destinations: [out] }
destinations:
  out: { type: file, path: ./of-files }
syncs:
  kept: { source: files, type: identify, query: 'SELECT id AS "userId" FROM users WHERE id IS NOT NULL' }
"#;
    std::fs::write(dir.join("outflow.yaml"), text).unwrap();
}

/// Sends a change, with a header if one is given.
async fn send(
    served: &Served,
    (method, path): (Method, &str),
    body: &Value,
    condition: Option<(header::HeaderName, &str)>,
) -> Answered {
    let text = if body.is_null() { None } else { Some(body.to_string()) };
    let mut request = Served::request(method, "all", &format!("/api/v1{path}"), text.as_deref());
    if let Some((name, value)) = condition {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    served.send(request).await
}

async fn get(served: &Served, path: &str) -> Value {
    served.get("all", &format!("/api/v1{path}")).await.json()
}

fn status_and_code(answered: &Answered) -> (u16, Value) {
    (answered.status.as_u16(), answered.json()["code"].clone())
}

/// A source and a destination of the server.
async fn made(served: &Served) {
    let source = json!({ "name": "shop", "value":
        { "type": "sqlite", "databases": { "main": { "path": "./warehouse.db" } } } });
    assert_eq!(send(served, (Method::POST, "/sources"), &source, None).await.status, 201);
    let archive = json!({ "type": "file", "path": "./archive" });
    let put = send(served, (Method::PUT, "/destinations/archive"), &archive, None).await;
    assert_eq!((put.status, put.header("etag")), (StatusCode::CREATED, "\"1\""), "{:?}", put.body);
}

fn users() -> Value {
    json!({ "source": "shop", "type": "identify", "destinations": ["archive"],
            "query": "SELECT id AS \"userId\", email FROM users WHERE id IS NOT NULL" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_checked_enabled_and_runs() {
    let served = Served::with_files(project).await;
    made(&served).await;
    let draft = json!({ "name": "users", "status": "draft", "value":
        { "source": "nowhere", "type": "identify", "schedule": { "every": "x" } } });
    let made = send(&served, (Method::POST, "/syncs"), &draft, None).await;
    assert_eq!((made.status, made.header("etag")), (StatusCode::CREATED, "\"1\""));
    assert_eq!((&made.json()["owner"], &made.json()["status"]), (&json!("server"), &json!("draft")));
    let again = send(&served, (Method::POST, "/syncs"), &draft, None).await;
    assert_eq!(status_and_code(&again), (409, json!("C018")));

    let problems = get(&served, "/syncs/users/problems").await;
    let fields: Vec<&Value> =
        problems["problems"].as_array().unwrap().iter().map(|problem| &problem["field"]).collect();
    assert_eq!(problems["ok"], false);
    for field in ["source", "schedule.every"] {
        assert!(fields.contains(&&json!(field)), "{problems}");
    }
    let refused = send(&served, (Method::POST, "/syncs/users/enable"), &Value::Null, None).await;
    let fields: Vec<Value> =
        refused.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(fields.contains(&json!("schedule.every")), "{fields:?}");

    let patch = json!({ "source": "shop", "schedule": null, "query": users()["query"],
                        "destinations": ["archive"] });
    let mut request = Served::request(Method::PATCH, "all", "/api/v1/syncs/users", Some(&patch.to_string()));
    request.headers_mut().insert("content-type", "application/merge-patch+json".parse().unwrap());
    assert_eq!(served.send(request).await.header("etag"), "\"2\"");
    assert_eq!(get(&served, "/syncs/users/problems").await["ok"], true);
    let enabled = send(&served, (Method::POST, "/syncs/users/enable"), &Value::Null, None).await;
    assert_eq!(enabled.json()["status"], "enabled", "{:?}", enabled.body);
    let started = send(&served, (Method::POST, "/syncs/users/runs"), &json!({}), None).await;
    let run = started.json()["run"].as_u64().unwrap();
    let events = served.get("all", &format!("/api/v1/runs/{run}/events")).await;
    assert!(String::from_utf8_lossy(&events.body).contains("\"succeeded\""), "{:?}", events.body);

    let name = json!({ "name": "people" });
    let renamed = send(&served, (Method::POST, "/syncs/users/rename"), &name, None).await;
    assert_eq!(renamed.json()["to"], "people");
    assert_eq!(get(&served, "/runs?sync=people").await["items"][0]["run"], run);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_version_that_can_be_compared_and_restored() {
    let served = Served::with_files(project).await;
    made(&served).await;
    send(&served, (Method::POST, "/syncs"), &json!({ "name": "users", "value": users() }), None).await;
    let every = json!({ "schedule": { "every": "1h" } });
    let changed = send(&served, (Method::PATCH, "/syncs/users"), &every, None).await;
    assert_eq!(changed.json()["value"]["schedule"]["every"], "1h");
    let compared = get(&served, "/syncs/users/compare?from=1&to=2").await;
    assert_eq!(compared["keys"], json!([{ "key": "schedule.every", "before": null, "after": "1h" }]));
    let restored = send(&served, (Method::POST, "/syncs/users/versions/1/restore"), &Value::Null, None).await;
    assert_eq!((&restored.json()["version"], &restored.json()["value"]), (&json!(3), &users()));
    assert_eq!(get(&served, "/syncs/users/versions/2").await["value"]["schedule"]["every"], "1h");

    let page = get(&served, "/syncs/users/versions?limit=2").await;
    let numbers = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|v| v["version"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers(&page), &page["next_cursor"]), (vec![3, 2], &json!("2")));
    let page = get(&served, "/syncs/users/versions?limit=2&cursor=2").await;
    assert_eq!((numbers(&page), &page["next_cursor"]), (vec![1], &Value::Null));

    // What a sync names cannot go; once the sync is gone, it can. The version stays.
    let delete = async |path: &str| send(&served, (Method::DELETE, path), &Value::Null, None).await;
    assert_eq!(delete("/destinations/archive").await.status, 422);
    assert_eq!(delete("/syncs/users").await.json()["value"], Value::Null);
    assert_eq!(delete("/destinations/archive").await.status, 200);
    assert_eq!(status_and_code(&delete("/destinations/archive").await), (404, json!("C022")));
    assert_eq!(status_and_code(&served.get("all", "/api/v1/syncs/users/definition").await).0, 404);
    assert_eq!(get(&served, "/syncs/users/versions").await["items"].as_array().unwrap().len(), 4);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_version_than_the_one_that_is_there_is_refused() {
    let served = Served::with_files(project).await;
    made(&served).await;
    let limits = json!({ "extractions": 3 });
    let setting = |condition| send(&served, (Method::PUT, "/settings/limits"), &limits, condition);
    assert_eq!(setting(Some((header::IF_NONE_MATCH, "*"))).await.status, 201);
    assert_eq!(status_and_code(&setting(Some((header::IF_NONE_MATCH, "*"))).await), (412, json!("A027")));
    let archive = json!({ "type": "file", "path": "./elsewhere" });
    let put = |condition| send(&served, (Method::PUT, "/destinations/archive"), &archive, condition);
    assert_eq!(put(Some((header::IF_MATCH, "\"1\""))).await.header("etag"), "\"2\"");
    let stale = put(Some((header::IF_MATCH, "\"1\""))).await;
    assert_eq!(status_and_code(&stale), (412, json!("A027")));
    let nothing = send(&served, (Method::DELETE, "/syncs/none"), &Value::Null, Some((header::IF_MATCH, "*")));
    assert_eq!(status_and_code(&nothing.await), (412, json!("A027")));
    let read = served.get("all", "/api/v1/destinations/archive/definition").await;
    assert_eq!((read.header("etag"), &read.json()["version"]), ("\"2\"", &json!(2)));

    // The files own this one, and say where.
    let owned = send(&served, (Method::PATCH, "/syncs/kept"), &json!({ "tags": ["a"] }), None).await;
    assert_eq!(status_and_code(&owned), (409, json!("C020")));
    assert!(owned.json()["detail"].as_str().unwrap().contains("outflow.yaml:9"), "{:?}", owned.body);
    let all = get(&served, "/definitions").await;
    assert_eq!(all["next_cursor"], Value::Null, "{all}");
    let (mut paged, mut next) = (Vec::new(), Some(String::new()));
    while let Some(cursor) = next {
        let page = get(&served, &format!("/definitions?limit=1{cursor}")).await;
        paged.extend(page["items"].as_array().unwrap().clone());
        next = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
    }
    assert_eq!(Value::from(paged), all["items"]);
    for wrong in ["sync", "sync/", "run/7"] {
        let refused = served.get("all", &format!("/api/v1/definitions?cursor={wrong}")).await;
        assert_eq!(status_and_code(&refused), (422, json!("C005")), "{wrong}");
    }
    let all = get(&served, "/definitions?kind=sync").await;
    assert_eq!(all["items"][0]["managed_by"], "outflow.yaml, line 9", "{all}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_tested_before_it_is_saved() {
    let served = Served::with_files(project).await;
    let source =
        |path: &str| json!({ "value": { "type": "sqlite", "databases": { "main": { "path": path } } } });
    let test = async |token: &str, path: &str, body: Value| {
        let path = format!("/api/v1{path}/test");
        served.post(token, &path, Some(&body.to_string())).await
    };
    let last = |answered: &Answered| -> Value {
        let text = String::from_utf8(answered.body.to_vec()).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    };
    let right = test("all", "/sources/shop", source("./warehouse.db")).await;
    assert_eq!(last(&right)["result"]["ok"], true, "{right:?}");
    let wrong = test("all", "/sources/shop", source("./nothing.db")).await;
    assert_eq!(last(&wrong)["result"]["ok"], false, "{wrong:?}");
    let out = json!({ "value": { "type": "file", "path": "./new-folder" } });
    let right = test("all", "/destinations/archive", out.clone()).await;
    assert_eq!(last(&right)["result"]["destinations"][0]["destination"], "archive", "{right:?}");
    // Nothing was saved, and what files own is not tried out as something else.
    assert_eq!(get(&served, "/sources").await["items"].as_array().unwrap().len(), 1);
    let of_files = test("all", "/sources/files", source("./warehouse.db")).await;
    assert_eq!(status_and_code(&of_files), (409, json!("C020")));
    let odd = test("all", "/sources/shop", json!({ "value": { "type": "oracle" } })).await;
    assert_eq!(odd.status, 422, "{odd:?}");
    // Who may test what is saved may not try other hosts.
    for (permission, path, body) in
        [("sources.query", "/sources/shop", source("./x")), ("destinations.test", "/destinations/x", out)]
    {
        assert_eq!(test(permission, path, body).await.status, 403, "{path}");
    }
    served.stop().await;
}
