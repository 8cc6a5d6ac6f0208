//! Keys of a role, which the security token service gives to those who may take it on.

use outflow_core::{Code, Error, Result, Secret};
use outflow_egress::files::read_text;

use super::call::{Call, Proof, Service, element, form, incomplete};
use super::{Inner, Keys};

/// A role to take on.
pub(super) struct Role {
    pub arn: String,
    /// What the session is called in AWS's logs.
    pub session: String,
    pub external_id: Option<String>,
    /// Seconds.
    pub duration: Option<String>,
    /// Who says so, for messages: `profile "prod"`.
    pub from: String,
}

impl Role {
    /// The usual name of a session.
    pub const SESSION: &str = "outflow";

    fn parameters<'a>(&'a self, action: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut parameters = vec![("Action", action), ("Version", "2011-06-15")];
        parameters.extend([("RoleArn", self.arn.as_str()), ("RoleSessionName", &self.session)]);
        parameters.extend(self.duration.iter().map(|d| ("DurationSeconds", d.as_str())));
        parameters.extend(self.external_id.iter().map(|id| ("ExternalId", id.as_str())));
        parameters
    }
}

/// Takes on a role with the keys of another identity.
pub(super) async fn assume(aws: &Inner, role: &Role, keys: &Keys, region: &str) -> Result<Keys> {
    let action = "AssumeRole";
    let body = form(&role.parameters(action));
    sts(aws, role, Call { service: Service::Sts, action, region, body, proof: Proof::Keys(keys) }).await
}

/// Takes on a role with a token that an identity provider wrote into a file.
pub(super) async fn with_web_identity(aws: &Inner, role: &Role, file: &str, region: &str) -> Result<Keys> {
    let token = read_text(file.as_ref()).map_err(|e| {
        Error::new(Code::AwsCredentialsMissing, format!("{}: the file of the web identity token {e}", role.from))
            .at(file)
            .help("check the path and that Outflow may read it; on Kubernetes, that the service account names the role")
    })?;
    let action = "AssumeRoleWithWebIdentity";
    let mut parameters = role.parameters(action);
    let token = token.trim();
    parameters.push(("WebIdentityToken", token));
    let body = form(&parameters);
    sts(aws, role, Call { service: Service::Sts, action, region, body, proof: Proof::Token(token) }).await
}

async fn sts(aws: &Inner, role: &Role, call: Call<'_>) -> Result<Keys> {
    let answer = aws.call(&call).await?;
    let text = |name| element(&answer, name).filter(|text| !text.is_empty());
    let keys = text("AccessKeyId").zip(text("SecretAccessKey")).map(|(id, secret)| Keys {
        id,
        secret: Secret::new(secret),
        token: text("SessionToken").map(Secret::new),
        from: format!("the role of {}", role.from),
    });
    keys.ok_or_else(|| incomplete(&call))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The vectors are requests that botocore built; see `tests/aws-vectors.py`.
    #[test]
    fn requests_are_those_of_botocore() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../../tests/aws-vectors.json")).unwrap();
        let mut compared = 0;
        for vector in vectors.iter().filter(|v| v["action"] == "AssumeRole") {
            let given = &vector["parameters"];
            let text = |key: &str| given[key].as_str().map(str::to_owned);
            let role = Role {
                arn: text("RoleArn").unwrap(),
                session: text("RoleSessionName").unwrap(),
                external_id: text("ExternalId"),
                duration: given["DurationSeconds"].as_u64().map(|seconds| seconds.to_string()),
                from: String::new(),
            };
            assert_eq!(form(&role.parameters("AssumeRole")), vector["body"].as_str().unwrap());
            compared += 1;
        }
        assert_eq!(compared, 2);
    }
}
