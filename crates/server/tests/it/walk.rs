//! All routes with all roles (S05 of the list of tests): whoever asks gets what the table of
//! permissions says, and nothing without a credential that counts.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use outflow_app::people::{Permission, Permissions, Role};
use serde_json::{Value, json};

use crate::description::{filled, operations};
use crate::served::{Answered, Served};

const PASSWORD: &str = "correct horse battery";

/// With what a request proves who asks.
#[derive(Clone, Debug)]
enum Proof {
    Nothing,
    Token(String),
    /// A cookie, and what the browser says of the page that asks.
    Session(String, &'static [(&'static str, &'static str)]),
}

const OWN_PAGE: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
const CROSS_SITE: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
];

fn request(method: &Method, path: &str, proof: &Proof, body: Option<&Value>) -> Request<Full<Bytes>> {
    let text = body.map(Value::to_string);
    let token = if let Proof::Token(token) = proof { token.as_str() } else { "" };
    let mut request = Served::request(method.clone(), token, path, text.as_deref());
    if let Proof::Session(cookie, headers) = proof {
        request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        for (name, value) in *headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
    }
    request
}

/// The cookies of an answer, as a browser sends them back.
fn cookies(answered: &Answered) -> String {
    assert_eq!(answered.status, 200, "{:?}", answered.body);
    let set: Vec<&str> =
        answered.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
    for cookie in &set {
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.starts_with("__Host-outflow") && cookie.contains(part), "{cookie}");
        }
    }
    set.iter().map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

async fn post(served: &Served, path: &str, proof: &Proof, body: Value) -> Answered {
    served.send(request(&Method::POST, path, proof, Some(&body))).await
}

async fn sign_in(served: &Served, name: &str) -> String {
    let body = json!({ "name": name, "password": PASSWORD });
    cookies(&post(served, "/api/v1/session", &Proof::Nothing, body).await)
}

/// The first administrator, a user and a token of each role. Tokens and sessions come along.
async fn people(served: &Served, set_up: &str) -> Vec<(Role, Proof)> {
    let body = json!({ "token": set_up, "name": "admin", "password": PASSWORD });
    let first = cookies(&post(served, "/api/v1/set-up", &Proof::Nothing, body.clone()).await);
    let again = post(served, "/api/v1/set-up", &Proof::Nothing, body).await;
    assert_eq!((again.status.as_u16(), &again.json()["code"]), (403, &json!("A009")));
    let admin = Proof::Session(first, OWN_PAGE);
    let mut proofs = Vec::new();
    for role in Role::ALL {
        if role != Role::Admin {
            let body = json!({ "name": role.name(), "role": role, "password": PASSWORD });
            assert_eq!(post(served, "/api/v1/users", &admin, body).await.status, 201);
        }
        let made = post(served, "/api/v1/tokens", &admin, json!({ "name": "walk", "role": role })).await;
        proofs.push((role, Proof::Token(made.json()["secret"].as_str().unwrap().to_owned())));
        proofs.push((role, Proof::Session(sign_in(served, role.name()).await, OWN_PAGE)));
    }
    proofs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_with_every_role_is_answered_as_the_table_says() {
    let (served, set_up) = Served::with_people().await;
    let proofs = people(&served, &set_up).await;
    let (mut asked, mut mismatches) = (0_u32, Vec::new());
    for (method, path, permission) in operations() {
        let Some(permission) = permission else { continue };
        let permission = Permission::from_name(&permission).unwrap();
        let path = filled(&path);
        for (role, proof) in &proofs {
            let is_token = matches!(proof, Proof::Token(_));
            let may = Permissions::of(*role).contains(permission)
                && !(is_token && permission == Permission::OwnAccount);
            // A stream has no end, and who has signed out asks nothing more.
            let is_last =
                path.ends_with("/events") || (method == Method::DELETE && path == "/api/v1/session");
            if may && is_last {
                continue;
            }
            let answered = served.send(request(&method, &path, proof, None)).await;
            asked += 1;
            let status = answered.status.as_u16();
            let is_right = if may { status != 401 && status != 403 && status < 500 } else { status == 403 };
            if !is_right {
                mismatches.push(format!("{method} {path} as {role:?} (token: {is_token}): {status}"));
            }
        }
        let answered = served.send(request(&method, &path, &Proof::Nothing, None)).await;
        asked += 1;
        if answered.json()["code"] != "A001" {
            mismatches.push(format!("{method} {path} without a credential: {}", answered.status));
        }
        let Some((_, Proof::Session(admin, _))) = proofs.last() else { panic!("no session") };
        for headers in CROSS_SITE.iter().filter(|_| !method.is_safe()) {
            let proof = Proof::Session(admin.clone(), headers);
            let answered = served.send(request(&method, &path, &proof, None)).await;
            asked += 1;
            if (answered.status.as_u16(), &answered.json()["code"]) != (403, &json!("A010")) {
                mismatches.push(format!("{method} {path} with {headers:?}: {}", answered.status));
            }
        }
    }
    println!("{asked} requests, {} mismatches", mismatches.len());
    assert!(mismatches.is_empty(), "{mismatches:#?}");
    assert!(asked > 300, "only {asked} requests");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_has_ended_or_was_signed_out_counts_for_nothing_on_any_route() {
    let (served, set_up) = Served::with_people().await;
    let proofs = people(&served, &set_up).await;
    let (_, admin) = proofs.last().unwrap().clone();
    let make = async |name: &str| {
        let body = json!({ "name": name, "role": "admin", "expires_after": if name == "expired" { 1 } else { 3600 } });
        let made = post(&served, "/api/v1/tokens", &admin, body).await;
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned())
    };
    let ((revoked, first), (_, second)) = (make("revoked").await, make("expired").await);
    let revoke = request(&Method::DELETE, &format!("/api/v1/tokens/{revoked}"), &admin, None);
    assert_eq!(served.send(revoke).await.json()["state"], "revoked");
    let signed_out = Proof::Session(sign_in(&served, "admin").await, OWN_PAGE);
    assert_eq!(served.send(request(&Method::DELETE, "/api/v1/session", &signed_out, None)).await.status, 204);
    let ended = async {
        let own = request(&Method::GET, "/api/v1/me", &Proof::Token(second.clone()), None);
        while served.send(own.clone()).await.status != 401 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), ended).await.unwrap();
    let mut asked = 0_u32;
    for (method, path, permission) in operations() {
        if permission.is_none() {
            continue;
        }
        let path = filled(&path);
        for (proof, code) in [
            (Proof::Token(first.clone()), "A002"),
            (Proof::Token(second.clone()), "A003"),
            (Proof::Token("ofl_guess".to_owned()), "A002"),
            (signed_out.clone(), "A002"),
        ] {
            let answered = served.send(request(&method, &path, &proof, None)).await;
            let got = (answered.status.as_u16(), answered.json()["code"].clone());
            assert_eq!(got, (401, json!(code)), "{method} {path} with {proof:?}");
            asked += 1;
        }
    }
    println!("{asked} requests with credentials that count for nothing, 0 answered");
    served.stop().await;
}
