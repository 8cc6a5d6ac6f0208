//! The manifests of `destinations/`, which are compiled into the binary and read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::settings::Setting;

/// Every kind, in the order of the documentation.
pub(crate) const KINDS: [&str; 5] = ["customerio-pipelines", "segment", "rudderstack", "webhook", "file"];

const FILES: [&str; 5] = [
    include_str!("../../../destinations/customerio-pipelines.yaml"),
    include_str!("../../../destinations/segment.yaml"),
    include_str!("../../../destinations/rudderstack.yaml"),
    include_str!("../../../destinations/webhook.yaml"),
    include_str!("../../../destinations/file.yaml"),
];
const HTTP: &str = include_str!("../../../destinations/http.yaml");

/// The description of a kind of destination.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub kind: String,
    pub title: String,
    transport: Transport,
    pub settings: Vec<Setting>,
    /// Absent if the kind needs code of its own.
    pub api: Option<Api>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Http,
    Disk,
}

/// An API that accepts batches of canonical calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Api {
    /// Its names in a call's `integrations`.
    #[serde(default)]
    pub names: Vec<String>,
    /// By the value of the setting `region`; `base_url` overrides them.
    #[serde(default)]
    pub addresses: BTreeMap<String, String>,
    /// The setting with the address, if there are no public ones.
    pub address: Option<String>,
    pub path: String,
    /// The setting with the user name of HTTP Basic.
    pub key: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub limits: ApiLimits,
    pub person: Person,
    /// The object type of a group call that names none.
    pub object_type: Option<String>,
    pub answer: Expect,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiLimits {
    pub calls: usize,
    pub request_bytes: usize,
    pub call_bytes: usize,
    pub concurrency: u64,
    pub rate: Option<u32>,
    /// Requests that may go at once; by default those of one second at `rate`.
    pub burst: Option<u32>,
}

/// Which identifiers a call must have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Person {
    /// `userId` or `anonymousId`.
    Required,
    /// Or an email trait in an identify.
    OrEmail,
    /// None.
    #[serde(skip)]
    Optional,
}

/// The body of an answer of success.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// JSON or nothing.
    Json,
    /// `OK`, JSON or nothing.
    Ok,
    /// Anything but a web page.
    #[serde(skip)]
    Any,
}

/// The manifest of that kind.
pub(crate) fn find(kind: &str) -> Option<&'static Manifest> {
    static ALL: LazyLock<Vec<Manifest>> = LazyLock::new(|| FILES.iter().map(|text| load(text)).collect());
    ALL.iter().find(|m| m.kind == kind)
}

fn load(text: &str) -> Manifest {
    let mut manifest: Manifest = parse(text);
    if manifest.transport == Transport::Http {
        let mut shared: BTreeMap<String, Vec<Setting>> = parse(HTTP);
        let mut settings = shared.remove("settings").unwrap_or_default();
        let concurrency = manifest.api.as_ref().map_or(4, |api| api.limits.concurrency);
        for setting in settings.iter_mut().filter(|s| s.name == "concurrency") {
            setting.default = Some(concurrency.into());
        }
        manifest.settings.append(&mut settings);
    }
    manifest
}

fn parse<T: DeserializeOwned>(text: &str) -> T {
    let documents = Yaml::load_from_str(text).expect("the manifests are valid YAML: a test reads them all");
    serde_json::from_value(to_json(&documents[0]))
        .expect("the manifests have the right form: a test reads them all")
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(b)) => (*b).into(),
        Yaml::Value(Scalar::Integer(n)) => (*n).into(),
        Yaml::Value(Scalar::String(s)) => s.to_string().into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let named = members.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), to_json(v)));
            Value::Object(named.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_complete() {
        for kind in KINDS {
            let manifest = find(kind).unwrap();
            let has = |name: &str| manifest.settings.iter().any(|s| s.name == name);
            assert_eq!(has("timeout"), kind != "file", "{kind}");
            let Some(api) = &manifest.api else { continue };
            assert!(has(&api.key), "{kind}");
            match &api.address {
                Some(setting) => assert!(has(setting) && api.addresses.is_empty(), "{kind}"),
                None => {
                    let regions = manifest.settings.iter().find(|s| s.name == "region").unwrap();
                    assert_eq!(regions.choices.len(), api.addresses.len(), "{kind}");
                    assert!(
                        regions.choices.iter().all(|r| api.addresses.contains_key(r)) && has("base_url"),
                        "{kind}"
                    );
                }
            }
            assert!(api.limits.call_bytes < api.limits.request_bytes, "{kind}");
        }
    }
}
