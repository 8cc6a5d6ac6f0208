//! Credentials of a database, and the keeping of them.
//!
//! AWS checks a password only when a session begins, so sessions outlive it. What always holds: for
//! each identity, database and user there is one set of credentials, fetched once however many ask
//! at the same time, and renewed [`AHEAD`] of its end or when a quarter of its life is left.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::clock::{earlier, later};
use outflow_core::{Result, Secret, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::call::{Call, Proof, Service, element, form, incomplete};
use super::{Aws, Iam, IamTarget, Inner, LONGEST_LIFE, chain};
use crate::credentials::Credentials;

/// Credentials are renewed this long before they expire, if they live long enough.
const AHEAD: Duration = Duration::from_secs(300);

/// For what credentials are: database, region, profile, name on the server, duration.
pub(super) type Key = (IamTarget, String, Option<String>, String, Duration);

/// Where credentials are kept. It is locked while they are fetched.
pub(super) type Slot = Arc<Mutex<Option<Kept>>>;

/// Credentials that AWS gave.
pub(super) struct Kept {
    credentials: Credentials,
    renew: Timestamp,
    /// The same by the monotonic clock: a wall clock that is set back keeps nothing alive.
    renew_by: Instant,
}

impl Aws {
    /// User and password of this login for `database`, and whether AWS gave them just now.
    /// Credentials that are `refused` by the server are not given again.
    ///
    /// # Errors
    /// S021 when no keys are found, S022 when AWS refuses them or cannot be reached.
    pub(crate) async fn credentials(
        &self,
        iam: &Iam,
        database: &str,
        refused: Option<&Credentials>,
    ) -> Result<(Credentials, bool)> {
        let aws = &self.0;
        let (target, region, profile) = (iam.target.clone(), iam.region.clone(), iam.profile.clone());
        let key = (target, region, profile, database.to_owned(), iam.duration);
        let slot =
            Arc::clone(aws.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let mut slot = slot.lock().await;
        if let Some(kept) = slot.as_ref()
            && aws.clock.now() < kept.renew
            && Instant::now() < kept.renew_by
            && Some(&kept.credentials) != refused
        {
            return Ok((kept.credentials.clone(), false));
        }
        let kept = iam.fetch(aws, database).await?;
        let credentials = kept.credentials.clone();
        *slot = Some(kept);
        Ok((credentials, true))
    }
}

impl Iam {
    async fn fetch(&self, aws: &Inner, database: &str) -> Result<Kept> {
        let keys = chain::keys(aws, self.profile.as_deref(), &self.region).await?;
        let (service, action, body) = self.request(database);
        let call = Call { service, action, region: &self.region, body, proof: Proof::Keys(&keys) };
        let (asked, begun) = (aws.clock.now(), Instant::now());
        let answer = aws.call(&call).await?;
        let read =
            if service == Service::RedshiftServerless { from_json(&answer) } else { from_xml(&answer) };
        let (credentials, expires) = read.ok_or_else(|| incomplete(&call))?;
        // Whatever end the answer names, they are asked for again.
        let expires = asked.checked_add(LONGEST_LIFE).map_or(expires, |latest| expires.min(latest));
        let life = Duration::try_from(expires.duration_since(asked)).unwrap_or_default();
        let ahead = |life: Duration| AHEAD.min(life.checked_div(4).unwrap_or_default());
        // By a wall clock that is behind, they seem to live for longer than was asked for.
        let lasts = if life.is_zero() { self.duration } else { life.min(self.duration) };
        let renew_by = later(begun, lasts.saturating_sub(ahead(lasts)));
        Ok(Kept { credentials, renew: earlier(expires, ahead(life)), renew_by })
    }

    /// The request: the service, the action, and the body of the call.
    fn request(&self, database: &str) -> (Service, &'static str, String) {
        let seconds = self.duration.as_secs();
        let (id, user) = match &self.target {
            IamTarget::Workgroup(name) => {
                let body = json!({ "dbName": database, "durationSeconds": seconds, "workgroupName": name });
                return (Service::RedshiftServerless, "GetCredentials", body.to_string());
            }
            IamTarget::Cluster { id, user } => (id, user),
        };
        let action = if user.is_some() { "GetClusterCredentials" } else { "GetClusterCredentialsWithIAM" };
        let seconds = seconds.to_string();
        let mut parameters = vec![("Action", action), ("Version", "2012-12-01")];
        parameters.extend(user.iter().map(|user| ("DbUser", user.name.as_str())));
        parameters.extend([("DbName", database), ("ClusterIdentifier", id), ("DurationSeconds", &seconds)]);
        let mut groups = Vec::new();
        if let Some(user) = user {
            parameters.push(("AutoCreate", if user.create { "true" } else { "false" }));
            groups
                .extend(user.groups.iter().zip(1..).map(|(name, i)| (format!("DbGroups.DbGroup.{i}"), name)));
        }
        parameters.extend(groups.iter().map(|(key, name)| (key.as_str(), name.as_str())));
        (Service::Redshift, action, form(&parameters))
    }
}

fn from_xml(answer: &str) -> Option<(Credentials, Timestamp)> {
    let text = |name| element(answer, name).filter(|text| !text.is_empty());
    let credentials = Credentials { user: text("DbUser")?, password: Secret::new(text("DbPassword")?) };
    Some((credentials, text("Expiration")?.parse().ok()?))
}

fn from_json(answer: &str) -> Option<(Credentials, Timestamp)> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let credentials =
        Credentials { user: text("dbUser")?.to_owned(), password: Secret::new(text("dbPassword")?) };
    // Seconds, with or without a fraction.
    let expires = answer["expiration"].as_f64()?;
    Some((credentials, Timestamp::from_second(expires as i64).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::DbUser;

    /// The vectors are requests that botocore built; see `tests/aws-vectors.py`.
    #[test]
    fn requests_are_those_of_botocore() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../../tests/aws-vectors.json")).unwrap();
        let mut compared = 0;
        for vector in vectors.iter().filter(|v| v["service"] != "sts") {
            let given = &vector["parameters"];
            let text = |key: &str| given[key].as_str().map(str::to_owned);
            let groups = given["DbGroups"].as_array().into_iter().flatten();
            let user = text("DbUser").map(|name| DbUser {
                name,
                groups: groups.map(|g| g.as_str().unwrap().to_owned()).collect(),
                create: given["AutoCreate"].as_bool().unwrap(),
            });
            let target = match text("workgroupName") {
                Some(name) => IamTarget::Workgroup(name),
                None => IamTarget::Cluster { id: text("ClusterIdentifier").unwrap(), user },
            };
            let Some(database) = text("DbName").or_else(|| text("dbName")) else { continue };
            let seconds =
                given["DurationSeconds"].as_u64().or_else(|| given["durationSeconds"].as_u64()).unwrap();
            let iam = Iam {
                target,
                region: "eu-central-1".into(),
                profile: None,
                duration: Duration::from_secs(seconds),
            };
            let (_, action, body) = iam.request(&database);
            assert_eq!(action, vector["action"]);
            let wanted = vector["body"].as_str().unwrap();
            match serde_json::from_str::<Value>(wanted) {
                Ok(wanted) => assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), wanted),
                Err(_) => assert_eq!(body, wanted),
            }
            compared += 1;
        }
        assert!(compared >= 7, "{compared}");
    }
}
