//! One call of an AWS API: put together, signed, sent, and what came back.
//!
//! The calls that we make only read or hand out, so one that AWS was too busy for, or that got no
//! answer, is sent again a few times.
//!
//! What always holds: an error names AWS's own code and message, the action, and whose keys were
//! used; nothing that was sent as a secret is repeated, not even where AWS repeats it.

use std::time::Duration;

use outflow_core::{Code, Error, Result, Secret, steers_terminal};
use outflow_egress::{Deadlines, Response, SendError, SendErrorKind, Target};
use serde_json::Value;

use super::sign::{self, Request};
use super::{Inner, Keys, host};

/// The pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];

const DEADLINES: Deadlines = Deadlines {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(10),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(15),
};

/// A call that is ready to be signed and sent.
pub(super) struct Call<'a> {
    pub service: Service,
    /// The API's name of the action.
    pub action: &'a str,
    pub region: &'a str,
    pub body: String,
    pub proof: Proof<'a>,
}

/// What proves the right to a call.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// A signature with these keys.
    Keys(&'a Keys),
    /// This token, which is in the body.
    Token(&'a str),
}

impl Proof<'_> {
    fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Keys(keys) => {
                [Some(&keys.secret), keys.token.as_ref()].into_iter().flatten().map(Secret::expose).collect()
            }
            Self::Token(token) => vec![token],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Redshift,
    RedshiftServerless,
    Sts,
}

impl Service {
    /// The name in host names, signatures and policies.
    fn name(self) -> &'static str {
        match self {
            Self::Redshift => "redshift",
            Self::RedshiftServerless => "redshift-serverless",
            Self::Sts => "sts",
        }
    }

    fn override_variable(self) -> &'static str {
        match self {
            Self::Redshift => "AWS_ENDPOINT_URL_REDSHIFT",
            Self::RedshiftServerless => "AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }
}

/// The body of a call to one of AWS's query APIs.
pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in parameters {
        let divider = if body.is_empty() { "" } else { "&" };
        body.push_str(&format!("{divider}{}={}", encoded(name), encoded(value)));
    }
    body
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Inner {
    /// Makes the call; the body of the answer.
    pub async fn call(&self, call: &Call<'_>) -> Result<String> {
        let url = self.url(call.service, call.region);
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = format!("/{path}");
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self.send(call, &url, host, &path).await.map_err(|e| e.at(host))?;
            let passing = match &answer {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    return Ok(String::from_utf8_lossy(&answer.body).into_owned());
                }
                Ok(answer) => answer.status >= 500 || refusal(answer).0.starts_with("Throttling"),
                Err(error) => error.kind != SendErrorKind::Tls,
            };
            match pauses.next().filter(|_| passing) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let error = match answer {
                        Ok(answer) => refused(call, &answer),
                        Err(cause) => not_reached(call, cause),
                    };
                    return Err(error.at(host));
                }
            }
        }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        url: &str,
        host: &str,
        path: &str,
    ) -> Result<Result<Response, SendError>> {
        let target = format!("RedshiftServerless.{}", call.action);
        let headers: &[(&str, &str)] = match call.service {
            Service::RedshiftServerless => {
                &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target)]
            }
            _ => &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        };
        let signing = match call.proof {
            Proof::Token(_) => Vec::new(),
            Proof::Keys(keys) => {
                let (service, region, body) = (call.service.name(), call.region, call.body.as_str());
                sign::headers(&Request { host, path, region, service, headers, body }, keys, self.clock.now())
            }
        };
        let signing = signing.iter().map(|(name, value)| (*name, value.expose()));
        let target = Target::new(url, headers.iter().copied().chain(signing))?;
        Ok(self.clients()?.api.post(&target, call.body.clone().into(), &DEADLINES).await)
    }

    /// Where a service is: an override, or the region's own endpoint.
    fn url(&self, service: Service, region: &str) -> String {
        let said = self.env(service.override_variable()).or_else(|| self.env("AWS_ENDPOINT_URL"));
        said.map_or_else(
            || format!("https://{}.{region}.{}", service.name(), host::suffix(region)),
            |url| url.trim_end_matches('/').to_owned(),
        )
    }
}

/// The text of the first element of that name, in XML as AWS writes it.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (mut rest, _) = rest.split_once(&format!("</{name}>"))?;
    let mut text = String::new();
    while let Some((before, reference)) = rest.split_once('&') {
        let (name, behind) = reference.split_once(';')?;
        text.push_str(before);
        text.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let digits = name.strip_prefix('#')?;
                let number = match digits.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => digits.parse(),
                };
                char::from_u32(number.ok()?)?
            }
        });
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// An answer that lacks what it must have.
pub(super) fn incomplete(call: &Call<'_>) -> Error {
    Error::new(
        Code::AwsCredentialsRefused,
        format!("the answer of AWS to {}:{} makes no sense", call.service.name(), call.action),
    )
    .help("check that AWS_ENDPOINT_URL, if it is set, leads to AWS or to what stands in for it")
}

