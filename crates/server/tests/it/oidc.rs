//! Signing in through an OpenID Connect provider, over the network, on both stores.

mod attacks;
mod troubles;

use http::{HeaderValue, Method, header};
use outflow_app::StateLocation;
use outflow_testkit::Postgres;
use outflow_testkit::oidc::{CLIENT_SECRET, OidcProvider, Returned, Signature};
use serde_json::{Value, json};

use crate::served::{Answered, Served};

const PASSWORD: &str = "correct horse battery";

/// Where the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Sqlite,
    Postgres,
}

const STORES: [Store; 2] = [Store::Sqlite, Store::Postgres];

/// An installation with a provider, and the cookie of its first administrator, who has a password.
struct Site {
    served: Served,
    provider: OidcProvider,
    admin: String,
    _postgres: Option<Postgres>,
}

/// A sign-in that a browser has begun.
struct Begun {
    location: String,
    cookie: String,
}

/// The cookies of an answer, as a browser sends them back.
fn cookies(answered: &Answered) -> String {
    let set = answered.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let kept = set.filter(|cookie| !cookie.contains("Max-Age=0"));
    kept.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

impl Site {
    async fn start(store: Store) -> Self {
        Self::with(store, "roles: { ops: admin, data: member }").await
    }

    async fn with(store: Store, settings: &str) -> Self {
        let provider = OidcProvider::start().await;
        let postgres = (store == Store::Postgres).then(Postgres::start);
        let state = postgres.as_ref().map(|server| {
            let (user, password, port) = (Postgres::USER, Postgres::PASSWORD, server.port());
            StateLocation::parse(&format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres")).unwrap()
        });
        let text = format!(
            "version: 1\nserver:\n  oidc:\n    issuer: {}\n    client_id: outflow\n    \
             client_secret: \"${{file:./client-secret}}\"\n    {settings}\n",
            provider.issuer()
        );
        let write = move |dir: &std::path::Path| {
            std::fs::write(dir.join("client-secret"), CLIENT_SECRET).unwrap();
            std::fs::write(dir.join("outflow.yaml"), text).unwrap();
        };
        let (served, set_up) = Served::with_people_of(write, state).await;
        let body = json!({ "token": set_up, "name": "root", "password": PASSWORD });
        let answered = served.post("", "/api/v1/set-up", Some(&body.to_string())).await;
        assert_eq!(answered.status, 200, "{:?}", answered.body);
        let admin = cookies(&answered);
        provider.script(|script| {
            script.claims = json!({ "groups": ["data", "other"] });
            script.userinfo = json!({ "sub": "subject-1" });
        });
        Self { served, provider, admin, _postgres: postgres }
    }

    async fn get(&self, cookie: &str, path: &str) -> Answered {
        self.ask(Method::GET, cookie, path, None).await
    }

    async fn ask(&self, method: Method, cookie: &str, path: &str, body: Option<&Value>) -> Answered {
        let text = body.map(Value::to_string);
        let mut request = Served::request(method, "", path, text.as_deref());
        if !cookie.is_empty() {
            request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        self.served.send(request).await
    }

    async fn begin(&self) -> Begun {
        let answered = self.get("", "/api/v1/session/oidc").await;
        assert_eq!(answered.status, 302, "{:?}", answered.body);
        assert_eq!(answered.header("cache-control"), "no-store");
        let set = answered.header("set-cookie");
        for part in
            ["__Host-outflow-oidc=oflp_", "Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"]
        {
            assert!(set.contains(part), "{set}");
        }
        Begun { location: answered.header("location").to_owned(), cookie: cookies(&answered) }
    }

    /// The browser comes back.
    async fn back(&self, returned: &Returned, cookie: &str) -> Answered {
        let path = returned.callback.strip_prefix("https://outflow").unwrap();
        self.get(cookie, path).await
    }

    /// All of it, as a person and their browser do it.
    async fn sign_in(&self) -> Answered {
        let begun = self.begin().await;
        self.back(&self.provider.authorize(&begun.location), &begun.cookie).await
    }

    /// The session of somebody who is let in.
    async fn session(&self) -> String {
        let answered = self.sign_in().await;
        assert_eq!(
            (answered.status.as_u16(), answered.header("location")),
            (303, "/"),
            "{:?}",
            answered.body
        );
        cookies(&answered)
    }

    async fn users(&self) -> Value {
        self.get(&self.admin, "/api/v1/users").await.json()["items"].clone()
    }

    async fn change_user(&self, name: &str, change: Value) {
        let path = format!("/api/v1/users/{name}");
        let answered = self.ask(Method::PATCH, &self.admin, &path, Some(&change)).await;
        assert_eq!(answered.status, 200, "{:?}", answered.body);
    }

    async fn audit(&self) -> String {
        self.get(&self.admin, "/api/v1/audit?limit=500").await.json().to_string()
    }
}

/// A refusal with this status and code, with which no session begins. It quotes nothing secret.
fn assert_refused(answered: &Answered, status: u16, code: &str) {
    let text = String::from_utf8_lossy(&answered.body).into_owned();
    assert_eq!((answered.status.as_u16(), &answered.json()["code"]), (status, &json!(code)), "{text}");
    assert!(answered.headers.get(header::SET_COOKIE).is_none(), "{:?}", answered.headers);
    for secret in ["canary", "code-", "eyJ", CLIENT_SECRET] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_the_provider_signs_in_and_has_the_role_of_their_groups() {
    for store in STORES {
        let site = Site::start(store).await;
        let ways = site.get("", "/api/v1/session").await.json();
        assert_eq!(ways, json!({ "password": true, "provider": site.provider.issuer() }));
        let session = site.session().await;
        let me = site.get(&session, "/api/v1/me").await.json();
        assert_eq!((&me["name"], &me["kind"]), (&json!("ada@example.com"), &json!("person")));
        let user = site.users().await[0].clone();
        assert_eq!((&user["role"], &user["has_password"]), (&json!("member"), &json!(false)), "{user}");
        assert_eq!(user["provider"], site.provider.issuer());
        let sessions = site.get(&session, "/api/v1/me/sessions").await.json();
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
        // Another role of the provider is one here at the next sign-in, and ends older sessions.
        site.provider.script(|script| script.claims["groups"] = json!(["ops"]));
        let second = site.session().await;
        assert_eq!(site.users().await[0]["role"], "admin");
        assert_eq!(site.get(&session, "/api/v1/me").await.status, 401);
        assert_eq!(site.get(&second, "/api/v1/users").await.status, 200);
        // It is the same person under another name.
        site.provider.script(|script| script.claims["email"] = json!("countess@example.com"));
        site.session().await;
        assert_eq!(site.users().await.as_array().unwrap().len(), 2);
        let ended = site.ask(Method::DELETE, &second, "/api/v1/session", None).await;
        assert_eq!(
            (ended.status.as_u16(), site.get(&second, "/api/v1/me").await.status.as_u16()),
            (204, 401)
        );
        let audit = site.audit().await;
        for entry in ["user.create", "user.set_role", "session.begin", "session.end", "user/ada@example.com"]
        {
            assert!(audit.contains(entry), "{store:?}: {entry}: {audit}");
        }
        assert!(!audit.contains("canary") && !audit.contains("eyJ"));
        site.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_role_is_disabled_or_has_the_name_of_another_stays_out() {
    for store in STORES {
        let site = Site::start(store).await;
        for groups in [json!([]), json!(["x"]), json!("opsx"), json!(null)] {
            site.provider.script(|script| script.claims["groups"] = groups);
            assert_refused(&site.sign_in().await, 403, "A033");
        }
        assert_eq!(site.users().await.as_array().unwrap().len(), 1);
        site.provider.script(|script| script.claims["groups"] = json!(["data"]));
        for claims in
            [json!({ "email": "a b" }), json!({ "email": null }), json!({ "email_verified": false })]
        {
            let before = json!({ "groups": ["data"] });
            site.provider.script(|script| {
                script.claims = before;
                script.claims.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            });
            assert_refused(&site.sign_in().await, 403, "A033");
        }
        // The name of a user with a password, and of another person of the provider.
        let name = |name: &str, subject: &str| json!({ "groups": ["ops"], "email": name, "sub": subject });
        site.provider.script(|script| script.claims = name("root", "1"));
        assert_refused(&site.sign_in().await, 403, "A034");
        site.provider.script(|script| script.claims = name("ada", "1"));
        let session = site.session().await;
        site.provider.script(|script| script.claims = name("Ada", "2"));
        assert_refused(&site.sign_in().await, 403, "A034");
        // Whom an administrator disables has no session, and gets none.
        site.provider.script(|script| script.claims = name("ada", "1"));
        site.change_user("ada", json!({ "disabled": true })).await;
        assert_eq!(site.get(&session, "/api/v1/me").await.status, 401);
        assert_refused(&site.sign_in().await, 403, "A033");
        site.change_user("ada", json!({ "disabled": false })).await;
        site.session().await;
        let audit = site.audit().await;
        assert!(audit.contains("A033") && audit.contains("A034"), "{audit}");
        assert_eq!(site.users().await.as_array().unwrap().len(), 2);
        // No password is theirs, so none signs them in.
        let body = json!({ "name": "ada", "password": "" }).to_string();
        let by_password = site.served.post("", "/api/v1/session", Some(&body)).await;
        assert_eq!(by_password.json()["code"], "A005");
        site.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_one_whatever_the_groups_say() {
    for store in STORES {
        let site = Site::start(store).await;
        site.provider.script(|script| script.claims["groups"] = json!(["ops"]));
        site.session().await;
        site.change_user("root", json!({ "disabled": true })).await;
        site.provider.script(|script| script.claims["groups"] = json!(["data"]));
        let session = site.session().await;
        let users = site.get(&session, "/api/v1/users").await.json();
        assert_eq!(users["items"][0]["role"], "admin", "{users}");
        site.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_rsa_the_secret_in_the_body_userinfo_and_a_default_role_do_as_well() {
    let site = Site::with(Store::Sqlite, "default_role: viewer\n    name_claim: nickname").await;
    site.provider.script(|script| {
        script.signature = Signature::Rs256;
        script.claims = json!({});
        script.discovery = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
        script.userinfo = json!({ "sub": "subject-1", "nickname": "Countess" });
    });
    let session = site.session().await;
    assert_eq!(site.get(&session, "/api/v1/me").await.json()["name"], "countess");
    assert_eq!(
        (site.users().await[0]["role"].clone(), site.provider.requests("/userinfo")),
        (json!("viewer"), 1)
    );
    site.provider.script(|script| script.claims = json!({ "nickname": "countess" }));
    site.session().await;
    assert_eq!(site.provider.requests("/userinfo"), 1, "all is in the token");
    site.provider.script(|script| {
        script.claims = json!({});
        script.userinfo = json!({ "sub": "another", "nickname": "countess" });
    });
    assert_refused(&site.sign_in().await, 401, "A032");
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        assert_eq!(site.provider.requests(path), 1, "{path} is kept");
    }
    site.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_such_address() {
    let served = Served::start().await;
    assert_eq!(served.get("", "/api/v1/session").await.json(), json!({ "password": true, "provider": null }));
    for path in ["/api/v1/session/oidc", "/api/v1/session/oidc/callback?code=a&state=b"] {
        assert_refused(&served.get("", path).await, 404, "A020");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_in_many_browsers_at_once_is_one_user() {
    for store in STORES {
        let site = Site::start(store).await;
        let one = async || {
            let begun = site.begin().await;
            site.back(&site.provider.authorize(&begun.location), &begun.cookie).await.status.as_u16()
        };
        let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
        assert_eq!([a, b, c, d], [303; 4], "{store:?}");
        assert_eq!(site.users().await.as_array().unwrap().len(), 2);
        assert_eq!(site.provider.requests("/jwks"), 1, "one of them asks");
        site.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_other_roles_and_a_provider_that_is_gone_lets_no_one_in() {
    let site = Site::start(Store::Sqlite).await;
    let file = site.served.dir.path().join("outflow.yaml");
    let reload = async |text: String| {
        std::fs::write(&file, text).unwrap();
        let answered = site.ask(Method::POST, &site.admin, "/api/v1/reload", None).await;
        assert!(answered.status.is_success(), "{:?}", answered.body);
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let begun = site.begin().await;
    reload(text.replace("data: member", "data: viewer")).await;
    let back = site.back(&site.provider.authorize(&begun.location), &begun.cookie).await;
    assert_eq!(back.status, 303, "what had begun goes on: {:?}", back.body);
    assert_eq!(site.users().await[0]["role"], "viewer");
    let begun = site.begin().await;
    let returned = site.provider.authorize(&begun.location);
    reload("version: 1\n".to_owned()).await;
    assert_refused(&site.back(&returned, &begun.cookie).await, 404, "A020");
    assert_eq!(site.get(&cookies(&back), "/api/v1/me").await.status, 200, "sessions stay");
    site.served.stop().await;
}
