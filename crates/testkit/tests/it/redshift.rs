//! The Redshift simulator, spoken to over the wire by hand.

/// One test out of many, so that they share one server: each test is a process of its own. What
/// runs last before a failure is the one that failed; one that is left out is reported as dead
/// code.
macro_rules! together {
    ($module:ident: $($name:ident,)*) => {
        #[test]
        fn $module() {
            $(
                eprintln!("{}", stringify!($name));
                $name();
            )*
        }

        pub const NAMES: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($name))),*];
    };
}

mod client;
mod session;
mod sql;
mod startup;
mod trouble;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use outflow_testkit::Redshift;
use outflow_testkit::redshift::{Auth, BEHAVIOURS, Options};

use client::Client;

/// One PostgreSQL for all tests of this process, and a simulator in front of it.
fn options() -> Options {
    Redshift::options()
        .over(outflow_testkit::Postgres::shared())
        .with_user("clear", "Secret-1", Auth::Cleartext)
        .with_user("digest", "Secret-1", Auth::Sha256Digest)
        .with_user("md5", "Secret-1", Auth::Md5)
}

fn shared() -> &'static Redshift {
    static SHARED: OnceLock<Redshift> = OnceLock::new();
    SHARED.get_or_init(|| options().start())
}

/// The administrator's session in the database `dev`.
fn admin() -> Client {
    Client::admin(shared(), "dev", &[])
}

/// Tests of the simulator itself, which say nothing about Redshift.
const OF_THE_KIT: &[&str] = &[
    "startup::start_ups_are_remembered",
    "session::statements_are_remembered",
    "trouble::a_lasting_failure",
    "trouble::slow_and_cut",
];

#[test]
fn every_behaviour_has_a_test_and_every_test_a_behaviour() {
    let tests: BTreeSet<&str> =
        [startup::NAMES, session::NAMES, sql::NAMES, trouble::NAMES].into_iter().flatten().copied().collect();
    let named: BTreeSet<&str> =
        BEHAVIOURS.iter().map(|behaviour| behaviour.test).chain(OF_THE_KIT.iter().copied()).collect();
    assert_eq!(named, tests);
    let names: BTreeSet<&str> = BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect();
    assert_eq!(names.len(), BEHAVIOURS.len(), "a name stands for one behaviour");
}
