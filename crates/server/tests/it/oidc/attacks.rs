//! What somebody may try in place of a sign-in: each is refused with a code, and begins no session.

use outflow_testkit::oidc::{Returned, Script, Signature};
use serde_json::json;

use super::{Begun, STORES, Site, Store, assert_refused};

/// A token that is wrong in this way is refused, and a right one is taken afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_in_one_way_signs_no_one_in() {
    let of = |change: fn(&mut Script)| change;
    let attacks = [
        ("another key", of(|script| script.signature = Signature::AnotherKey)),
        ("alg none", of(|script| script.signature = Signature::None)),
        (
            "alg None",
            of(|script| {
                script.signature = Signature::None;
                script.head = json!({ "alg": "None" });
            }),
        ),
        ("no alg", of(|script| script.head = json!({ "alg": null }))),
        ("HS256 with the public key", of(|script| script.signature = Signature::Hs256)),
        (
            "HS256 said to be RS256",
            of(|script| {
                script.signature = Signature::Hs256;
                script.head = json!({ "alg": "RS256" });
            }),
        ),
        ("ES256 said to be RS256", of(|script| script.head = json!({ "alg": "RS256" }))),
        ("an unknown key", of(|script| script.head = json!({ "kid": "other" }))),
        ("an extension", of(|script| script.head = json!({ "crit": ["b64"], "b64": false }))),
        ("another issuer", of(|script| script.claims["iss"] = json!("https://evil.example"))),
        ("another client", of(|script| script.claims["aud"] = json!("evil"))),
        ("two clients", of(|script| script.claims["aud"] = json!(["outflow", "evil"]))),
        ("another party", of(|script| script.claims["azp"] = json!("evil"))),
        ("another nonce", of(|script| script.claims["nonce"] = json!("n"))),
        ("no nonce", of(|script| script.claims["nonce"] = json!(null))),
        ("expired", of(|script| script.claims["exp"] = json!(1_600_000_000))),
        ("no end", of(|script| script.claims["exp"] = json!(null))),
        ("of the future", of(|script| script.claims["iat"] = json!(4_000_000_000_i64))),
        ("of no one", of(|script| script.claims["sub"] = json!(""))),
    ];
    for store in STORES {
        let site = Site::start(store).await;
        for (what, attack) in attacks {
            site.provider.script(|script| {
                *script = Script { claims: json!({ "groups": ["ops"] }), ..Script::default() };
                attack(script);
            });
            let answered = site.sign_in().await;
            println!("{store:?}: {what}: {}", answered.json()["detail"]);
            assert_refused(&answered, 401, "A032");
        }
        assert_eq!(site.users().await.as_array().unwrap().len(), 1, "no one was made a user");
        assert!(site.audit().await.contains("A032"));
        site.provider.script(|script| {
            *script = Script { claims: json!({ "groups": ["data"] }), ..Script::default() };
        });
        site.session().await;
        site.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_counts_once_in_the_browser_that_began_it() {
    let site = Site::start(Store::Sqlite).await;
    let other = site.begin().await;
    let returned = async || {
        let begun = site.begin().await;
        (site.provider.authorize(&begun.location), begun)
    };
    // Without the cookie, with another's, and with one that is none.
    for cookie in ["", other.cookie.as_str(), "__Host-outflow-oidc=x", &site.admin] {
        let (back, Begun { cookie: own, .. }) = returned().await;
        assert_refused(&site.back(&back, cookie).await, 400, "A031");
        assert_refused(&site.back(&back, &own).await, 400, "A031");
    }
    // With another state, or none.
    let (back, begun) = returned().await;
    for query in [
        format!("?code={}", back.code),
        format!("?code={}&state=x", back.code),
        format!("?code={}&state=", back.code),
        format!("?state={}x", back.state),
        String::new(),
    ] {
        let path = format!("/api/v1/session/oidc/callback{query}");
        assert_refused(&site.get(&begun.cookie, &path).await, 400, "A031");
    }
    assert_eq!(site.provider.requests("/token"), 0, "the provider was asked nothing");
    // Twice.
    assert_eq!(site.back(&back, &begun.cookie).await.status, 303);
    assert_refused(&site.back(&back, &begun.cookie).await, 400, "A031");
    // A code of another sign-in, used or not: PKCE and the provider see to it.
    let (unused, _) = returned().await;
    for code in [&back.code, &unused.code] {
        let (mut mine, begun) = returned().await;
        mine.callback = mine.callback.replace(&mine.code, code);
        assert_refused(&site.back(&mine, &begun.cookie).await, 401, "A030");
    }
    site.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_with_the_browser_leads_nowhere_and_is_not_repeated() {
    let site = Site::start(Store::Sqlite).await;
    for more in
        ["&next=https://evil.example", "&redirect_uri=https://evil.example", "&return_to=//evil.example"]
    {
        let begun = site.get("", &format!("/api/v1/session/oidc?{}", &more[1..])).await;
        assert!(!begun.header("location").contains("evil"), "{:?}", begun.headers);
        let begun = site.begin().await;
        let Returned { callback, code, state } = site.provider.authorize(&begun.location);
        let back = Returned { callback: callback + more, code, state };
        let answered = site.back(&back, &begun.cookie).await;
        assert_eq!((answered.status.as_u16(), answered.header("location")), (303, "/"));
    }
    // The provider says no, or somebody in its name.
    for (query, status, code) in [
        ("error=access_denied&error_description=canary", 401, "A030"),
        ("error=%3Cb%3Ecanary", 401, "A030"),
        ("error=access_denied&code=code-1", 401, "A030"),
        ("iss=https://evil.example&code=code-1", 401, "A032"),
        ("code=code-1&code=code-2", 400, "A022"),
    ] {
        let begun = site.begin().await;
        let state = site.provider.authorize(&begun.location).state;
        let path = format!("/api/v1/session/oidc/callback?{query}&state={state}");
        assert_refused(&site.get(&begun.cookie, &path).await, status, code);
    }
    // A host that is none cannot be where the browser comes back to.
    for host in ["evil.example/x?", "a@evil.example", ""] {
        let mut request = crate::served::Served::request(http::Method::GET, "", "/api/v1/session/oidc", None);
        request.headers_mut().insert("host", http::HeaderValue::from_static(host));
        let answered = site.served.send(request).await;
        assert_eq!(answered.status, 400, "{host}: {:?}", answered.headers);
    }
    site.served.stop().await;
}
