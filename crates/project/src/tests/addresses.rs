//! Hosts, URLs and secrets as people paste them.

use std::collections::HashMap;

use outflow_core::{Code, Error};
use outflow_warehouse::{DatabaseSettings, Login, TlsMode};

use super::super::Project;
use super::{folder, load_text, origin, problems, told};

/// A project whose one database has these settings.
fn project(kind: &str, settings: &str) -> String {
    format!("version: 1\nsources:\n  w:\n    type: {kind}\n    databases:\n      main: {{ {settings} }}\n")
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Project, Vec<Error>> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let dir = folder(&[("outflow.yaml", text)]);
    Project::load_with(&origin(dir.path()), &|name| variables.get(name).map(|v| (*v).to_owned()))
}

/// The certificate of an authority.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIURfONV7cB9CIT2iOZfA/whPkXRyMwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHQ29tcGFueTAgFw0yNjExMjcxNDQ2NDhaGA8yMTI2MTEwMzE0
NDY0OFowEjEQMA4GA1UEAwwHQ29tcGFueTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABFHbAX1wweO/5iRKT47CC5PwdpT5F0dJHgBrKArYyWTA/oJ2mm912IPhfIRk
Xvuqu1vDhFAllpnM8Yh3HMf9yPKjUzBRMB0GA1UdDgQWBBTUcPVwg0+8bMp649A6
kpzHOriVTjAfBgNVHSMEGDAWgBTUcPVwg0+8bMp649A6kpzHOriVTjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCJkOvjqNQNCVid0zIMPSa+2kdu
xS4IrpYb1Hva/r9OowIgNmJSu4U0hFxhXkKvejg29olB5/exexI+d5sBvlyD1vc=
-----END CERTIFICATE-----
";

const REST: &str = "database: dev, user: reader, password: \"${env:REDSHIFT_PASSWORD}\"";

#[test]
fn a_host_that_holds_more_is_refused_with_its_line_and_its_parts() {
    const AWS: &str = "c.abc123.eu-central-1.redshift.amazonaws.com";
    for host in [format!("{AWS}:5439/dev"), format!("jdbc:redshift://{AWS}:5439/dev")] {
        let errors = load_text(&project("redshift", &format!("host: \"{host}\", {REST}"))).unwrap_err();
        assert_eq!(told(&errors), ["C005 outflow.yaml:6:21"], "{host}");
        let help = errors[0].help_text().unwrap();
        assert!(help.contains(&format!("`host: {AWS}`, `port: 5439`, `database: dev`")), "{help}");
    }
    let socket = project("postgres", "host: /run/postgresql, database: dev, user: u");
    assert_eq!(problems(&socket), ["C005 outflow.yaml:6:21"]);
    let loaded = load_text(&project("redshift", &format!("host: \"[::1]\", {REST}"))).unwrap();
    assert_eq!(loaded.databases[0].settings.address(), "::1:5439/dev");
    // White space at an end is reported where a person can see it.
    assert_eq!(
        problems(&project("redshift", &format!("host: \" ::1\\n\", {REST}"))),
        ["C005 outflow.yaml:6:21"]
    );
}

#[test]
fn a_url_is_taken_apart() {
    let url = "jdbc:redshift://c.example:5440/dev?user=me&password=s3cret&sslmode=require";
    let text = project("redshift", "url: \"${env:URL}\"");
    let loaded = load(&text, &[("URL", url)]).unwrap();
    let DatabaseSettings::Server(server) = &loaded.databases[0].settings else { panic!() };
    assert_eq!((&*server.host, server.port, &*server.database), ("c.example", 5440, "dev"));
    assert_eq!(server.tls.mode, TlsMode::Require);
    let Login::Password { user, password } = &server.login else { panic!() };
    assert_eq!((&**user, password.expose()), ("me", "s3cret"));

    for (url, settings, want) in [
        ("mysql://me:s3cret@h/db", "url: \"${env:URL}\"", "C005 outflow.yaml:6:20"),
        ("postgres://me:s3cret@h/db", "url: \"${env:URL}\", host: h", "C012 outflow.yaml:6:40"),
        ("postgres://me:s3cret@h", "url: \"${env:URL}\"", "C006 outflow.yaml:6:13"),
    ] {
        let errors = load(&project("redshift", settings), &[("URL", url)]).unwrap_err();
        assert_eq!(told(&errors), [want], "{url}");
        assert!(!format!("{errors:?} {:?}", errors[0].help_text()).contains("s3cret"));
    }
    let literal = project("postgres", "url: \"postgres://me:s3cret@h/db\"");
    assert_eq!(problems(&literal), ["C009 outflow.yaml:6:20"]);
    let referenced = project("postgres", "url: \"postgres://me:${env:REDSHIFT_PASSWORD}@h/db\"");
    assert!(load_text(&referenced).is_ok());
    assert_eq!(
        problems(&project("postgres", "user: u")),
        ["C006 outflow.yaml:6:13", "C006 outflow.yaml:6:13"]
    );
}

