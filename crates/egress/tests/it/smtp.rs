//! E-mail: what a server gets, in plain text and over TLS, and what its refusals mean.

use std::io::Write as _;
use std::sync::Arc;

use outflow_core::{Code, Error, Secret, Timestamp};
use outflow_egress::smtp::{Mailer, Message, Security};
use outflow_testkit::MailServer;
use outflow_testkit::mail::{Mail, Mailbox, Manners};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const PASSWORD: &str = "s3cret-pass";

fn mailer(port: u16, security: Security) -> Mailer {
    Mailer { host: "127.0.0.1".into(), port, security, login: None, ca: None }
}

fn message() -> Message {
    let at = Timestamp::from_second(1_767_225_600).unwrap();
    let to = ["ops@example.com".to_owned(), "me@example.org".to_owned()];
    Message::new("outflow@example.com", &to, at, "1", "users is failing ☕", "It fails.\n.\nReally.\n")
        .unwrap()
}

fn assert_is_the_message(mail: &Mail) {
    assert_eq!(mail.from, "outflow@example.com");
    assert_eq!(mail.to, ["ops@example.com", "me@example.org"]);
    assert_eq!(mail.text, "It fails.\n.\nReally.\n");
    assert!(mail.headers.contains("Subject: =?utf-8?B?"), "{}", mail.headers);
}

async fn refusal(manners: Manners) -> Error {
    let server = MailServer::start(manners);
    let error = mailer(server.port(), Security::Plain).send(&message()).await.unwrap_err();
    assert!(server.mails().is_empty());
    error
}

#[tokio::test]
async fn a_message_arrives_as_it_is() {
    let server = MailServer::start(Manners::default());
    let mailer = mailer(server.port(), Security::Plain);
    mailer.send(&message()).await.unwrap();
    mailer.send(&message()).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    mails.iter().for_each(assert_is_the_message);
}

#[tokio::test]
async fn refusals_have_codes_and_repeat_nothing_of_the_answer() {
    for (word, answer, code) in [
        ("EHLO", "502 s3cret", Code::CallRefused),
        ("MAIL", "550 s3cret", Code::CallRefused),
        ("RCPT", "451 s3cret", Code::DestinationServerError),
        ("DATA", "554 s3cret", Code::CallRefused),
        ("RCPT", "s3cret", Code::DestinationAnswerInvalid),
        ("MAIL", "299 s3cret", Code::CallRefused),
    ] {
        let error = refusal(Manners { answers: vec![(word, answer)], ..Manners::default() }).await;
        assert_eq!(error.code(), code, "{word} {answer}: {error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let port = outflow_testkit::free_port();
    let error = mailer(port, Security::Plain).send(&message()).await.unwrap_err();
    assert_eq!(error.code(), Code::DestinationUnreachable);
}

#[tokio::test]
async fn a_password_never_goes_over_plain_text() {
    let server = MailServer::start(Manners { abilities: vec!["AUTH PLAIN"], ..Manners::default() });
    let login = Some(("me".to_owned(), Secret::new(PASSWORD)));
    let plain = Mailer { login: login.clone(), ..mailer(server.port(), Security::Plain) };
    assert_eq!(plain.send(&message()).await.unwrap_err().code(), Code::ConflictingOptions);
    // A server that does not offer TLS gets nothing, even if the offer was removed on the way.
    let secure = Mailer { login, ..mailer(server.port(), Security::StartTls) };
    assert_eq!(secure.send(&message()).await.unwrap_err().code(), Code::DestinationTlsFailed);
    assert!(server.mails().is_empty());
}

/// A server with TLS for 127.0.0.1, and the file of its authority.
async fn secure(security: Security, manners: Manners) -> (Mailer, Mailbox, tempfile::NamedTempFile) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let mut ca = tempfile::NamedTempFile::new().unwrap();
    ca.write_all(issuer.pem().as_bytes()).unwrap();
    let (acceptor, mailbox) = (TlsAcceptor::from(Arc::new(config)), Mailbox::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let kept = mailbox.clone();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            if security == Security::StartTls {
                let first = Manners { abilities: vec!["STARTTLS"], ..Manners::default() };
                match kept.talk(tcp, &first, true).await {
                    Ok(Some(plain)) => tcp = plain,
                    _ => continue,
                }
            }
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let _ = kept.talk(tls, &manners, security == Security::Implicit).await;
        }
    });
    (Mailer { ca: Some(ca.path().to_owned()), ..mailer(port, security) }, mailbox, ca)
}

#[tokio::test]
async fn over_tls_both_ways_to_log_in_work() {
    for security in [Security::Implicit, Security::StartTls] {
        for way in ["AUTH PLAIN LOGIN", "AUTH LOGIN", "AUTH=LOGIN"] {
            let (mailer, mailbox, _ca) =
                secure(security, Manners { abilities: vec![way], ..Manners::default() }).await;
            let login = Some(("me".to_owned(), Secret::new(PASSWORD)));
            Mailer { login, ..mailer }.send(&message()).await.unwrap();
            let mails = mailbox.mails();
            assert_eq!(mails[0].login, Some(("me".to_owned(), PASSWORD.to_owned())), "{security:?} {way}");
            assert_is_the_message(&mails[0]);
        }
    }
}

#[tokio::test]
async fn a_refused_password_and_an_unknown_certificate_are_told_apart() {
    let manners = Manners { answers: vec![("AUTH", "535 s3cret-pass is wrong")], ..Manners::default() };
    let (mailer, _, _ca) = secure(Security::Implicit, manners).await;
    let login = Some(("me".to_owned(), Secret::new(PASSWORD)));
    let error = Mailer { login, ..mailer.clone() }.send(&message()).await.unwrap_err();
    assert_eq!(error.code(), Code::DestinationAuthFailed);
    assert!(!format!("{error:?}").contains(PASSWORD));
    let error = Mailer { ca: None, ..mailer }.send(&message()).await.unwrap_err();
    assert_eq!(error.code(), Code::DestinationTlsFailed);
}
