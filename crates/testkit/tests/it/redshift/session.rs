//! Statements, labels, types, and the extended protocol.

use super::client::Client;
use super::{admin, options, shared};

#[test]
fn the_tag_of_a_select_has_no_count() {
    let answer = admin().query("SELECT 1 AS a UNION ALL SELECT 2");
    assert_eq!(
        (answer.complete(), answer.rows()),
        (vec!["SELECT".to_owned()], vec!["1".to_owned(), "2".to_owned()])
    );
}
