//! Where keys are found, and in which order.

use outflow_core::Code;
use outflow_testkit::Reply;
use outflow_warehouse::Iam;

use super::{ID, World, cluster, refused, through, user, usual};

/// Answers of the token service and of the services that hand out keys, each with keys of its own.
fn everywhere(world: &World) {
    world.aws.rule(|request, _| {
        let body = String::from_utf8_lossy(&request.body);
        let role = |id: &str| {
            Reply::status(200).body(format!(
                "<R><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2026-01-31T11:00:00Z</Expiration></Credentials></R>"
            ))
        };
        let keys = |id: &str| {
            let text = format!(
                r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-31T11:00:00Z"}}"#
            );
            Reply::status(200).body(text)
        };
        if body.starts_with("Action=AssumeRole&") {
            // The role's name becomes the key's.
            let arn = body.split("RoleArn=").nth(1)?.split('&').next()?;
            return Some(role(&format!("ROLE{}", arn.rsplit("%2F").next()?)));
        }
        if body.starts_with("Action=AssumeRoleWithWebIdentity&") {
            return Some(if body.ends_with("&WebIdentityToken=web.token") { role("WEB") } else { Reply::status(400) });
        }
        let token = |name: &str, value: &str| request.header(name) == Some(value);
        Some(match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/container") if token("authorization", "of the task") => keys("CONTAINER"),
            ("PUT", "/latest/api/token") if request.header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => {
                Reply::status(200).body("session")
            }
            ("GET", _) if !token("x-aws-ec2-metadata-token", "session") => Reply::status(401),
            ("GET", "/latest/meta-data/iam/security-credentials/") => Reply::status(200).body("the-role\n"),
            ("GET", "/latest/meta-data/iam/security-credentials/the-role") => keys("INSTANCE"),
            _ => return None,
        })
    });
    world.aws.always(usual());
}

/// The key that signed the request for database credentials.
async fn signer(world: &World) -> String {
    signer_of(world, world.iam(cluster())).await
}

async fn signer_of(world: &World, iam: Iam) -> String {
    world.aws.clear();
    user(&through(&world.client(), iam)).await;
    world.asked().last().unwrap().split_once(' ').unwrap().1.to_owned()
}

#[tokio::test]
async fn the_first_place_that_has_keys_counts() {
    let mut world = World::empty().await;
    everywhere(&world);
    let file = world.file("web", "web.token\n");
    world.file(".aws/credentials", "[default]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n");
    let token = world.file("token", "of the task\n");
    let url = world.aws.url();
    world = world
        .set("AWS_ACCESS_KEY_ID", ID)
        .set("AWS_SECRET_ACCESS_KEY", "s")
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", &file)
        .set("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{url}/container"))
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)
        .set("AWS_EC2_METADATA_DISABLED", "false");
    assert_eq!(signer(&world).await, ID);
    world.env.remove("AWS_ACCESS_KEY_ID");
    assert_eq!(signer(&world).await, "PROFILE");
    world.file(".aws/credentials", "[other]\n");
    assert_eq!(signer(&world).await, "WEB");
    world.env.remove("AWS_WEB_IDENTITY_TOKEN_FILE");
    assert_eq!(signer(&world).await, "CONTAINER");
    world.env.remove("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    assert_eq!(signer(&world).await, "INSTANCE");
    world = world.set("AWS_EC2_METADATA_DISABLED", "True");
    assert_eq!(refused(&world.through(cluster())).await.code(), Code::AwsCredentialsMissing);
}

#[tokio::test]
async fn a_profile_that_the_project_names_comes_before_the_environment() {
    let world = World::with_keys().await;
    everywhere(&world);
    world.file(".aws/config", "[profile etl]\naws_access_key_id = ETL\naws_secret_access_key = s\n");
    let iam = Iam { profile: Some("etl".into()), ..world.iam(cluster()) };
    assert_eq!(signer_of(&world, iam.clone()).await, "ETL");
    // It is that one or none.
    let missing = Iam { profile: Some("nope".into()), ..iam };
    let error = refused(&through(&world.client(), missing)).await;
    assert_eq!(
        (error.code(), error.message()),
        (Code::AwsCredentialsMissing, "there is no profile \"nope\"")
    );
}

#[tokio::test]
async fn roles_are_taken_on_one_after_the_other() {
    let world = World::empty().await.set("AWS_PROFILE", "top");
    everywhere(&world);
    world.file(
        ".aws/config",
        "[profile top]\nrole_arn = arn:aws:iam::1:role/Top\nsource_profile = middle\nexternal_id = x\nrole_session_name = me\n\
         [profile middle]\nrole_arn = arn:aws:iam::1:role/Middle\nsource_profile = bottom\n",
    );
    world.file(".aws/credentials", "[bottom]\naws_access_key_id = BOTTOM\naws_secret_access_key = s\n");
    user(&world.through(cluster())).await;
    let asked = ["AssumeRole BOTTOM", "AssumeRole ROLEMiddle", "GetClusterCredentialsWithIAM ROLETop"];
    assert_eq!(world.asked(), asked);
    let body = String::from_utf8_lossy(&world.aws.requests()[1].body).into_owned();
    assert!(body.contains("RoleSessionName=me") && body.contains("ExternalId=x"), "{body}");
}

