//! Keys that the place where Outflow runs hands out: to a container (ECS, EKS), or to an instance
//! (EC2).
//!
//! What always holds: plain HTTP goes only to the fixed addresses of these services and to this
//! machine; the egress client for them enforces it. An instance is asked by version 2 of its
//! service, which wants a token first. What it does not do: version 1, which any forged request
//! could use.

use std::time::Duration;

use bytes::Bytes;
use outflow_core::{Code, Error, Result, Secret};
use outflow_egress::files::read_text;
use outflow_egress::{Deadlines, Response, SendError, Target};
use serde_json::Value;

use super::{Inner, KeyLookup, Keys};

const CONTAINERS: &str = "http://169.254.170.2";
const INSTANCE: &str = "http://169.254.169.254";
const INSTANCE_IPV6: &str = "http://[fd00:ec2::254]";

/// These services are near: on a machine that has none, the wait should be short.
const DEADLINES: Deadlines = Deadlines {
    connect: Duration::from_secs(1),
    head: Duration::from_secs(2),
    idle: Duration::from_secs(2),
    total: Duration::from_secs(4),
};

/// The keys of a container's task or pod.
pub(super) async fn container(aws: &Inner) -> Result<KeyLookup> {
    let url = match (
        aws.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        aws.env("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ) {
        (Some(path), _) => format!("{CONTAINERS}{path}"),
        (None, Some(url)) => url,
        (None, None) => {
            return Ok(KeyLookup::Missing(
                "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and …_FULL_URI are not set".into(),
            ));
        }
    };
    let token = match aws.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(read_text(file.as_ref()).map_err(|e| {
            let message = format!("the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE {e}");
            Error::new(Code::AwsCredentialsMissing, message).at(file)
        })?),
        None => aws.env("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let target = Target::new(&url, token.iter().map(|token| ("authorization", token.trim())))
        .map_err(|e| e.at("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
    let client = if url.starts_with("https://") { &aws.clients()?.api } else { &aws.clients()?.metadata };
    let answer = client.get(&target, &DEADLINES).await.map_err(|cause| silent("container", cause))?;
    keys(&answer, "the container's role").map(KeyLookup::Keys).ok_or_else(|| useless("container", &answer))
}

/// The keys of the role of an EC2 instance.
pub(super) async fn instance(aws: &Inner) -> Result<KeyLookup> {
    let nothing = |why: String| Ok(KeyLookup::Missing(format!("instance: {why}")));
    if aws.env("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return nothing("AWS_EC2_METADATA_DISABLED is true".into());
    }
    let ipv6 = aws
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let base = aws.env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = base.as_deref().unwrap_or(if ipv6 { INSTANCE_IPV6 } else { INSTANCE }).trim_end_matches('/');

    let target =
        Target::new(&format!("{base}/latest/api/token"), [("x-aws-ec2-metadata-token-ttl-seconds", "300")])?;
    let token = match aws.clients()?.metadata.put(&target, Bytes::new(), &DEADLINES).await {
        Ok(answer) if answer.status == 200 => String::from_utf8_lossy(&answer.body).into_owned(),
        Ok(answer) => return Err(useless("instance", &answer)),
        Err(cause) => return nothing(format!("no metadata service answers ({})", cause.kind)),
    };
    let get = async |path: &str| {
        let url = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
        let target = Target::new(&url, [("x-aws-ec2-metadata-token", token.trim())])?;
        aws.clients()?.metadata.get(&target, &DEADLINES).await.map_err(|cause| silent("instance", cause))
    };
    let roles = get("").await?;
    let role = String::from_utf8_lossy(&roles.body).lines().next().unwrap_or_default().trim().to_owned();
    match roles.status {
        200 if !role.is_empty() => {}
        200 | 404 => return nothing("it has no role".into()),
        _ => return Err(useless("instance", &roles)),
    }
    let answer = get(&role).await?;
    keys(&answer, "the instance's role").map(KeyLookup::Keys).ok_or_else(|| useless("instance", &answer))
}

fn keys(answer: &Response, from: &str) -> Option<Keys> {
    (answer.status == 200).then(|| of_json(&answer.body, "Token", from))?
}

/// Keys as all these services write them. The session token's name differs.
pub(super) fn of_json(json: &[u8], token: &str, from: &str) -> Option<Keys> {
    let json: Value = serde_json::from_slice(json).ok()?;
    let text = |key: &str| json[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Keys {
        id: text("AccessKeyId")?,
        secret: Secret::new(text("SecretAccessKey")?),
        token: text(token).map(Secret::new),
        from: from.to_owned(),
    })
}

fn silent(what: &str, cause: SendError) -> Error {
    Error::new(Code::AwsCredentialsMissing, format!("the credential service of the {what} does not answer: {}", cause.kind))
        .quoting(cause.detail())
        .help("it may be starting, or out of reach from here: in a container on EC2, the hop limit of the instance's metadata must be 2")
        .caused_by(cause)
}

fn useless(what: &str, answer: &Response) -> Error {
    Error::new(
        Code::AwsCredentialsMissing,
        format!("the credential service of the {what} answered with status {} and no keys", answer.status),
    )
    .help("check the role of the instance, task or pod, and its authorization token if it needs one")
}
