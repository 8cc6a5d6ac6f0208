//! Start-up, authentication, TLS.

use outflow_testkit::Redshift;
use outflow_testkit::redshift::Auth;

use super::client::{Client, Fields};
use super::{admin, options, shared};

together! {
    startup:
    parameter_status,
    client_encoding,
    start_up_settings,
    ways_to_log_in,
    wrong_password,
    unknown_database,
    users_that_sql_makes_can_log_in,
    a_user_has_its_own_rights_only,
    protocol_version,
    tls_is_offered,
    tls_is_required,
    temporary_credentials_need_tls,
    start_ups_are_remembered,
    newer_protocols_are_refused,
}

fn login(user: &str, password: &str, extra: &[(&str, &str)]) -> Result<Client, Fields> {
    Client::login(shared(), user, password, "dev", extra)
}

/// Severity, SQLSTATE, message.
fn refusal(outcome: Result<Client, Fields>) -> (String, String, String) {
    let error = outcome.err().expect("a refusal");
    (error[&b'S'].clone(), error[&b'C'].clone(), error[&b'M'].clone())
}

fn parameter_status() {
    let client = admin();
    for (name, value) in [
        ("server_version", "8.0.2"),
        ("padb_version", "1.0.117891"),
        ("server_encoding", "UNICODE"),
        ("client_encoding", "UNICODE"),
        ("integer_datetimes", "on"),
        ("is_superuser", "on"),
        ("session_authorization", "awsuser"),
        ("max_varchar_size", "65535"),
        ("TimeZone", "UTC"),
    ] {
        assert_eq!(client.status(name), Some(value), "{name}");
    }
    assert_eq!(
        client.status("session_id").unwrap().split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert_eq!(client.status("standard_conforming_strings"), None);
    assert_eq!(client.status("server_protocol_version"), None);
}

fn client_encoding() {
    let utf8 = Client::admin(shared(), "dev", &[("client_encoding", "UTF8")]);
    assert_eq!(utf8.status("client_encoding"), Some("UTF8"));
}

fn start_up_settings() {
    let fatal = |code: &str, message: &str| ("FATAL".into(), code.into(), message.into());
    let admin = |extra: &[(&str, &str)]| login(shared().user(), shared().password(), extra);
    assert_eq!(
        refusal(admin(&[("extra_float_digits", "3")])),
        fatal("22023", "3 is outside the valid range for parameter \"extra_float_digits\" (-15 .. 2)")
    );
    assert!(admin(&[("extra_float_digits", "2"), ("DateStyle", "ISO"), ("_pq_.compression", "lz4")]).is_ok());
    assert_eq!(
        refusal(admin(&[("lc_monetary", "C")])),
        fatal("42501", "permission denied to set parameter \"lc_monetary\"")
    );
    assert_eq!(
        refusal(admin(&[("jit", "off")])),
        fatal("42704", "unrecognized configuration parameter \"jit\"")
    );
}

fn ways_to_log_in() {
    for (user, code) in [("clear", 3), ("md5", 5), ("digest", 13)] {
        let mut client = login(user, "Secret-1", &[]).unwrap();
        assert_eq!(client.asked, [code, 0]);
        assert_eq!(client.one("SELECT current_user"), user);
    }
}

fn wrong_password() {
    for user in ["clear", "md5", "digest", "nobody"] {
        let message = format!("password authentication failed for user \"{user}\"");
        assert_eq!(refusal(login(user, "wrong", &[])), ("FATAL".into(), "28000".into(), message));
    }
}

fn unknown_database() {
    let outcome = Client::login(shared(), shared().user(), shared().password(), "nowhere", &[]);
    let message = "database \"nowhere\" does not exist";
    assert_eq!(refusal(outcome), ("FATAL".into(), "3D000".into(), message.into()));
}

fn users_that_sql_makes_can_log_in() {
    let mut admin = admin();
    admin.rows("DROP USER IF EXISTS made");
    admin.rows("CREATE USER made PASSWORD 'Secret-2' NOCREATEUSER");
    let client = login("made", "Secret-2", &[]).unwrap();
    assert_eq!((client.asked.as_slice(), client.status("is_superuser")), (&[5, 0][..], Some("off")));
}

fn a_user_has_its_own_rights_only() {
    let mut client = login("clear", "Secret-1", &[]).unwrap();
    admin().rows("CREATE TABLE IF NOT EXISTS secret (a int)");
    assert_eq!(
        client.refused("SELECT * FROM secret"),
        ("42501".into(), "permission denied for relation secret".into())
    );
    for sql in [
        "RESET SESSION AUTHORIZATION",
        "SET SESSION AUTHORIZATION awsuser",
        "SET session_authorization TO awsuser",
    ] {
        assert_eq!(client.refused(sql).0, "42501", "{sql}");
    }
    assert_eq!(client.refused("SELECT set_config('session_authorization', 'awsuser', false)").0, "42501");
    assert_eq!(client.one("SELECT current_user"), "clear");
}

fn protocol_version() {
    for (asked, answered) in [("1", "1"), ("2", "2"), ("9", "3")] {
        let client =
            Client::admin(shared(), "dev", &[("client_protocol_version", asked), ("driver_version", "x")]);
        assert_eq!(client.status("server_protocol_version"), Some(answered));
    }
}

/// A certificate for 127.0.0.1, and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

const SSL_REQUEST: [u8; 4] = [4, 210, 22, 47];

fn tls_is_offered() {
    let mut plain = Client::connect(shared().port());
    plain.packet(&SSL_REQUEST);
    assert_eq!(plain.bytes(1).unwrap(), b"N");

    let (certificate, key) = certificate();
    let redshift = options().with_tls(&certificate, &key).start();
    let mut client = Client::connect_tls(redshift.port(), &certificate);
    client.log_in("clear", "Secret-1", "dev", &[]).unwrap();
    assert_eq!(client.one("SELECT 1"), "1");
    assert!(Client::login(&redshift, "clear", "Secret-1", "dev", &[]).is_ok(), "without TLS, too");
    assert_eq!(redshift.startups().iter().map(|startup| startup.tls).collect::<Vec<_>>(), [true, false]);
}

fn tls_is_required() {
    let (certificate, key) = certificate();
    let redshift = options()
        .with_user("IAM:temporary", "Secret-1", Auth::Cleartext)
        .require_ssl(&certificate, &key)
        .start();
    let (severity, code, message) = refusal(Client::login(&redshift, "clear", "Secret-1", "dev", &[]));
    assert_eq!((severity.as_str(), code.as_str()), ("FATAL", "28000"));
    assert!(
        message.starts_with("no pg_hba.conf entry for host") && message.ends_with("SSL off"),
        "{message}"
    );
    let mut client = Client::connect_tls(redshift.port(), &certificate);
    client.log_in("IAM:temporary", "Secret-1", "dev", &[]).unwrap();
    assert_eq!(client.one("SELECT current_user"), "IAM:temporary");
}

fn temporary_credentials_need_tls() {
    let redshift = options().with_user("IAM:temporary", "Secret-1", Auth::Cleartext).start();
    let outcome = Client::login(&redshift, "IAM:temporary", "Secret-1", "dev", &[]);
    assert_eq!(refusal(outcome).2, "password authentication failed for user \"IAM:temporary\"");
}

fn start_ups_are_remembered() {
    let redshift: Redshift = options().start();
    Client::admin(&redshift, "dev", &[("application_name", "outflow")]);
    let startups = redshift.startups();
    assert_eq!(startups.len(), 1);
    assert_eq!(
        (startups[0].get("user"), startups[0].get("application_name")),
        (Some("awsuser"), Some("outflow"))
    );
    assert!(!startups[0].tls);
}

fn newer_protocols_are_refused() {
    let mut client = Client::connect(shared().port());
    client.packet(&[0, 3, 0, 2, 0]);
    let (tag, body) = client.next().unwrap();
    assert_eq!(tag, b'E');
    assert!(String::from_utf8_lossy(&body).contains("unsupported frontend protocol 3.2"));
    assert!(client.next().is_err(), "the end");
}
