//! Destinations over HTTP: APIs that a manifest describes, and the webhook.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use outflow_core::outcome::Verdict;
use outflow_core::ports::check::Check;
use outflow_core::ports::destination::{
    BatchLimits, Destination, Endpoint, Envelope, Records, Request, RequestLimits, ShownRequest,
};
use outflow_core::{
    Answer, BoxFuture, CallMeta, Clock, Code, Error, Nulls, Reply, Result, SystemClock, hash,
};
use outflow_egress::{Client, Deadlines, Proxies, Proxy, Target};

use crate::answer::Reader;
use crate::call::Rules;
use crate::manifest::{Api, Expect, Manifest};
use crate::probe::{self, MADE_UP_KEY, Subject};
use crate::settings::Values;

const BATCH: Envelope = Envelope::from_static(b"{\"batch\":[", b",", b"]}");
const ARRAY: Envelope = Envelope::from_static(b"[", b",", b"]");
const LINES: Envelope = Envelope::from_static(b"", b"\n", b"\n");

/// Headers whose values hold no secret, whoever gives them.
const PLAIN_HEADERS: &[&str] =
    &["accept-encoding", "content-encoding", "content-type", "host", "user-agent", "x-strict-mode"];

/// The longest time for a connection and for a pause within an answer, however long a request may
/// take.
const CONNECT_AND_IDLE: Duration = Duration::from_secs(10);

/// A destination that accepts batches of calls by POST.
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

/// Where requests go, and with which credentials.
struct Account {
    target: Target,
    /// The same with a key that no one has, where a key is what proves us.
    made_up: Option<Target>,
    /// The path may be what proves us, too.
    path_is_secret: bool,
    credential: u128,
}

impl Http {
    /// An API that a manifest describes.
    ///
    /// # Errors
    /// C005, with the setting as its place.
    pub fn api(name: &str, manifest: &Manifest, api: &Api, values: &Values, client: &Client) -> Result<Self> {
        let public = || api.addresses.get(values.text("region")?).map(String::as_str);
        let setting = api.address.as_deref().unwrap_or("base_url");
        let base = values.text(setting).or_else(public).unwrap_or_default();
        let key = values.text(&api.key).unwrap_or_default();
        let credentials = BASE64_STANDARD.encode(format!("{key}:"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(api.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let with = |authorization: &str, url: &str| {
            let headers = headers.iter().copied().chain([("authorization", authorization)]);
            target(url, headers.collect(), values).map_err(|e| e.at(setting))
        };

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
        let reader = Reader::new(api.answer, vec![key.to_owned(), credentials.clone()]);
        let url = join(base, &api.path).map_err(|e| e.at(setting))?;
        let made_up = BASE64_STANDARD.encode(format!("{MADE_UP_KEY}:"));
        let account = Account {
            target: with(&format!("Basic {credentials}"), &url)?,
            made_up: Some(with(&format!("Basic {made_up}"), &url)?),
            path_is_secret: false,
            credential: credential(&manifest.kind, &url, [key]),
        };
        let client = client_of(values, client)?;
        Ok(Self::new(name, client, account, values, limits, endpoint, rules, reader))
    }

    /// Any address that a user gives.
    ///
    /// # Errors
    /// C005, with the setting as its place.
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
        // The URL is checked alone first, so that the error has the right place.
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
        // Of a value such as "Bearer TOKEN", the whole and each word are secret.
        let secrets = given.iter().flat_map(|(_, value)| value.split_whitespace().chain([*value]));
        let secrets = secrets.map(str::to_owned).collect();
        let reader = Reader::new(Expect::Any, secrets);
        let secrets = given.iter().flat_map(|(name, value)| [*name, *value]);
        let credential = credential("webhook", url, secrets);
        let account = Account { target, made_up: None, path_is_secret: true, credential };
        let endpoint = Endpoint { envelope, limits: batch };
        let client = client_of(values, client)?;
        Ok(Self::new(name, client, account, values, limits, endpoint, rules, reader))
    }

    fn new(
        name: &str,
        client: Client,
        account: Account,
        values: &Values,
        limits: RequestLimits,
        endpoint: Endpoint,
        rules: Rules,
        reader: Reader,
    ) -> Self {
        let total = values.duration("timeout").unwrap_or(Duration::from_secs(30));
        let deadlines = Deadlines {
            connect: total.min(CONNECT_AND_IDLE),
            head: total,
            idle: total.min(CONNECT_AND_IDLE),
            total,
        };
        Self {
            name: name.to_owned(),
            client,
            account,
            deadlines,
            gzip: values.flag("gzip"),
            limits,
            endpoint,
            rules,
            reader,
        }
    }

    /// Posts a body with this number of records once, and reads the answer.
    async fn post(&self, target: &Target, mut body: Bytes, records: usize) -> Reply {
        if self.gzip {
            // Milliseconds of work would block the threads that serve connections.
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
        let result = self.client.post(target, body, &self.deadlines).await;
        self.reader.read(result, records, SystemClock.now())
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
        Box::pin(self.post(&self.account.target, request.body.clone(), request.records))
    }

    fn show(&self, _: &Request) -> ShownRequest {
        let shown = |(name, value): (&str, &str)| {
            let value = if PLAIN_HEADERS.contains(&name) { value } else { "…" };
            (name.to_owned(), value.to_owned())
        };
        let Account { target, path_is_secret, .. } = &self.account;
        let address = if *path_is_secret { target.shown_origin() } else { target.shown() };
        ShownRequest { method: "POST", address, headers: target.headers().map(shown).collect() }
    }

    fn test<'a>(&'a self, sends_call: bool, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let subject = Subject {
                client: &self.client,
                target: &self.account.target,
                made_up: self.account.made_up.as_ref(),
                connect: self.deadlines.connect,
                envelope: &self.endpoint.envelope,
                reader: &self.reader,
                post: Box::new(|target, body, records| Box::pin(self.post(target, body, records))),
            };
            probe::run(&subject, sends_call, report).await;
        })
    }
}

fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// See [`Destination::credential`]. Each part is hashed with its length, so that different lists of
/// parts never give the same bytes.
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

/// The client for a destination: one of its own, if it trusts an authority of its own or goes
/// through a proxy of its own.
fn client_of(values: &Values, shared: &Client) -> Result<Client> {
    let client = match values.text("ca") {
        // The file's own place is in the message: the setting is what has to be corrected.
        Some(ca) => shared.trusting(Path::new(ca)).map_err(|e| e.at("ca"))?,
        None => shared.clone(),
    };
    Ok(match values.text("proxy") {
        None => client,
        Some("none") => client.through(Proxies::Direct),
        Some(proxy) => client.through(Proxies::All(Proxy::parse(proxy).map_err(|e| e.at("proxy"))?)),
    })
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

/// `base` followed by `path`, except the longest beginning of `path` with which `base` ends.
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
    fn the_missing_part_of_the_path_is_appended() {
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
