//! How long a session lasts.

use outflow_core::Timestamp;
use outflow_core::ports::state::SessionRecord;

/// A session that is not used for this long has ended: 12 hours.
pub(crate) const IDLE_S: i64 = 12 * 3600;

/// A session ends so long after the sign-in, however much it is used: 7 days.
pub(crate) const LONGEST_S: i64 = 7 * 24 * 3600;

/// Whether the session has ended. A clock that was set back makes none longer than it was meant to
/// be.
pub(crate) fn has_ended(session: &SessionRecord, now: Timestamp) -> bool {
    let since = |at: Timestamp| now.duration_since(at).as_secs();
    now >= session.expires_at || since(session.used_at) >= IDLE_S || since(session.created_at) < -USED_AHEAD_S
}

/// A sign-in that lies further ahead than this was made with another clock.
const USED_AHEAD_S: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_unused_at_its_end_and_with_a_clock_that_was_set_back() {
        let at = |s: i64| Timestamp::from_second(1_800_000_000 + s).unwrap();
        let session = |used: i64| SessionRecord {
            hash: [1; 32],
            user: "ada".to_owned(),
            created_at: at(0),
            used_at: at(used),
            expires_at: at(LONGEST_S),
            address: None,
            agent: None,
        };
        for (used, now, expected) in [
            (0, 0, false),
            (0, IDLE_S - 1, false),
            (0, IDLE_S, true),
            (IDLE_S, IDLE_S + 60, false),
            (LONGEST_S - 1, LONGEST_S - 1, false),
            (LONGEST_S - 1, LONGEST_S, true),
            (0, -USED_AHEAD_S, false),
            (0, -USED_AHEAD_S - 1, true),
        ] {
            assert_eq!(has_ended(&session(used), at(now)), expected, "used {used}, now {now}");
        }
    }
}
