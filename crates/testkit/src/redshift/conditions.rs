//! The states that a cluster can be in.

use std::time::Duration;

use super::failures::Failure;

/// What the cluster is like. It is in force for new connections and statements;
/// [`Condition::Paused`] and [`Condition::Restarting`] end open sessions, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Normal operation.
    #[default]
    Normal,
    /// A paused cluster: connections get no answer at all.
    Paused,
    /// A serverless workgroup whose session was restored: the first statement from now on is
    /// cancelled (57014, routine `NFTSetupSessionStateOnRestore`); after that all is
    /// [normal](Condition::Normal).
    Waking,
    /// A serverless workgroup whose compute resumes: the handshake hangs until that much time has
    /// passed since this was set.
    WakingSlow(Duration),
    /// Open sessions end with 57P01 and new connections are closed at once.
    Restarting,
    /// Each message of the server is delayed by that much.
    Slow(Duration),
    /// Connections are closed once this many bytes came from the server.
    CutAt(u64),
    /// Every login or query fails with that [`Failure`].
    Fail(Failure),
}

impl Condition {
    /// Whether open sessions end.
    pub(super) fn ends_sessions(self) -> bool {
        matches!(self, Condition::Paused | Condition::Restarting)
    }
}
