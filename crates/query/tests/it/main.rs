//! The behaviour of queries, by subject.

mod characters;
mod deciding;
mod hostile;
mod lint;
mod names;
mod parsing;
mod properties;
mod slips;
mod templates;
mod variables;

use outflow_core::{Code, Dialect, Error};
use outflow_query::Query;

const DIALECTS: [Dialect; 3] = [Dialect::Redshift, Dialect::Postgres, Dialect::Sqlite];

/// The six examples of the reference product's page, word for word.
const EXAMPLES: [&str; 6] = [
    "SELECT id AS userId, email_address AS email, fname, lname, msisdn AS phone\nFROM users\nWHERE last_updated >= {{last_sync_time}}",
    "SELECT id AS userId, event_name AS event, products, total_price AS value\nFROM events\nWHERE timestamp > {{last_sync_time}}",
    "SELECT companyId AS groupId, objectTypeId, companyname, employees, personId AS userId\nFROM companies\nWHERE last_updated >= {{last_sync_time}}",
    "SELECT id AS userId, metatitle as name, url, time_on_page\nFROM pages\nWHERE timestamp > {{last_sync_time}}",
    "SELECT id AS userId, screen_name as name, session_started\nFROM screens\nWHERE timestamp > {{last_sync_time}}",
    "SELECT id AS userId, old_id as previousId\nFROM user_resolution\nWHERE timestamp >= {{last_sync_time}}",
];

fn parse(text: &str, dialect: Dialect) -> Query {
    Query::parse(text, dialect).unwrap_or_else(|e| panic!("{dialect:?}: {text}: {e:?}"))
}

fn errors(text: &str, dialect: Dialect) -> Vec<Error> {
    Query::parse(text, dialect).err().unwrap_or_default()
}

fn codes(text: &str, dialect: Dialect) -> Vec<Code> {
    errors(text, dialect).iter().map(Error::code).collect()
}
