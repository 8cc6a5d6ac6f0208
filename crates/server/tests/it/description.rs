//! `openapi.json`: that it is what the code says, and that every route has a permission.

use std::collections::HashSet;
use std::path::Path;

use http::Method;
use outflow_server::Permission;
use serde_json::Value;

use crate::served::Served;

fn described() -> Value {
    serde_json::to_value(outflow_server::document()).unwrap()
}

/// Method, path and permission of every operation.
pub fn operations() -> Vec<(Method, String, Option<String>)> {
    let document = described();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let permission = operation["x-permission"].as_str().map(str::to_owned);
            operations.push((method, path.clone(), permission));
        }
    }
    operations
}

/// A path with something in the place of its parameters.
pub fn filled(path: &str) -> String {
    path.replace("{run}", "1").replace("{sync}", "users").replace('{', "x").replace('}', "")
}

#[test]
fn the_description_in_the_repository_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let now = serde_json::to_string_pretty(&described()).unwrap() + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == now, "run this test with UPDATE_DOCS=1: openapi.json is not what the code says");
}

#[test]
fn every_reference_of_the_description_has_a_schema_and_every_operation_a_text() {
    let document = described();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is described nowhere");
    }
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: another operation is called {id}, too");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.len() > 1 || path.ends_with('z'));
            for (status, response) in responses {
                let description = response["description"].as_str().unwrap_or_default();
                assert!(!description.is_empty(), "{method} {path}: {status} has no description");
            }
        }
    }
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn every_operation_needs_a_permission_but_those_that_reveal_nothing() {
    let open: Vec<_> = operations().into_iter().filter(|(.., permission)| permission.is_none()).collect();
    let paths: Vec<_> = open.iter().map(|(_, path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/api/v1/session",
            "/api/v1/session",
            "/api/v1/session/link",
            "/api/v1/session/oidc",
            "/api/v1/session/oidc/callback",
            "/api/v1/set-up",
            "/healthz",
            "/readyz",
        ]
    );
}

/// Each route without a token, with somebody who has every permission but its own, and with its
/// own. A token has no account of its own.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_takes_its_permission_and_no_other() {
    let served = Served::start().await;
    let (mut asked, operations) = (0, operations());
    for (method, path, permission) in operations {
        let Some(own) = permission else { continue };
        let path = filled(&path);
        let send = async |token: &str| {
            let request = Served::request(method.clone(), token, &path, None);
            served.send(request).await.status.as_u16()
        };
        assert_eq!(send("").await, 401, "{method} {path}");
        asked += 1;
        for other in Permission::ALL.iter().filter(|p| p.name() != own) {
            assert_eq!(send(other.name()).await, 403, "{method} {path} with {}", other.name());
            asked += 1;
        }
        // A stream of everything goes on for ever.
        if !path.ends_with("/events") && own != Permission::OwnAccount.name() {
            let status = send(&own).await;
            assert!(status != 401 && status != 403 && status < 500, "{method} {path}: {status}");
            asked += 1;
        }
    }
    assert!(asked > 200, "only {asked} requests");
    served.stop().await;
}
