//! Destinations over HTTP: APIs that a manifest describes, and the webhook.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{
    BatchLimits, Destination, Endpoint, Envelope, Records, Request, RequestLimits,
};
use outflow_core::{
    Answer, BoxFuture, CallMeta, Clock, Code, Error, Nulls, Reply, Result, SystemClock, hash,
};
use outflow_egress::{Client, Deadlines, Target};

use crate::answer::Reader;
use crate::call::Rules;
use crate::manifest::{Api, Expect, Manifest};
use crate::settings::Values;

const BATCH: Envelope = Envelope::from_static(b"{\"batch\":[", b",", b"]}");
const ARRAY: Envelope = Envelope::from_static(b"[", b",", b"]");
const LINES: Envelope = Envelope::from_static(b"", b"\n", b"\n");

/// A connection, and any pause within an answer, may take this long and no longer, however long a request may.
const PATIENCE: Duration = Duration::from_secs(10);

/// A destination that takes batches of calls by POST.
pub(crate) struct Http {
    name: String,
    client: Client,
    account: Account,
    deadlines: Deadlines,
    gzip: bool,
    limits: RequestLimits,
    endpoint: Endpoint,
    rules: Rules,
    reader: Reader,
}

/// Where requests go, and as whom.
struct Account {
    target: Target,
    credential: u128,
}

impl Http {
    /// An API that a manifest describes.
    ///
    /// # Errors
    /// C005, at the setting in question.
    pub fn api(name: &str, manifest: &Manifest, api: &Api, values: &Values, client: &Client) -> Result<Self> {
        let public = || api.addresses.get(values.text("region")?).map(String::as_str);
        let setting = api.address.as_deref().unwrap_or("base_url");
        let base = values.text(setting).or_else(public).unwrap_or_default();
        let key = values.text(&api.key).unwrap_or_default();
        let credentials = BASE64_STANDARD.encode(format!("{key}:"));
        let authorization = format!("Basic {credentials}");
        let mut headers = vec![("content-type", "application/json"), ("authorization", &authorization)];
        headers.extend(api.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));

        let mut rules = Rules::new(name, &manifest.title, &api.names);
        rules.person = api.person;
        rules.call_bytes = api.limits.call_bytes;
        rules.object_type =
            api.object_type.as_ref().map(|t| format!(",\"objectTypeId\":\"{t}\"}}").into_bytes());
        let rate = values.number("rate").map(|r| r as u32);
        let batch = BatchLimits { records: api.limits.calls, bytes: api.limits.request_bytes };
        let endpoint = Endpoint { envelope: BATCH, limits: batch };
        let limits = RequestLimits {
            concurrency: number(values, "concurrency"),
            rate: rate.or(api.limits.rate),
            burst: api.limits.burst.filter(|_| rate.is_none()),
        };
        let reader = Reader { expect: api.answer, secrets: vec![key.to_owned(), credentials.clone()] };
        let url = join(base, &api.path).map_err(|e| e.at(setting))?;
        let target = target(&url, headers, values).map_err(|e| e.at(setting))?;
        let account = Account { target, credential: credential(&manifest.kind, &url, [key]) };
        Ok(Self::new(name, client, account, values, limits, endpoint, rules, reader))
    }

    /// Any address of the user's.
    ///
    /// # Errors
    /// C005, at the setting in question.
    pub fn webhook(name: &str, values: &Values, client: &Client) -> Result<Self> {
        let (envelope, content_type) = match values.text("body") {
            Some("array") => (ARRAY, "application/json"),
            Some("ndjson") => (LINES, "application/x-ndjson"),
            _ => (BATCH, "application/json"),
        };
        let given: Vec<_> = values.texts("headers").collect();
        let mut headers = given.clone();
        if !given.iter().any(|(k, _)| k.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type", content_type));
        }
        let url = values.text("url").unwrap_or_default();
        // The URL is judged by itself first, so that the error's place is right.
        Target::new(url, []).map_err(|e| e.at("url"))?;
        let target = target(url, headers, values).map_err(|e| e.at("headers"))?;

        let batch = BatchLimits { records: number(values, "max_calls"), bytes: number(values, "max_bytes") };
        let limits = RequestLimits {
            concurrency: number(values, "concurrency"),
            rate: values.number("rate").map(|r| r as u32),
            burst: None,
        };
        let mut rules = Rules::new(name, "Webhook", &[]);
        rules.call_bytes = batch.bytes - envelope.prefix.len() - envelope.suffix.len();
        // A value such as "Bearer TOKEN" is a secret as a whole and word by word.
        let secrets = given.iter().flat_map(|(_, value)| value.split_whitespace().chain([*value]));
        let secrets = secrets.map(str::to_owned).collect();
        let reader = Reader { expect: Expect::Text, secrets };
        let secrets = given.iter().flat_map(|(name, value)| [*name, *value]);
        let account = Account { target, credential: credential("webhook", url, secrets) };
        let endpoint = Endpoint { envelope, limits: batch };
        Ok(Self::new(name, client, account, values, limits, endpoint, rules, reader))
    }

    fn new(
        name: &str,
        client: &Client,
        account: Account,
        values: &Values,
        limits: RequestLimits,
        endpoint: Endpoint,
        rules: Rules,
        reader: Reader,
    ) -> Self {
        let total = values.duration("timeout").unwrap_or(Duration::from_secs(30));
        let deadlines =
            Deadlines { connect: total.min(PATIENCE), head: total, idle: total.min(PATIENCE), total };
        Self {
            name: name.to_owned(),
            client: client.clone(),
            account,
            deadlines,
            gzip: values.flag("gzip"),
            limits,
            endpoint,
            rules,
            reader,
        }
    }
}

