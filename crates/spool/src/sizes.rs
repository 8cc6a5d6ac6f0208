//! How large blocks and segments are.

/// When one thing ends and the next begins. Tests make much of little data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The most bytes of entries in a block, unless one entry alone is larger.
    pub(crate) block: usize,
    /// A segment with this many bytes of entries is closed: what a damaged file costs stays small.
    pub(crate) segment: u64,
}

impl Sizes {
    /// Those of `docs/formats/segment.md`.
    pub(crate) const USUAL: Self = Self { block: 512 << 10, segment: 32 << 20 };
}
