//! The keys of this machine's identity, looked for where the SDKs look and in their order:
//! environment, profile, web identity, container, instance.
//!
//! A profile that is named in the project is the only place. One that is named by AWS_PROFILE must
//! exist. What always holds: a place that offers keys and cannot give them is an error, since what
//! comes after it may be another identity; only places that offer nothing are passed over.

use std::process::Stdio;
use std::time::Duration;

use outflow_core::{Code, Error, Result, Secret};

use super::profiles::{Profile, Profiles};
use super::roles::{self, Role};
use super::{Inner, KeyLookup, Keys, metadata};

/// The most time that a `credential_process` may take.
const PROCESS: Duration = Duration::from_secs(60);

/// The keys to ask AWS with. `region` is where roles are taken on.
pub(super) async fn keys(aws: &Inner, profile: Option<&str>, region: &str) -> Result<Keys> {
    let mut nothing = Vec::new();
    let places = if profile.is_some() { 1..2 } else { 0..5 };
    for place in places {
        let found = match place {
            0 => environment(aws)?,
            1 => of_profile(aws, profile, region).await?,
            2 => web_identity(aws, region).await?,
            3 => metadata::container(aws).await?,
            _ => metadata::instance(aws).await?,
        };
        match found {
            KeyLookup::Keys(keys) => return Ok(keys),
            KeyLookup::Missing(why) => nothing.push(why),
        }
    }
    Err(Error::new(Code::AwsCredentialsMissing, format!("no AWS credentials were found ({})", nothing.join("; "))))
        .map_err(|e| e.help("give Outflow one of these: a role of the instance, task or pod, a profile (AWS_PROFILE or `iam: { profile: … }`), or keys in the environment"))
}

fn environment(aws: &Inner) -> Result<KeyLookup> {
    match (aws.env("AWS_ACCESS_KEY_ID"), aws.env("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(KeyLookup::Keys(Keys {
            id,
            secret: Secret::new(secret),
            token: aws.env("AWS_SESSION_TOKEN").map(Secret::new),
            from: "the environment".into(),
        })),
        (Some(_), None) => Err(Error::new(
            Code::AwsCredentialsMissing,
            "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not",
        )
        .help("set both, and AWS_SESSION_TOKEN for temporary keys; or unset the first")),
        (None, _) => Ok(KeyLookup::Missing("environment: AWS_ACCESS_KEY_ID is not set".into())),
    }
}