/// AWS's code and message, from XML or JSON.
fn refusal(answer: &Response) -> (String, String) {
    let body = String::from_utf8_lossy(&answer.body);
    if let Ok(json) = serde_json::from_str::<Value>(&body) {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let message = if json["message"].is_string() { text("message") } else { text("Message") };
        // `com.amazonaws.redshiftserverless#ValidationException`
        return (text("__type").rsplit('#').next().unwrap_or_default().to_owned(), message);
    }
    (element(&body, "Code").unwrap_or_default(), element(&body, "Message").unwrap_or_default())
}

fn refused(call: &Call<'_>, answer: &Response) -> Error {
    let (code, message) = refusal(answer);
    let action = format!("{}:{}", call.service.name(), call.action);
    let with = match call.proof {
        Proof::Keys(keys) => format!(" to the keys from {}", keys.from),
        Proof::Token(_) => String::new(),
    };
    let said = match (clean(&code, call), clean(&message, call)) {
        (code, message) if code.is_empty() || message.is_empty() => code + &message,
        (code, message) => format!("{code}: {message}"),
    };
    let message_of_ours = format!("AWS refused {action}{with} with status {}", answer.status);
    let error = Error::new(Code::AwsCredentialsRefused, message_of_ours).quoting(said);
    match help(&code, &message, &action) {
        Some(help) => error.help(help),
        None => error,
    }
}

fn help(code: &str, message: &str, action: &str) -> Option<String> {
    let plain = code.trim_end_matches("Exception").trim_end_matches("Fault");
    Some(match plain {
        "ExpiredToken" | "RequestExpired" | "ExpiredTokenId" => {
            "the AWS credentials have expired: log in to AWS again, or let Outflow use a role or a profile that renews itself".to_owned()
        }
        "InvalidClientTokenId" | "UnrecognizedClient" | "InvalidAccessKeyId" | "AuthFailure" => {
            "AWS does not know this access key: it was deleted, belongs to another partition, or lacks its session token".to_owned()
        }
        "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => {
            "the secret key does not belong to the access key, or this machine's clock is wrong by more than five minutes".to_owned()
        }
        "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {
            let lacking = message.split_once("not authorized to perform: ").and_then(|(_, rest)| rest.split_whitespace().next());
            let lacking = lacking.filter(|word| is_action(word)).unwrap_or(action);
            format!("allow {lacking} in the policy of this identity, for this database (and in the role's trust policy, if it is sts:AssumeRole)")
        }
        "ClusterNotFound" | "ResourceNotFound" => {
            "check `cluster` or `workgroup` and `region` in `iam`; a host name that is an alias or an endpoint of its own does not say them".to_owned()
        }
        "Throttling" => "AWS was asked too often: try again in a minute".to_owned(),
        "InvalidIdentityToken" | "IDPCommunicationError" | "IDPRejectedClaim" => {
            "the web identity token is expired or not for this role: check AWS_WEB_IDENTITY_TOKEN_FILE and the role's trust policy".to_owned()
        }
        _ => return None,
    })
}

/// Whether the word, which AWS said, is the name of an action and so fit for a log.
fn is_action(word: &str) -> bool {
    let ["redshift" | "redshift-serverless" | "sts", action] = word.split(':').collect::<Vec<_>>()[..] else {
        return false;
    };
    (1..=64).contains(&action.len()) && action.bytes().all(|b| b.is_ascii_alphabetic())
}

/// A text of AWS without line breaks, of bearable length, and without what we must not show: a
/// wrong signature is answered with all that should have been signed.
fn clean(text: &str, call: &Call<'_>) -> String {
    let mut text = text.split("The Canonical String").next().unwrap_or_default().to_owned();
    for secret in call.proof.secrets().into_iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let text: String = text.chars().take(500).map(|c| if steers_terminal(c) { ' ' } else { c }).collect();
    text.trim_matches([' ', '.']).to_owned()
}

fn not_reached(call: &Call<'_>, cause: SendError) -> Error {
    let action = format!("{}:{}", call.service.name(), call.action);
    Error::new(Code::AwsCredentialsRefused, format!("AWS cannot be reached for {action}: {}", cause.kind))
        .quoting(cause.detail())
        .help("this machine needs a way to that host over HTTPS, or a VPC endpoint for the service; AWS_ENDPOINT_URL may name another address")
        .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_their_text_is_read() {
        let xml = "<A><B>x</B><C>a&lt;b&amp;&#39;&#x20AC;&quot;&gt;&apos;</C><D></D><E>&nope;</E><F>open";
        assert_eq!(element(xml, "B").unwrap(), "x");
        assert_eq!(element(xml, "C").unwrap(), "a<b&'€\">'");
        assert_eq!(element(xml, "D").unwrap(), "");
        for missing in ["E", "F", "G"] {
            assert_eq!(element(xml, missing), None, "{missing}");
        }
    }
}
