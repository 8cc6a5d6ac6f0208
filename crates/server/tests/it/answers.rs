//! What the API answers: documents, problems, headers.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::served::Served;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_from_its_start_to_its_rejected_rows() {
    let served = Served::start().await;
    let syncs = served.get("all", "/api/v1/syncs").await.json();
    assert_eq!(syncs["syncs"][0]["sync"], "users");
    let preview = served.post("all", "/api/v1/syncs/users/preview", Some("{\"calls\": true}")).await;
    assert_eq!((preview.status, preview.json()["calls"].as_array().unwrap().len()), (StatusCode::OK, 3));

    let begin = |body: &'static str| {
        let mut request = Served::request(Method::POST, "all", "/api/v1/syncs/users/runs", Some(body));
        request.headers_mut().insert("idempotency-key", "nightly".parse().unwrap());
        request
    };
    let started = served.send(begin("{}")).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{:?}", started.body);
    let run = started.json()["run"].as_u64().unwrap();
    let again = served.send(begin("{}")).await.json();
    assert_eq!(again["run"].as_u64(), Some(run), "the same key begins no second run");
    assert_eq!(served.send(begin("{\"full\": true}")).await.json()["code"], "A028");

    let events = served.get("all", &format!("/api/v1/runs/{run}/events")).await;
    let text = String::from_utf8(events.body.to_vec()).unwrap();
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    let document: Value = serde_json::from_str(last).unwrap();
    assert_eq!(document["state"], "succeeded_with_rejected", "{text}");
    assert_eq!(document["rows"], json!({ "read": 3, "calls": 2, "rejected": 1, "unchanged": 0 }));

    let rejected = served.get("all", &format!("/api/v1/runs/{run}/rejected")).await.json();
    assert_eq!(rejected["items"][0]["row"]["city"], "Atlantis");
    let runs = served.get("all", "/api/v1/runs?limit=1").await;
    assert_eq!((&runs.json()["items"][0]["run"], &runs.json()["next_cursor"]), (&json!(run), &Value::Null));
    let mut conditional = Served::request(Method::GET, "all", "/api/v1/runs?limit=1", None);
    conditional.headers_mut().insert("if-none-match", runs.header("etag").parse().unwrap());
    let unchanged = served.send(conditional).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));

    let paused = served.post("all", "/api/v1/destinations/archive/pause", None).await.json();
    assert_eq!(paused["entries"][0]["changed"], true);
    let usage = served.get("all", "/api/v1/usage?days=true").await.json();
    assert_eq!(usage["calls"], 2);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_refused_is_a_problem_with_a_code_and_the_usual_headers() {
    let served = Served::start().await;
    let post = |path: &str, body: &str| Served::request(Method::POST, "all", path, Some(body));
    let mut untyped = post("/api/v1/syncs/users/preview", "{}");
    untyped.headers_mut().remove("content-type");
    let preview = "/api/v1/syncs/users/preview";
    for (request, status, code) in [
        (Served::request(Method::GET, "all", "/api/v1/nothing", None), 404, "A020"),
        (Served::request(Method::DELETE, "all", "/api/v1/syncs", None), 405, "A021"),
        (Served::request(Method::OPTIONS, "all", "/api/v1/syncs", None), 405, "A021"),
        (Served::request(Method::GET, "", "/api/v1/syncs", None), 401, "A001"),
        (Served::request(Method::GET, "none", "/api/v1/syncs", None), 403, "A004"),
        (Served::request(Method::GET, "all", "/api/v1/syncs/nobody", None), 404, "C011"),
        (Served::request(Method::GET, "all", "/api/v1/syncs/%ff", None), 400, "A022"),
        (Served::request(Method::GET, "all", "/api/v1/runs/one", None), 400, "A022"),
        (Served::request(Method::GET, "all", "/api/v1/runs/18446744073709551615", None), 404, "C011"),
        (Served::request(Method::GET, "all", "/api/v1/runs?limit=0", None), 422, "C005"),
        (Served::request(Method::GET, "all", "/api/v1/runs?limit=x", None), 400, "A022"),
        (Served::request(Method::GET, "all", "/api/v1/runs?cursor=-1", None), 422, "C005"),
        (Served::request(Method::GET, "all", "/api/v1/runs?unknown=1", None), 400, "A022"),
        (Served::request(Method::GET, "all", "/api/v1/usage?month=2026-13", None), 422, "C005"),
        (post(preview, "{"), 400, "A022"),
        (post(preview, "{\"limit\": \"ten\"}"), 422, "A022"),
        (post(preview, "{\"limit\": 0}"), 422, "C005"),
        (post(preview, "{\"unknown\": 1}"), 422, "A022"),
        (post(preview, "{} {}"), 400, "A022"),
        (post(preview, &format!("{{\"since\": \"{}\"}}", "x".repeat(1 << 20))), 413, "A023"),
        (untyped, 415, "A024"),
        (post("/api/v1/runs/1/approve", "{}"), 404, "C011"),
        (post("/api/v1/destinations/nowhere/test", "{}"), 404, "C011"),
    ] {
        let asked = format!("{} {}", request.method(), request.uri());
        let answered = served.send(request).await;
        let problem = answered.json();
        assert_eq!(
            (answered.status.as_u16(), problem["code"].as_str()),
            (status, Some(code)),
            "{asked}: {problem}"
        );
        assert_eq!(answered.header("content-type"), "application/problem+json", "{asked}");
        assert_eq!(problem["request_id"], answered.header("x-request-id"), "{asked}");
        assert_eq!(answered.header("x-content-type-options"), "nosniff", "{asked}");
        assert_eq!(answered.header("cache-control"), "private, no-cache", "{asked}");
        assert!(!answered.header("content-security-policy").is_empty(), "{asked}");
        assert!(!problem["errors"].as_array().unwrap().is_empty(), "{asked}");
    }
    let wrong = served.send(post(preview, "{\"limit\": \"ten\"}")).await.json();
    assert_eq!(wrong["errors"][0]["field"], "limit");
    let allow = served.send(Served::request(Method::DELETE, "all", "/api/v1/syncs", None)).await;
    assert_eq!(allow.header("allow"), "GET,HEAD,POST");
    served.stop().await;
}

/// What the process asks of itself does not go through the control socket: removing it changes
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_answers_itself() {
    let served = Served::start().await;
    std::fs::remove_file(served.dir.path().join(".outflow/control.sock")).unwrap();
    let paused = served.post("all", "/api/v1/syncs/users/pause", None).await;
    assert_eq!(paused.json()["entries"][0]["changed"], true);
    assert!(served.get("all", "/api/v1/status").await.json()["serving"]["pid"].is_u64());
    assert_eq!(served.post("all", "/api/v1/reload", None).await.json()["reloaded"], true);
    served.stop().await;
}