async fn web_identity(aws: &Inner, region: &str) -> Result<KeyLookup> {
    let Some(file) = aws.env("AWS_WEB_IDENTITY_TOKEN_FILE") else {
        return Ok(KeyLookup::Missing("web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set".into()));
    };
    let arn = aws.env("AWS_ROLE_ARN").ok_or_else(|| {
        Error::new(Code::AwsCredentialsMissing, "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not")
            .help("set both")
    })?;
    let session = aws.env("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| Role::SESSION.into());
    let role = Role { arn, session, external_id: None, duration: None, from: "the web identity".into() };
    roles::with_web_identity(aws, &role, &file, region).await.map(KeyLookup::Keys)
}

/// The keys of a profile. Its roles are followed down to the first keys, and then taken on one
/// after the other.
async fn of_profile(aws: &Inner, named: Option<&str>, region: &str) -> Result<KeyLookup> {
    let profiles = Profiles::read(aws)?;
    let chosen = named.map(str::to_owned).or_else(|| aws.env("AWS_PROFILE"));
    let mut name = chosen.clone().unwrap_or_else(|| "default".into());
    let mut roles: Vec<Role> = Vec::new();
    let mut passed = Vec::new();
    let found = loop {
        let Some(profile) = profiles.get(&name) else {
            if chosen.is_none() && passed.is_empty() {
                return Ok(KeyLookup::Missing(format!(
                    "profile: none is called {name} in {}",
                    profiles.files
                )));
            }
            let error = Error::new(Code::AwsCredentialsMissing, format!("there is no profile {name:?}"))
                .at(profiles.files.as_str());
            return Err(
                error.help("check AWS_PROFILE, `profile` in `iam`, or source_profile of the profile before")
            );
        };
        let get = |key: &str| profile.get(key).filter(|value| !value.is_empty());
        // A role whose source is its own profile is taken on with the keys beside it.
        let Some(arn) = get("role_arn").filter(|_| passed.last() != Some(&name)) else {
            break own_keys(profile, &name).await?;
        };
        if get("mfa_serial").is_some() {
            return Err(unsuited(&name, "wants a code of an MFA device, which needs a person"));
        }
        let role = role(profile, &name, arn);
        if let Some(file) = get("web_identity_token_file") {
            break KeyLookup::Keys(roles::with_web_identity(aws, &role, file, region).await?);
        }
        roles.push(role);
        match (get("source_profile"), get("credential_source")) {
            (Some(source), _) if source != &name && passed.contains(source) => {
                return Err(unsuited(&name, "is the source of its own source"));
            }
            (Some(source), _) => {
                passed.push(name);
                name = source.clone();
            }
            (None, Some(source)) => {
                break match source.as_str() {
                    "Environment" => environment(aws)?,
                    "EcsContainer" => metadata::container(aws).await?,
                    "Ec2InstanceMetadata" => metadata::instance(aws).await?,
                    _ => return Err(unsuited(&name, "has a credential_source that does not exist")),
                };
            }
            (None, None) => {
                return Err(unsuited(
                    &name,
                    "has a role_arn and no source_profile or credential_source for it",
                ));
            }
        }
    };
    match found {
        KeyLookup::Keys(mut keys) => {
            for role in roles.iter().rev() {
                keys = roles::assume(aws, role, &keys, region).await?;
            }
            Ok(KeyLookup::Keys(keys))
        }
        // Somebody who names a profile, or a role in it, means that and nothing after it.
        KeyLookup::Missing(why) if chosen.is_some() || !roles.is_empty() => {
            Err(Error::new(Code::AwsCredentialsMissing, format!("no AWS credentials were found ({why})"))
                .at(profiles.files.as_str()))
        }
        nothing => Ok(nothing),
    }
}

fn role(profile: &Profile, name: &str, arn: &str) -> Role {
    Role {
        arn: arn.to_owned(),
        session: profile.get("role_session_name").map_or(Role::SESSION, String::as_str).to_owned(),
        external_id: profile.get("external_id").cloned(),
        duration: profile.get("duration_seconds").cloned(),
        from: format!("profile {name:?}"),
    }
}

fn unsuited(profile: &str, why: &str) -> Error {
    Error::new(Code::AwsCredentialsMissing, format!("the AWS profile {profile:?} {why}"))
        .help("use a profile with keys, a role with its source, or a credential_process")
}

/// The keys that a profile has itself: written in it, or printed by a program.
async fn own_keys(profile: &Profile, name: &str) -> Result<KeyLookup> {
    let get = |key: &str| profile.get(key).filter(|value| !value.is_empty());
    let from = format!("profile {name:?}");
    match (get("aws_access_key_id"), get("aws_secret_access_key"), get("credential_process")) {
        (Some(id), Some(secret), _) => Ok(KeyLookup::Keys(Keys {
            id: id.clone(),
            secret: Secret::new(secret.as_str()),
            token: get("aws_session_token").map(|token| Secret::new(token.as_str())),
            from,
        })),
        (Some(_), None, _) => Err(unsuited(name, "has aws_access_key_id and no aws_secret_access_key")),
        (None, _, Some(command)) => from_process(command, name, &from).await.map(KeyLookup::Keys),
        (None, _, None) if profile.keys().any(|key| key.starts_with("sso_")) => {
            let error = unsuited(name, "logs in by SSO, which needs a person");
            Err(error.help(format!(
                "log in with the AWS command line and let another profile ask it: `credential_process = aws configure export-credentials --profile {name} --format process`"
            )))
        }
        (None, _, None) => {
            Ok(KeyLookup::Missing(format!("{from}: holds no keys, no role and no credential_process")))
        }
    }
}

/// The keys that a `credential_process` prints. The rest of its output is not repeated, since it
/// may be a secret.
async fn from_process(command: &str, name: &str, from: &str) -> Result<Keys> {
    let run = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(PROCESS, run).await {
        Ok(run) => {
            run.map_err(|e| unsuited(name, "has a credential_process that does not start").caused_by(e))?
        }
        Err(_) => {
            return Err(unsuited(
                name,
                &format!("has a credential_process that took longer than {PROCESS:?}"),
            ));
        }
    };
    if !output.status.success() {
        return Err(unsuited(name, &format!("has a credential_process that failed ({})", output.status))
            .help("run it by hand to see what it says"));
    }
    metadata::of_json(&output.stdout, "SessionToken", from).ok_or_else(|| {
        unsuited(name, "has a credential_process that printed no keys")
            .help("run it by hand to see what it says")
    })
}
