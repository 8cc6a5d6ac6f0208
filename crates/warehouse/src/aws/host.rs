//! What a host name says about its database: the names that AWS gives to Redshift's endpoints.
//!
//! `<cluster>.<random>.<region>.redshift.amazonaws.com` and
//! `<workgroup>.<account>.<region>.redshift-serverless.amazonaws.com`, both with `.cn` in China;
//! older serverless names begin with the account. Custom names, PrivateLink and load balancers say
//! nothing.

/// What is known from a host name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The identifier of a provisioned cluster.
    pub cluster: Option<String>,
    /// The name of a serverless workgroup.
    pub workgroup: Option<String>,
    /// The region.
    pub region: Option<String>,
}

impl Endpoint {
    /// Reads a host name.
    pub fn of_host(host: &str) -> Endpoint {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<&str> = host.strip_suffix(".cn").unwrap_or(&host).split('.').collect();
        let text = |label: &str| Some(label.to_owned());
        match labels[..] {
            [cluster, _, region, "redshift", "amazonaws", "com"] if is_region(region) => {
                Endpoint { cluster: text(cluster), workgroup: None, region: text(region) }
            }
            [workgroup, _, region, "redshift-serverless", "amazonaws", "com"] if is_region(region) => {
                Endpoint { cluster: None, workgroup: text(workgroup), region: text(region) }
            }
            [_, region, "redshift-serverless", "amazonaws", "com"] if is_region(region) => {
                Endpoint { region: text(region), ..Endpoint::default() }
            }
            _ => Endpoint::default(),
        }
    }
}

/// Whether this may be a region: letters, digits and hyphens, such as `eu-central-1`. It becomes a
/// part of a host name.
pub fn is_region(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What the host names of AWS end with in that region.
pub(super) fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_redshift_say_what_they_are() {
        let known = |cluster: &str, workgroup: &str, region: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Endpoint { cluster: some(cluster), workgroup: some(workgroup), region: some(region) }
        };
        for (host, want) in [
            (
                "examplecluster.abc123xyz789.us-west-2.redshift.amazonaws.com",
                known("examplecluster", "", "us-west-2"),
            ),
            ("My-Cluster.abc.EU-central-1.Redshift.amazonaws.com.", known("my-cluster", "", "eu-central-1")),
            ("c-1.abc.cn-north-1.redshift.amazonaws.com.cn", known("c-1", "", "cn-north-1")),
            ("c.abc.us-gov-west-1.redshift.amazonaws.com", known("c", "", "us-gov-west-1")),
            (
                "default.123456789012.us-east-1.redshift-serverless.amazonaws.com",
                known("", "default", "us-east-1"),
            ),
            (
                "wg.123456789012.cn-northwest-1.redshift-serverless.amazonaws.com.cn",
                known("", "wg", "cn-northwest-1"),
            ),
            ("123456789012.us-east-1.redshift-serverless.amazonaws.com", known("", "", "us-east-1")),
            ("vpce-0abc.redshift.us-east-1.vpce.amazonaws.com", known("", "", "")),
            ("warehouse.example.com", known("", "", "")),
            ("a.b.c.d.redshift.amazonaws.com", known("", "", "")),
            ("c.abc.us-west-2.redshift.amazonaws.com.example.com", known("", "", "")),
            ("127.0.0.1", known("", "", "")),
            ("", known("", "", "")),
        ] {
            assert_eq!(Endpoint::of_host(host), want, "{host}");
        }
    }
}