#[test]
fn a_url_whose_variable_is_not_set_is_no_problem_where_no_secret_is_needed() {
    let text = project("redshift", "url: \"${env:NOT_SET_ANYWHERE}\"");
    let dir = folder(&[("outflow.yaml", &text)]);
    assert!(Project::load_partly(&origin(dir.path())).is_ok());
}

#[test]
fn odd_ends_of_secrets_are_told_and_never_shown() {
    let text = "version: 1
sources:
  w: { type: postgres, databases: { main: { host: \"${env:HOST}\", database: d, user: u, password: \"${env:PW}\" } } }
destinations:
  cio: { type: customerio-pipelines, write_key: \"${env:KEY}\" }
  hook: { type: webhook, url: \"http://h.example\", headers: { Authorization: \"Bearer ${env:TOKEN}\" } }
  file: { type: segment, write_key: \"${file:key.txt} \" }
";
    let load = |variables: &[(&str, &str)]| {
        let variables: HashMap<_, _> = [("HOST", "h\n"), ("PW", "p"), ("KEY", "k"), ("TOKEN", "t")]
            .into_iter()
            .chain(variables.iter().copied())
            .collect();
        let dir = folder(&[("outflow.yaml", text), ("key.txt", "s3cret\n")]);
        Project::load_with(&origin(dir.path()), &|name| variables.get(name).map(|v| (*v).to_owned()))
    };
    let fine = load(&[]).unwrap();
    assert_eq!(told(&fine.warnings), ["D104 outflow.yaml:7:37"], "the blank behind the reference");

    let blanks = load(&[("PW", " s3cret"), ("KEY", "\"s3cret\""), ("TOKEN", "s3cret\u{a0}")]).unwrap();
    let lines = [
        "D104 outflow.yaml:3:98",
        "D104 outflow.yaml:5:49",
        "D104 outflow.yaml:6:77",
        "D104 outflow.yaml:7:37",
    ];
    assert_eq!(told(&blanks.warnings), lines);
    assert!(!format!("{:?}", blanks.warnings).contains("s3cret"));
    assert!(blanks.warnings[1].message().starts_with("${env:KEY} begins with a quotation mark"));

    let errors = load(&[("PW", "s3cret\n"), ("KEY", "s3cret\u{200b}")]).map(drop).unwrap_err();
    assert!(errors.iter().any(|e| e.code() == Code::SecretWithBlanks), "all is reported at once");
    let wrong: Vec<_> = errors.iter().filter(|e| e.code() == Code::SecretWithControlCharacter).collect();
    assert_eq!(wrong.len(), 2, "{errors:?}");
    assert!(wrong[0].message().starts_with("${env:PW} ends with a line break"), "{:?}", wrong[0]);
    assert!(!format!("{errors:?}").contains("s3cret"));
}

#[test]
fn a_ca_of_a_destination_begins_at_the_file_that_names_it() {
    let text = "version: 1\ndestinations:\n  hook: { type: webhook, url: \"https://h.example\", ca: certs/ca.pem }\n";
    let errors = load_text(text).unwrap_err();
    assert_eq!(told(&errors), ["C005 outflow.yaml:3:52"]);
    let dir = folder(&[("outflow.yaml", text), ("certs/ca.pem", AUTHORITY)]);
    let config = Project::load_with(&origin(dir.path()), &|_| None).unwrap().destinations.remove(0);
    let path = dir.path().join("certs/ca.pem").display().to_string();
    assert_eq!(config.settings["ca"], serde_json::Value::from(path));
}
