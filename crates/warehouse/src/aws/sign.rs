//! Signature Version 4: how AWS knows who sends a request.
//!
//! What always holds: every header that is sent for AWS to read is signed, and so is the body. What
//! it does not do: query strings and odd paths, which none of our requests has. The vectors of the
//! test come from botocore.

use hmac::{Hmac, KeyInit, Mac};
use outflow_core::{Secret, Timestamp};
use sha2::{Digest, Sha256};

use super::Keys;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A POST to be signed.
pub(super) struct Request<'a> {
    /// As in the `Host` header: with the port, unless it is the scheme's own.
    pub host: &'a str,
    /// Begins with a slash and needs no encoding.
    pub path: &'a str,
    pub region: &'a str,
    /// The service's name in signatures.
    pub service: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

/// The headers that sign the request, to be sent along with its own.
pub(super) fn headers(request: &Request<'_>, keys: &Keys, now: Timestamp) -> Vec<(&'static str, Secret)> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut added = vec![("x-amz-date", Secret::new(&*time))];
    added.extend(keys.token.clone().map(|token| ("x-amz-security-token", token)));

    let own = request.headers.iter().copied().chain([("host", request.host)]);
    let mut signed: Vec<_> = own.chain(added.iter().map(|(name, value)| (*name, value.expose()))).collect();
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical =
        format!("POST\n{}\n\n{lines}\n{names}\n{}", request.path, hex(&Sha256::digest(request.body)));

    let (date, secret) = (&time[..8], format!("AWS4{}", keys.secret.expose()));
    let scope = format!("{date}/{}/{}/aws4_request", request.region, request.service);
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = [date, request.region, request.service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &text));
    let credential = format!("{}/{scope}", keys.id);
    let authorization =
        format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}");
    added.push(("authorization", Secret::new(authorization)));
    added
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `tests/aws-vectors.py` made the file with botocore.
    #[test]
    fn signatures_are_those_of_botocore() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../../tests/aws-vectors.json")).unwrap();
        assert!(vectors.len() >= 10);
        for vector in &vectors {
            let text = |key: &str| vector[key].as_str().unwrap();
            let fields = vector["headers"].as_object().unwrap();
            let own: Vec<_> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
            let request = Request {
                host: text("host"),
                path: text("path"),
                region: text("region"),
                service: text("service"),
                headers: &own,
                body: text("body"),
            };
            let keys = Keys {
                id: text("id").into(),
                secret: Secret::new(text("secret")),
                token: vector["token"].as_str().map(Secret::new),
                from: String::new(),
            };
            let made = headers(&request, &keys, text("time").parse().unwrap());
            let made: Vec<_> = made.iter().map(|(name, value)| (*name, value.expose())).collect();
            let wanted = vector["signed"].as_object().unwrap();
            let wanted: Vec<_> =
                wanted.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
            assert_eq!(made, wanted, "{}", text("name"));
        }
    }
}
