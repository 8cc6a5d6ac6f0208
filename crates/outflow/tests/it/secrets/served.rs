//! S03 through the API: a secret that is set, replaced, checked, encrypted again and removed over
//! HTTP is in no answer, no problem, no log, no audit entry and no part of the state.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use outflow_testkit::{Receiver, Reply, Report, free_port};
use serde_json::{Value, json};

use super::kept::{FIRST, SECOND, Vault, last};
use crate::serving::Serving;

/// The API at a port, asked with a token, and all that it answered.
struct Api {
    port: u16,
    token: String,
    answers: Vec<String>,
}

impl Api {
    /// Sends a request and demands a status. The answer's body comes back.
    fn ask(&mut self, method: &str, path: &str, body: &str, status: u16) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (token, length) = (&self.token, body.len());
        let head = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             idempotency-key: same\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{method} {path}, expected {status}: {answer}"
        );
        let json = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
        self.answers.push(answer);
        json.unwrap_or_default()
    }

    fn set(&mut self, name: &str, body: &Value, status: u16) -> Value {
        self.ask("PUT", &format!("secrets/{name}"), &body.to_string(), status)
    }
}

/// Bodies that are refused, each with the value in it.
fn wrong_bodies() -> Vec<(String, u16)> {
    let long = SECOND.repeat(4_000);
    let json = [
        json!(SECOND),
        json!([SECOND]),
        json!({ SECOND: 1 }),
        json!({ "value": [SECOND] }),
        json!({ "value": { SECOND: 1 } }),
        json!({ "value": SECOND, "uses": SECOND }),
        json!({ "value": SECOND, "uses": [{ "kind": SECOND, "name": "a", "value": {} }] }),
        json!({ "value": SECOND, "unknown": SECOND }),
        json!({ "value": format!("{SECOND}\0") }),
        json!({ "value": long }),
    ];
    let mut bodies: Vec<(String, u16)> = json.iter().map(|body| (body.to_string(), 422)).collect();
    bodies.push((format!("{{\"value\": \"{SECOND}"), 400));
    bodies.push((format!("{{\"value\": {SECOND}}}"), 400));
    bodies.push((SECOND.to_owned(), 400));
    bodies
}

const READ: &[&str] = &[
    "secrets",
    "status",
    "syncs",
    "syncs/users",
    "sources",
    "destinations",
    "alerts",
    "usage",
    "runs",
    "users",
    "tokens",
    "schema",
    "openapi.json",
];

#[test]
fn a_secret_that_is_set_through_the_api_is_told_nowhere() {
    let receiver = Receiver::start_blocking();
    let mut vault = Vault::new(&receiver, None);
    vault.set("HOOK", FIRST, 0);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let serve = vault.program(&["serve", "-v", "--output", "json", "--listen", &listen]);
    let mut serving = Serving::of(&vault.project, &serve);
    assert!(serving.is_up());
    let token = vault.run(&["tokens", "create", "canaries", "--role", "admin", "--quiet"], 0);
    let mut api = Api { port, token: token.stdout.trim().to_owned(), answers: Vec::new() };

    let set = api.set("HOOK", &json!({ "value": SECOND }), 200);
    assert_eq!((&set["existed"], &set["used_by"]), (&json!(true), &json!(["destination hook"])));
    vault.run(&["run", "users", "--full", "-v"], 0);
    assert_eq!(last(&receiver), format!("Bearer {SECOND}"));
    for (body, status) in wrong_bodies() {
        api.ask("PUT", "secrets/HOOK", &body, status);
    }
    for name in ["a%20b", "rotate%00", "%ff"] {
        api.ask("PUT", &format!("secrets/{name}"), &json!({ "value": SECOND }).to_string(), {
            if name == "%ff" { 400 } else { 422 }
        });
    }
    // For a definition that is about to be made.
    let next =
        json!({ "type": "webhook", "url": "https://next.example", "headers": { "X": "${secret:NEXT}" } });
    let uses = json!([{ "kind": "destination", "name": "next", "value": next }]);
    let set = api.set("NEXT", &json!({ "value": SECOND, "uses": uses }), 200);
    assert_eq!(set["addresses"], json!(["webhook url=https://next.example (headers.X)"]));
    // The destination repeats what it got.
    receiver.rule(|request, _| {
        let secret = request.header("authorization").unwrap_or_default().to_owned();
        Some(Reply::status(400).body(format!("no entry for {secret}")))
    });
    vault.run(&["run", "users", "--full", "-v"], 4);
    let run = api.ask("GET", "runs", "", 200)["items"][0]["run"].as_u64().unwrap();
    READ.iter().for_each(|path| drop(api.ask("GET", path, "", 200)));
    for of_run in ["", "/rejected", "/dead-letters", "/events"] {
        api.ask("GET", &format!("runs/{run}{of_run}"), "", 200);
    }
    for path in ["validate", "reload", "verify", "destinations/hook/test", "syncs/users/preview"] {
        api.ask("POST", path, "{}", 200);
    }
    assert_eq!(api.ask("POST", "secrets/check", "", 200)["problems"], json!([]));
    assert_eq!(api.ask("POST", "secrets/rotate", "", 200)["resealed"], 2);
    assert_eq!(api.ask("DELETE", "secrets/HOOK", "", 409)["code"], "C035");
    assert_eq!(api.ask("DELETE", "secrets/HOOKS", "", 404)["code"], "C033");
    assert_eq!(api.ask("DELETE", "secrets/NEXT", "", 200)["existed"], true);
    let served = serving.stop();
    let audit = vault.run(&["audit", "export"], 0);
    for action in ["secret.set", "secret.rotate", "secret.remove"] {
        let by_token = |line: &&str| line.contains(action) && line.contains("\"token\"");
        assert!(audit.stdout.lines().any(|line| by_token(&line)), "{action}: {}", audit.stdout);
    }
    let answers = api.answers.len() as u64;
    let mut said = api.answers;
    said.extend([served.stdout, served.stderr]);
    let scanned = vault.assert_quiet(&said);
    Report::new(
        "outflow::it::secrets::served::a_secret_that_is_set_through_the_api_is_told_nowhere",
        "answers of the API with a secret in the request or in use",
        answers,
    )
    .with("bytes searched", scanned as u64)
    .with("hits", 0)
    .print();
}
