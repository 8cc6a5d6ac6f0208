//! What AWS says when it gives nothing, and what becomes of it.

use outflow_core::Code;
use outflow_testkit::Reply;

use super::{ID, SECRET, TOKEN, World, cluster, refused, user, usual};
use outflow_warehouse::aws::IamTarget;

fn xml(status: u16, code: &str, message: &str) -> Reply {
    Reply::status(status).body(format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    ))
}

#[tokio::test]
async fn a_refusal_comes_with_the_words_of_aws_and_a_cure() {
    let denied =
        "User: arn:aws:iam::1:user/x is not authorized to perform: redshift:JoinGroup on resource: arn:y";
    for (status, code, message, cure) in [
        (403, "AccessDenied", denied, "allow redshift:JoinGroup"),
        (403, "AccessDenied", "no", "allow redshift:GetClusterCredentialsWithIAM"),
        (403, "ExpiredToken", "The security token included in the request is expired", "have expired"),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "does not know this access key",
        ),
        (404, "ClusterNotFound", "Cluster c-1 not found.", "check `cluster`"),
    ] {
        let world = World::with_keys().await;
        world.aws.always(xml(status, code, message));
        let error = refused(&world.through(cluster())).await;
        assert_eq!(error.code(), Code::AwsCredentialsRefused);
        assert!(error.message().ends_with(&format!("from the environment with status {status}")), "{error}");
        assert!(error.quoted().unwrap().reveal().starts_with(&format!("{code}: ")), "{error:?}");
        assert!(error.help_text().unwrap().contains(cure), "{code}: {:?}", error.help_text());
        assert_eq!(error.place().unwrap(), world.aws.url().strip_prefix("http://").unwrap());
        assert_eq!(world.asked().len(), 1, "{code} is not worth a repeat");
    }
}

#[tokio::test]
async fn a_serverless_refusal_is_read_too() {
    let world = World::with_keys().await;
    let body =
        r#"{"__type":"com.amazonaws.redshiftserverless#AccessDeniedException","Message":"not authorized"}"#;
    world.aws.always(Reply::status(400).body(body));
    let error = refused(&world.through(IamTarget::Workgroup("wg".into()))).await;
    assert_eq!(error.code(), Code::AwsCredentialsRefused);
    assert_eq!(error.quoted().unwrap().reveal(), "AccessDeniedException: not authorized");
    assert!(error.help_text().unwrap().contains("allow redshift-serverless:GetCredentials"));
}

/// AWS answers a wrong signature with everything that should have been signed, the token too.
#[tokio::test]
async fn what_aws_repeats_of_a_request_is_not_repeated() {
    let world = World::with_keys().await;
    let canonical = format!(
        "The request signature does not match. The Canonical String should have been 'POST x-amz-security-token:{TOKEN}'"
    );
    for message in [canonical, format!("odd {TOKEN} and {SECRET}")] {
        world.aws.always(xml(403, "SignatureDoesNotMatch", &message));
        // This looks for the secrets.
        let error = refused(&world.through(cluster())).await;
        assert!(error.help_text().unwrap().contains("clock"), "{error}");
    }
}

#[tokio::test]
async fn a_web_identity_token_is_not_repeated_either() {
    let world = World::empty().await.set("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
    let file = world.file("web", TOKEN);
    let world = world.set("AWS_WEB_IDENTITY_TOKEN_FILE", &file);
    world.aws.always(xml(400, "InvalidIdentityToken", &format!("no provider for {TOKEN}")));
    let error = refused(&world.through(cluster())).await;
    assert_eq!(
        error.full_message().reveal(),
        "AWS refused sts:AssumeRoleWithWebIdentity with status 400: InvalidIdentityToken: no provider for …"
    );
}

#[tokio::test]
async fn a_failure_that_passes_is_lived_through() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    world.aws.script([Reply::status(503), Reply::reset_after_request()]);
    assert_eq!(user(&world.through(cluster())).await, "scramuser");
    assert_eq!(world.asked().len(), 3);
    world.aws.always(xml(400, "Throttling", "Rate exceeded"));
    let error = refused(&world.through(cluster())).await;
    assert_eq!(error.code(), Code::AwsCredentialsRefused);
    assert_eq!(world.asked().len(), 6);
}

#[tokio::test]
async fn what_is_no_answer_of_aws_is_no_credential() {
    for reply in [
        Reply::html(),
        Reply::status(200).body("{}"),
        super::gives("u", "", "2026-01-31T10:15:00Z"),
        super::gives("u", "p", "soon"),
        Reply::status(418).body("tea"),
    ] {
        let world = World::with_keys().await;
        world.aws.always(reply);
        assert_eq!(refused(&world.through(cluster())).await.code(), Code::AwsCredentialsRefused);
    }
}

#[tokio::test]
async fn where_aws_cannot_be_reached_the_host_is_named() {
    let port = outflow_testkit::free_port();
    let world =
        World::with_keys().await.set("AWS_ENDPOINT_URL_REDSHIFT", &format!("http://127.0.0.1:{port}"));
    let error = refused(&world.through(cluster())).await;
    assert_eq!(
        (error.code(), error.place()),
        (Code::AwsCredentialsRefused, Some(&*format!("127.0.0.1:{port}")))
    );
    assert!(
        error.message().starts_with("AWS cannot be reached for redshift:GetClusterCredentialsWithIAM"),
        "{error}"
    );
    assert!(world.asked().is_empty(), "the service's own address counts before the common one, {ID}");
}
