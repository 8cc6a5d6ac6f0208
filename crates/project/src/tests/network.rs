//! `network`: which addresses are let through.

use outflow_egress::AddressPolicy;

use super::{SMALL, load_text, problems};

fn with(network: &str) -> String {
    format!("{SMALL}network: {network}\n")
}

#[test]
fn addresses_are_any_by_default_and_public_ones_with_a_list() {
    for text in [SMALL.to_owned(), with("{ addresses: any }"), with("{}")] {
        assert_eq!(load_text(&text).unwrap().addresses, AddressPolicy::AllowAll, "{text}");
    }
    let policy =
        load_text(&with("{ addresses: public, allow: [10.0.0.0/8, \"fd00::1\"] }")).unwrap().addresses;
    for (address, want) in [("10.1.2.3", true), ("fd00::1", true), ("8.8.8.8", true), ("11.0.0.1", true)]
        .into_iter()
        .chain([("192.168.1.1", false), ("fd00::2", false), ("127.0.0.1", false), ("169.254.169.254", false)])
    {
        assert_eq!(policy.allows(address.parse().unwrap()), want, "{address}");
    }
}

#[test]
fn what_is_no_network_and_what_has_no_effect_is_reported() {
    let wrong = with("{ addresses: public, allow: [10.0.0/8, example.com, 1.2.3.4/40, 10.0.0.0/8] }");
    let places = ["39", "49", "62"].map(|column| format!("C005 outflow.yaml:8:{column}"));
    assert_eq!(problems(&wrong), places);
    assert_eq!(problems(&with("{ allow: [10.0.0.0/8] }")), ["C005 outflow.yaml:8:19"]);
    assert_eq!(problems(&with("{ addresses: private }")), ["C005 outflow.yaml:8:23"]);
}
