//! Which transactions are open, as far as the account can see: those that may have stamped rows and
//! have not committed them.
//!
//! What always holds: a server that does not answer is no error. Outflow's own sessions are left
//! out: they only read. What it does not do: say which of the open transactions write; one that has
//! read so far may write with an early stamp.

use outflow_core::Timestamp;
use outflow_core::ports::warehouse::{OpenTransactions, Visibility};

use super::kind::ServerKind;

/// The rows of an answer, as texts; `None` is NULL.
type Rows = Vec<Vec<Option<String>>>;

/// Microseconds of the oldest open transaction in this database, of the oldest prepared one, and of
/// what a replica has replayed; the number of sessions whose transaction is hidden from this
/// account; whether it is a replica. Without rights the state of a session is NULL. A vacuum stamps
/// no row. A replica that has replayed nothing yet is at its last checkpoint.
const POSTGRES: &str = "SELECT \
     (EXTRACT(epoch FROM min(xact_start) FILTER (WHERE NOT is_own)) * 1000000)::bigint, \
     (SELECT (EXTRACT(epoch FROM min(prepared)) * 1000000)::bigint \
      FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()), \
     CASE WHEN pg_is_in_recovery() THEN (EXTRACT(epoch FROM coalesce(pg_last_xact_replay_timestamp(), \
      (SELECT checkpoint_time FROM pg_catalog.pg_control_checkpoint()))) * 1000000)::bigint END, \
     count(*) FILTER (WHERE state IS NULL AND usesysid IS NOT NULL), \
     pg_is_in_recovery() \
     FROM (SELECT xact_start, state, usesysid, \
      usename = current_user AND application_name LIKE 'outflow%' AS is_own \
      FROM pg_catalog.pg_stat_activity WHERE datname = current_database() \
      AND pid <> pg_backend_pid() AND backend_type IS DISTINCT FROM 'autovacuum worker') AS others";

/// Redshift lists transactions that hold locks, with times in UTC ("SVV_TRANSACTIONS" of the
/// Developer Guide). An account without `SYSLOG ACCESS UNRESTRICTED`
/// sees its own alone; of these, Outflow's only read.
const REDSHIFT: &str = "SELECT MIN(txn_start) FROM svv_transactions \
     WHERE txn_db = current_database() AND pid <> pg_backend_pid() AND (txn_owner <> current_user \
     OR (lockable_object_type = 'relation' AND lock_mode <> 'AccessShareLock'))";

/// Whether the account sees the transactions of all others.
const REDSHIFT_SEES_ALL: &str = "SELECT usesuper OR syslogaccess = 'UNRESTRICTED' FROM svl_user_info \
     WHERE usename = current_user";

/// Whether the account may see when the transactions of all others began.
const POSTGRES_SEES_ALL: &str = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";

/// What to ask for the open transactions.
pub(super) const fn question(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => POSTGRES,
        ServerKind::Redshift => REDSHIFT,
    }
}

/// What to ask for whether the account can see those of all others.
pub(super) const fn sees_all_question(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => POSTGRES_SEES_ALL,
        ServerKind::Redshift => REDSHIFT_SEES_ALL,
    }
}

/// What the answer says. `None`: the server does not answer, or not this account.
pub(super) fn answer(kind: ServerKind, rows: Option<&Rows>, sees_all: bool) -> OpenTransactions {
    let Some(rows) = rows else { return OpenTransactions::default() };
    match kind {
        ServerKind::Postgres => postgres(rows),
        ServerKind::Redshift => {
            let seen = if sees_all { Visibility::All } else { Visibility::Some };
            let text = rows.first().and_then(|row| row.first()?.as_deref());
            let oldest = text.and_then(|text| format!("{text}Z").parse().ok());
            OpenTransactions { oldest, seen, ..OpenTransactions::default() }
        }
    }
}

fn postgres(rows: &Rows) -> OpenTransactions {
    let field = |at: usize| rows.first()?.get(at)?.as_deref();
    let time = |at: usize| Timestamp::from_microsecond(field(at)?.parse().ok()?).ok();
    if field(4) == Some("t") {
        // The transactions of its primary are not known here.
        return OpenTransactions { replayed: time(2), ..OpenTransactions::default() };
    }
    let seen = if field(3) == Some("0") { Visibility::All } else { Visibility::Some };
    OpenTransactions { oldest: time(0), prepared: time(1), replayed: None, seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: [Option<&str>; 5]) -> Rows {
        vec![fields.map(|field| field.map(str::to_owned)).to_vec()]
    }

    #[test]
    fn what_postgres_answers_is_understood() {
        let open = postgres(&answer([Some("1700000000123456"), None, None, Some("0"), Some("f")]));
        assert_eq!(open.oldest.unwrap().as_microsecond(), 1_700_000_000_123_456);
        assert_eq!((open.prepared, open.replayed, open.seen), (None, None, Visibility::All));
        let hidden = postgres(&answer([None, Some("5"), None, Some("2"), Some("f")]));
        assert_eq!(hidden.prepared.unwrap().as_microsecond(), 5);
        assert_eq!((hidden.oldest, hidden.seen), (None, Visibility::Some));
        let replica = postgres(&answer([Some("9"), None, Some("7"), Some("0"), Some("t")]));
        assert_eq!((replica.oldest, replica.seen), (None, Visibility::None), "its sessions do not write");
        assert_eq!(replica.replayed.unwrap().as_microsecond(), 7);
        assert_eq!(postgres(&Rows::new()).seen, Visibility::Some);
    }
}