#[tokio::test]
async fn a_profile_has_its_keys_from_many_sources() {
    let mut world = World::with_keys().await;
    everywhere(&world);
    let file = world.file("web", "web.token");
    let reported = r#"printf '{"Version":1,"AccessKeyId":"TOLD","SecretAccessKey":"s","SessionToken":"t"}'"#;
    let arn = "role_arn = arn:aws:iam::1:role/R";
    let url = world.aws.url();
    world = world.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url).set("AWS_EC2_METADATA_DISABLED", "false");
    for (lines, signer) in [
        ("aws_access_key_id = A\naws_secret_access_key = s".to_owned(), "A"),
        (format!("credential_process = {reported}"), "TOLD"),
        (format!("{arn}\nweb_identity_token_file = {file}"), "WEB"),
        (format!("{arn}\ncredential_source = Environment"), "ROLER"),
        (format!("{arn}\ncredential_source = Ec2InstanceMetadata"), "ROLER"),
        // Its own keys take the role on.
        (format!("{arn}\nsource_profile = p\naws_access_key_id = A\naws_secret_access_key = s"), "ROLER"),
    ] {
        world.file(".aws/config", &format!("[profile p]\n{lines}\n"));
        let iam = Iam { profile: Some("p".into()), ..world.iam(cluster()) };
        assert_eq!(signer_of(&world, iam).await, signer, "{lines}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_give_its_keys_is_not_passed_over() {
    let world = World::empty().await.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    everywhere(&world);
    let arn = "role_arn = arn:aws:iam::1:role/R";
    for (lines, words) in [
        ("credential_process = exit 3".to_owned(), "failed (exit status: 3)"),
        ("credential_process = echo the-secret".to_owned(), "printed no keys"),
        ("aws_access_key_id = A".to_owned(), "no aws_secret_access_key"),
        ("sso_session = s".to_owned(), "logs in by SSO"),
        (arn.to_owned(), "no source_profile"),
        (
            format!("{arn}\nsource_profile = q\n[profile q]\n{arn}\nsource_profile = p"),
            "source of its own source",
        ),
        (format!("{arn}\nsource_profile = q"), "there is no profile \"q\""),
        (format!("{arn}\nsource_profile = p\nmfa_serial = arn:x"), "MFA"),
        (format!("{arn}\ncredential_source = Nowhere"), "does not exist"),
        (format!("{arn}\ncredential_source = Environment"), "AWS_ACCESS_KEY_ID is not set"),
        ("region = x".to_owned(), "holds no keys"),
    ] {
        world.file(".aws/config", &format!("[profile p]\n{lines}\n"));
        let iam = Iam { profile: Some("p".into()), ..world.iam(cluster()) };
        let error = refused(&through(&world.client(), iam)).await;
        assert_eq!(error.code(), Code::AwsCredentialsMissing, "{lines}");
        assert!(
            error.message().contains(words) && !error.message().contains("the-secret"),
            "{words}: {error}"
        );
    }
    let error = refused(&world.through(cluster())).await;
    assert!(error.message().contains("AWS_ROLE_ARN is not"), "{error}");
    let world = world.set("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
    let error = refused(&world.through(cluster())).await;
    assert_eq!((error.code(), error.place()), (Code::AwsCredentialsMissing, Some("/nowhere/token")));
}

/// The metadata services speak plain HTTP, so keys and tokens of theirs go nowhere else.
#[tokio::test]
async fn plain_http_leads_to_no_other_host() {
    let mut world = World::empty().await;
    world = world
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.1.2.3/keys")
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t");
    let error = refused(&world.through(cluster())).await;
    assert_eq!(error.code(), Code::AwsCredentialsMissing);
    assert!(error.message().contains("not allowed"), "{error}");
}

#[tokio::test]
async fn where_nothing_is_found_each_source_is_named() {
    let world = World::empty()
        .await
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let error = refused(&world.through(cluster())).await;
    assert_eq!(error.code(), Code::AwsCredentialsMissing);
    for words in [
        "environment: AWS_ACCESS_KEY_ID is not set",
        ".aws/credentials",
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "instance: no metadata service answers",
    ] {
        assert!(error.message().contains(words), "{words}: {error}");
    }
    assert!(world.asked().is_empty());
}

/// Reading a FIFO waits until somebody writes to it.
#[tokio::test]
async fn a_file_of_credentials_that_is_a_fifo_is_an_error() {
    for (name, variable) in
        [(".aws/config", None), ("token", Some("AWS_WEB_IDENTITY_TOKEN_FILE")), ("pod", Some(POD_TOKEN))]
    {
        let mut world = World::empty().await.set("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
        let path = world.file(name, "");
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        if let Some(variable) = variable {
            world = world.set(variable, &path);
        }
        world = world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/keys");
        let error = refused(&world.through(cluster())).await;
        assert_eq!(error.code(), Code::AwsCredentialsMissing, "{name}");
        assert!(error.message().contains("is a FIFO"), "{name}: {error}");
    }
}

const POD_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
