//! The Redshift simulator, spoken to over the wire by hand. The tests have the names of the behaviours that they hold.

mod client;
mod session;
mod startup;

use std::sync::OnceLock;

use outflow_testkit::Redshift;
use outflow_testkit::redshift::{Auth, Options};

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
