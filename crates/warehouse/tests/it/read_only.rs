//! The wall behind the text check: one statement per message, in a read-only transaction, though
//! the user may write.

use outflow_testkit::{Postgres, hostile};
use outflow_warehouse::{Login, ServerSettings};

use crate::{error, server, settings};

#[tokio::test]
async fn what_gets_past_the_text_check_changes_nothing_and_has_a_code() {
    let postgres = Postgres::shared();
    let database = hostile::target(postgres, "read_only");
    let before = hostile::fingerprint(&database);
    let writer = server(ServerSettings {
        database: "read_only".into(),
        login: Login::password(hostile::WRITER, Postgres::USER_PASSWORD),
        ..settings(postgres)
    });
    let mut harmless = Vec::new();
    for attempt in hostile::statements().filter(|attempt| !attempt.acts_read_only) {
        match crate::read(&writer, crate::select(attempt.sql)).await {
            Ok(_) => harmless.push(attempt.sql),
            Err(error) => assert!(!error.code().is_warning(), "{}: {error}", attempt.sql),
        }
        assert_eq!(hostile::fingerprint(&database), before, "{}", attempt.sql);
    }
    // Not writes: the text check refuses them because they are no SELECT.
    assert_eq!(harmless, ["SHOW ALL", "VALUES (1)", "TABLE people"]);
    // The target is one that can be changed: outside of our session the same user does it.
    database.sql("SET ROLE writer; SELECT grow()");
    assert_ne!(hostile::fingerprint(&database), before);
    assert_eq!(error(&writer, "SELECT nope").await.code(), outflow_core::Code::UnknownTableOrColumn);
}
