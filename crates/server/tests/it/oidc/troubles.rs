//! A provider that takes new keys, is away, is slow or answers garbage.

use outflow_testkit::oidc::{OidcProvider, Trouble};
use serde_json::json;

use super::{Site, Store, assert_refused};

const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_are_fetched_once_a_minute_at_most() {
    let site = Site::start(Store::Sqlite).await;
    site.session().await;
    site.provider.rotate();
    site.session().await;
    assert_eq!(site.provider.requests("/jwks"), 2);
    site.provider.rotate();
    for _ in 0..3 {
        assert_refused(&site.sign_in().await, 401, "A032");
    }
    assert_eq!(site.provider.requests("/jwks"), 2, "not again within a minute");
    site.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_of_the_provider_is_a_problem_and_nothing_is_kept_of_it() {
    let site = Site::start(Store::Sqlite).await;
    let troubles = [Trouble::Garbage, Trouble::List, Trouble::Failure, Trouble::Endless, Trouble::Redirect];
    let set = |path: &str, trouble: Option<Trouble>| {
        site.provider.script(|script| {
            script.troubles.clear();
            script.troubles.extend(trouble.map(|trouble| (path.to_owned(), trouble)));
        });
    };
    for trouble in troubles {
        set(DISCOVERY, Some(trouble));
        assert_refused(&site.get("", "/api/v1/session/oidc").await, 424, "A029");
    }
    let changes = [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": format!("{}/", site.provider.issuer()) }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "authorization_endpoint": null }),
        json!({ "token_endpoint": 1 }),
        json!({ "jwks_uri": "file:///etc/passwd" }),
        json!({ "userinfo_endpoint": "http://a:b@127.0.0.1/" }),
    ];
    set(DISCOVERY, None);
    for change in changes {
        site.provider.script(|script| script.discovery = change);
        assert_refused(&site.get("", "/api/v1/session/oidc").await, 424, "A029");
    }
    site.provider.script(|script| script.discovery = json!({}));
    // The groups are not in the token, so all addresses are asked.
    site.provider.script(|script| script.claims = json!({}));
    for path in ["/jwks", "/token", "/userinfo"] {
        for trouble in troubles {
            set(path, Some(trouble));
            assert_refused(&site.sign_in().await, 424, "A029");
        }
        set(path, None);
        site.provider.script(|script| script.userinfo = json!({ "sub": "subject-1", "groups": ["data"] }));
    }
    site.session().await;
    site.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_says_nothing_is_given_up() {
    let site = Site::start(Store::Sqlite).await;
    let begun = site.begin().await;
    let back = site.provider.authorize(&begun.location);
    site.provider.script(|script| {
        script.troubles.insert("/token".to_owned(), Trouble::Silence);
    });
    assert_refused(&site.back(&back, &begun.cookie).await, 424, "A029");
    let begun = site.begin().await;
    let back = site.provider.authorize(&begun.location);
    let Site { served, provider, admin, _postgres } = site;
    drop(provider);
    let site = Site { served, provider: OidcProvider::start().await, admin, _postgres };
    assert_refused(&site.back(&back, &begun.cookie).await, 424, "A029");
    assert_eq!(site.get(&site.admin, "/api/v1/me").await.status, 200, "whoever is signed in stays so");
    site.served.stop().await;
}
