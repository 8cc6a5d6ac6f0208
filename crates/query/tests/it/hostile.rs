//! The hostile corpus against the text check alone, and texts that it must let pass.

use outflow_core::{Code, Dialect};
use outflow_query::Query;
use outflow_testkit::hostile::{self, spellings};

/// Whether the text check refuses a statement, and as what it is.
fn is_refused(sql: &str, dialect: Dialect) -> bool {
    match Query::parse(sql, dialect) {
        Ok(_) => false,
        Err(errors) => {
            let codes = [Code::QueryNotReadOnly, Code::MultipleStatements, Code::UnterminatedQuery];
            assert!(errors.iter().any(|e| codes.contains(&e.code())), "{sql}: {errors:?}");
            true
        }
    }
}

#[test]
fn every_spelling_of_every_call_that_acts_is_refused() {
    for dialect in [Dialect::Postgres, Dialect::Redshift] {
        let passed: Vec<String> =
            spellings::spelled().map(|s| s.sql).filter(|sql| !is_refused(sql, dialect)).collect();
        assert!(
            passed.is_empty(),
            "{dialect:?}: {} pass, such as {:#?}",
            passed.len(),
            &passed[..20.min(passed.len())]
        );
    }
}

#[test]
fn what_acts_in_a_read_only_transaction_is_refused_by_the_text() {
    for attempt in hostile::statements().filter(|attempt| attempt.acts_read_only) {
        assert!(is_refused(attempt.sql, Dialect::Postgres), "{}", attempt.sql);
    }
}
