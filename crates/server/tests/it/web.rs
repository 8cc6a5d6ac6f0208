//! The page as the server hands it out. These tests need a build with the page: Node and npm.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http::{Method, StatusCode};

use crate::served::{Answered, Served};

#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_a_browser_is_the_page_with_a_nonce_of_its_own() {
    outflow_page::index("").expect("a build with the page");
    let served = Served::start().await;
    let mut nonces = Vec::new();
    for path in ["/", "/syncs/people/runs?state=partial", "/%2e%2e/etc/passwd", "/apis", "/index.html"] {
        let shown = served.get("", path).await;
        assert_eq!(
            (shown.status, shown.header("content-type")),
            (StatusCode::OK, "text/html; charset=utf-8")
        );
        let policy = shown.header("content-security-policy");
        let (_, rest) = policy.split_once("style-src 'self' 'nonce-").unwrap_or_else(|| panic!("{policy}"));
        let nonce = rest.split('\'').next().unwrap();
        assert!(nonce.len() >= 22, "{nonce}");
        let html = String::from_utf8(shown.body.to_vec()).unwrap();
        assert!(html.contains(&format!("nonce=\"{nonce}\"")) && !html.contains("__NONCE__"), "{html}");
        for never in ["unsafe-inline", "unsafe-eval", "*"] {
            assert!(!policy.contains(never), "{policy}");
        }
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("object-src 'none'"),
            "{policy}"
        );
        assert_eq!(shown.header("cache-control"), "private, no-cache");
        nonces.push(nonce.to_owned());
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 5, "a nonce is for one answer");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_page_are_kept_for_ever_and_come_compressed_to_those_who_can_read_it() {
    let served = Served::start().await;
    let files = outflow_page::files();
    assert!(files.iter().any(|file| file.path.ends_with(".js") && file.is_gzip), "a build with the page");
    for file in files {
        let path = format!("/{}", file.path);
        let plain = served.get("", &path).await;
        assert_eq!((plain.status, plain.header("content-encoding")), (StatusCode::OK, ""), "{path}");
        assert_eq!(plain.header("content-type"), file.content_type);
        let mut request = Served::request(Method::GET, "", &path, None);
        request.headers_mut().insert("accept-encoding", "br, gzip".parse().unwrap());
        let packed = served.send(request).await;
        assert_eq!(packed.header("content-encoding"), if file.is_gzip { "gzip" } else { "" }, "{path}");
        let mut unpacked = Vec::new();
        match file.is_gzip {
            true => drop(GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap()),
            false => unpacked.extend_from_slice(&packed.body),
        }
        assert!(!unpacked.is_empty() && unpacked == plain.body, "{path}");
        let is_immutable = plain.header("cache-control").contains("immutable");
        assert_eq!(is_immutable, file.path.starts_with("assets/"), "{path}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_a_problem() {
    let served = Served::start().await;
    for path in ["/api", "/api/", "/api/v1/nothing", "/assets/gone.js"] {
        assert_unknown(&served.get("", path).await);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Served::request(method, "", "/syncs", None);
        assert_unknown(&served.send(request).await);
    }
    served.stop().await;
}

fn assert_unknown(answered: &Answered) {
    assert_eq!((answered.status.as_u16(), answered.json()["code"].as_str()), (404, Some("A020")));
    assert!(!answered.header("content-security-policy").contains("self"));
}
