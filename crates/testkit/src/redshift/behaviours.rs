//! What the simulator knows about Redshift.

/// What a behaviour rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Documented by AWS, or read in the source of one of its drivers.
    Documented,
    /// Seen by others: issues, logs, captures.
    Observed,
    /// Inferred by us; to be tested against a cluster before relying on it.
    Inferred,
}

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Its name: that of the test that holds it.
    pub name: &'static str,
    /// What Redshift does.
    pub what: &'static str,
    /// How sure that is.
    pub basis: Basis,
    /// Where it is known from.
    pub source: &'static str,
}

/// All of them.
pub const BEHAVIOURS: &[Behaviour] = &[];