impl Destination for Http {
    fn name(&self) -> &str {
        &self.name
    }

    fn credential(&self) -> u128 {
        self.account.credential
    }

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn endpoints(&self) -> &[Endpoint] {
        std::slice::from_ref(&self.endpoint)
    }

    fn prepare(&self, call: &CallMeta, json: &[u8], nulls: Nulls, records: &mut Records<'_>) -> Verdict {
        self.rules.prepare(call, json, nulls, records)
    }

    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let mut body = request.body.clone();
            if self.gzip {
                // Milliseconds of work: not for the threads that serve connections.
                let Ok(Ok(packed)) = tokio::task::spawn_blocking(move || compress(&body)).await else {
                    let reason = "compressing was interrupted".to_owned();
                    return Answer::Retry {
                        code: Code::DestinationUnreachable,
                        status: None,
                        reason,
                        after: None,
                    }
                    .into();
                };
                body = packed.into();
            }
            let result = self.client.post(&self.account.target, body, &self.deadlines).await;
            self.reader.read(result, SystemClock.now())
        })
    }
}

fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// See [`Destination::credential`]. Each part goes in with its length, so that no two lists of parts look alike.
pub(crate) fn credential<'a>(
    kind: &'a str,
    address: &'a str,
    secrets: impl IntoIterator<Item = &'a str>,
) -> u128 {
    let mut bytes = Vec::new();
    for part in [kind, address].into_iter().chain(secrets) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    hash::content(&bytes)
}

/// A setting that has a default.
fn number(values: &Values, name: &str) -> usize {
    values.number(name).unwrap_or(1) as usize
}

fn target<'a>(url: &str, mut headers: Vec<(&'a str, &'a str)>, values: &Values) -> Result<Target> {
    if values.flag("gzip") {
        headers.push(("content-encoding", "gzip"));
    }
    Target::new(url, headers)
}

/// `base` with what is missing of `path` at its end: the longest beginning of `path` that `base` ends in is not repeated.
fn join(base: &str, path: &str) -> Result<String> {
    if base.contains(['?', '#']) {
        return Err(Error::new(Code::InvalidValue, "the address holds a query")
            .help(format!("give the address without it; {path} is appended")));
    }
    let base = base.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(i, _)| i).chain([path.len()]);
    let present = ends.filter(|&i| i > 0 && base.ends_with(&path[..i])).max().unwrap_or(0);
    Ok(format!("{base}{}", &path[present..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_of_the_path_is_appended() {
        for (base, want) in [
            ("https://cdp.customer.io", "https://cdp.customer.io/v1/batch"),
            ("https://cdp.customer.io/", "https://cdp.customer.io/v1/batch"),
            ("https://cdp.customer.io/v1", "https://cdp.customer.io/v1/batch"),
            ("https://cdp.customer.io/v1/", "https://cdp.customer.io/v1/batch"),
            ("https://cdp.customer.io/v1/batch", "https://cdp.customer.io/v1/batch"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/batch"),
            ("http://proxy.example/cio", "http://proxy.example/cio/v1/batch"),
            ("http://proxy.example/batch", "http://proxy.example/batch/v1/batch"),
        ] {
            assert_eq!(join(base, "/v1/batch").unwrap(), want);
        }
        assert_eq!(
            join("https://h.example/?key=s3cret", "/v1/batch").unwrap_err().code(),
            Code::InvalidValue
        );
    }
}
