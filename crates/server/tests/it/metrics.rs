//! `/metrics` of the API.

use crate::served::Served;

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_those_who_may_read_them() {
    let served = Served::start().await;
    let page = served.get("metrics.read", "/metrics").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        text.contains("outflow_build_info{version=") && text.contains("outflow_disk_reserve_bytes"),
        "{text}"
    );
    assert!(text.contains("outflow_destination_up{destination=\"archive\"} 1"), "{text}");
    for (token, status) in [("", 401), ("status.read", 403)] {
        let refused = served.get(token, "/metrics").await;
        assert_eq!(refused.status, status);
        assert!(!String::from_utf8_lossy(&refused.body).contains("outflow_build"));
    }
    served.stop().await;
}
