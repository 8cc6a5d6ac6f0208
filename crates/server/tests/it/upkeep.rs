//! The project as a whole, connections, gaps, the audit log, purges, and set-up.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::served::{Answered, Served};

const PROJECT: &str = r#"
version: 1
definitions: { allow: [paths] }
sources:
  warehouse: { type: sqlite, databases: { main: { path: ./warehouse.db } } }
destinations:
  archive: { type: file, path: ./out }
  other: { type: file, path: ./other }
syncs:
  users:
    source: warehouse
    type: identify
    query: SELECT id AS "userId", email FROM users WHERE id IS NOT NULL
    destinations: [archive]
"#;

async fn send(served: &Served, method: Method, path: &str, body: Value) -> Answered {
    let body = (!body.is_null()).then(|| body.to_string());
    served.send(Served::request(method, "all", &format!("/api/v1{path}"), body.as_deref())).await
}

async fn get(served: &Served, path: &str) -> Value {
    served.get("all", &format!("/api/v1{path}")).await.json()
}

const IMPORT: &str = r#"
version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: ./warehouse.db } }, destinations: [archive] }
syncs:
  people: { source: shop, type: identify, query: 'SELECT id AS "userId" FROM users WHERE id IS NOT NULL' }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_planned_applied_and_exported() {
    let served = Served::with_project(PROJECT).await;
    let import = json!({ "text": IMPORT });
    let planned = send(&served, Method::POST, "/project/plan", import.clone()).await;
    let changes: Vec<String> = planned.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {} {}",
                c["action"].as_str().unwrap(),
                c["kind"].as_str().unwrap(),
                c["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(changes, ["create source shop", "create sync people"]);
    let apply = async |tag: &str| {
        let mut request =
            Served::request(Method::POST, "all", "/api/v1/project/apply", Some(&import.to_string()));
        request.headers_mut().insert(header::IF_MATCH, tag.parse().unwrap());
        served.send(request).await
    };
    let stale = apply("\"other\"").await;
    assert_eq!((stale.status, &stale.json()["code"]), (StatusCode::PRECONDITION_FAILED, &json!("A027")));
    let applied = apply(planned.header("etag")).await.json();
    assert_eq!(applied["definitions"].as_array().unwrap().len(), 2, "{applied}");
    let started = send(&served, Method::POST, "/syncs/people/runs", json!({})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "it is in force at once: {:?}", started.body);
    let export = served.get("all", "/api/v1/project/export").await;
    let text = String::from_utf8(export.body.to_vec()).unwrap();
    assert!(text.contains("\n  people:\n") && text.contains("\n  users:\n"), "{text}");
    let again = send(&served, Method::POST, "/project/plan", import).await.json();
    assert_eq!((again["changes"].as_array().unwrap().len(), &again["unchanged"]), (0, &json!(2)));

    // No file of the machine is read for a text, and what the files own stays theirs.
    let reads = "version: 1\nsyncs: { x: { source: shop, type: identify, query: { file: /etc/hostname } } }";
    let planned = send(&served, Method::POST, "/project/plan", json!({ "text": reads })).await;
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_else(|_| "none".to_owned());
    assert!(!String::from_utf8_lossy(&planned.body).contains(host.trim()) || host.trim().len() < 3);
    for (text, code) in [
        ("include: [/etc/passwd]", "C019"),
        ("syncs: [", "C002"),
        ("syncs: { users: { source: shop, type: identify, query: SELECT 1 } }", "C020"),
    ] {
        let refused = send(&served, Method::POST, "/project/plan", json!({ "text": text })).await.json();
        assert_eq!(refused["code"], code, "{text}: {refused}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_an_entry_of_its_source() {
    let served = Served::with_project(PROJECT).await;
    let import = json!({ "text": IMPORT });
    send(&served, Method::POST, "/project/apply", import).await;
    let connections = get(&served, "/connections").await["connections"].clone();
    assert_eq!(
        connections,
        json!([
            { "source": "shop", "destination": "archive", "of_source": true, "syncs": ["people"] },
            { "source": "warehouse", "destination": "archive", "of_source": false, "syncs": ["users"] },
        ])
    );
    let settings = json!({ "nulls": "omit" });
    let made = send(&served, Method::PUT, "/connections/shop/other", settings).await.json();
    assert_eq!(
        made["value"]["destinations"],
        json!(["archive", { "nulls": "omit", "name": "other" }]),
        "{made}"
    );
    let gone = send(&served, Method::DELETE, "/connections/shop/archive", Value::Null).await.json();
    assert_eq!((&gone["version"], gone["value"]["destinations"].as_array().unwrap().len()), (&json!(3), 1));
    let sync = get(&served, "/syncs/people").await;
    assert_eq!(sync["destinations"], json!(["other"]));
    let missing = send(&served, Method::DELETE, "/connections/shop/archive", Value::Null).await;
    assert_eq!(missing.status, 404);
    let owned = send(&served, Method::PUT, "/connections/warehouse/other", json!({})).await;
    assert_eq!((owned.status.as_u16(), &owned.json()["code"]), (409, &json!("C020")));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_in_the_audit_log_with_their_request_and_the_log_is_whole() {
    let (served, set_up) = Served::with_people().await;
    let account = json!({ "token": set_up, "name": "ada", "password": "correct horse battery" });
    let first = Served::request(Method::POST, "", "/api/v1/set-up", Some(&account.to_string()));
    let signed_in = served.send(first).await;
    let cookies = signed_in.headers.get_all(header::SET_COOKIE).iter();
    let cookie: Vec<&str> =
        cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap()).collect();
    let ask = async |method: Method, path: &str, body: Option<&str>| {
        let mut request = Served::request(method, "", &format!("/api/v1{path}"), body);
        request.headers_mut().insert(header::COOKIE, cookie.join("; ").parse().unwrap());
        request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
        served.send(request).await
    };
    let put = ask(Method::PUT, "/settings/limits", Some("{\"extractions\": 3}")).await;
    assert_eq!(put.status, 201, "{:?}", put.body);
    let found = ask(Method::GET, "/audit?action=setting.&limit=1", None).await.json();
    let entry = &found["items"][0];
    assert_eq!(entry["actor"]["request_id"], put.header("x-request-id"), "{entry}");
    assert_eq!((&entry["actor"]["name"], &entry["actor"]["address"]), (&json!("ada"), &json!("127.0.0.1")));
    assert_eq!((&entry["action"], &entry["after"]), (&json!("setting.create"), &json!({ "extractions": 3 })));

    let (mut numbers, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ask(Method::GET, &format!("/audit?limit=2{cursor}"), None).await.json();
        numbers.extend(page["items"].as_array().unwrap().iter().map(|e| e["number"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let export = ask(Method::GET, "/audit/export", None).await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(export.body.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), numbers.len());
    let last = lines.last().unwrap();
    let seen = json!({ "seen": [format!("{}:{}", last["number"], last["hash"].as_str().unwrap())] });
    let verified = ask(Method::POST, "/audit/verify", Some(&seen.to_string())).await.json();
    assert_eq!(verified["problems"], json!([]), "{verified}");
    let wrong = ask(Method::POST, "/audit/verify", Some("{\"seen\": [\"x\"]}")).await.json();
    assert_eq!(wrong["errors"][0]["field"], "seen[0]");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_removed_and_what_was_never_sent_is_filled() {
    let served = Served::with_project(PROJECT).await;
    let run = async || {
        let started = send(&served, Method::POST, "/syncs/users/runs", json!({})).await.json();
        let run = started["run"].as_u64().unwrap_or_else(|| panic!("{started}"));
        served.get("all", &format!("/api/v1/runs/{run}/events")).await;
        run
    };
    let first = run().await;
    let purge = json!({ "id": "u1", "dry_run": true });
    let planned = send(&served, Method::POST, "/purge", purge).await.json();
    assert_eq!((&planned["dry_run"], &planned["runs"][0]["run"]), (&json!(true), &json!(first)), "{planned}");
    let purged = send(&served, Method::POST, "/purge", json!({ "id": "u1" })).await.json();
    assert_eq!((&purged["dry_run"], &purged["runs"][0]["calls"]), (&json!(false), &json!(1)), "{purged}");
    assert_eq!(send(&served, Method::POST, "/purge", json!({ "id": "" })).await.status, 422);

    assert_eq!(get(&served, "/gaps").await["missing"], json!([]));
    let since = json!({ "since": "1970-01-01T00:00:00Z", "sync": "users" });
    let begun = send(&served, Method::POST, "/destinations/archive/backfill", since).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{:?}", begun.body);
    let begun = async {
        while get(&served, "/runs?kind=since").await["items"].as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), begun).await.unwrap();
    let none = send(&served, Method::POST, "/destinations/archive/backfill", json!({})).await;
    assert_eq!(none.json()["runs"], json!([]), "it has missed nothing");
    assert_eq!(send(&served, Method::POST, "/destinations/nowhere/backfill", json!({})).await.status, 404);

    // An embedded database has no accounts.
    assert_eq!(send(&served, Method::GET, "/sources/warehouse/setup-sql", Value::Null).await.status, 409);
    assert_eq!(get(&served, "/alerts/receivers").await["receivers"], json!([]));
    served.stop().await;
}
