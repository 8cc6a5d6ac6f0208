//! The hashes in files and ids: XXH3. Changing one changes the file format.

use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

/// The ordering key of an identifier. `kind` keeps user "5" and group "5" apart: `b'p'` for a
/// person, `b'g'` for a group. Never 0.
pub fn key(kind: u8, id: &[u8]) -> u64 {
    xxh3_64_with_seed(id, u64::from(kind)).max(1)
}

/// The identity of a call's content: two calls with the same content are the same call.
pub fn content(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// A checksum for blocks and footers on disk.
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// A hash of `key` and `n`, for message ids.
pub fn seeded(key: u128, n: u64) -> u128 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&key.to_be_bytes());
    bytes[16..].copy_from_slice(&n.to_be_bytes());
    xxh3_128(&bytes)
}

/// One hash of two.
pub fn joined(a: u128, b: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_be_bytes());
    bytes[16..].copy_from_slice(&b.to_be_bytes());
    xxh3_128(&bytes)
}

/// The hash of a value at the place that `place` stands for.
pub fn placed(place: u64, bytes: &[u8]) -> u128 {
    xxh3_128_with_seed(bytes, place)
}

/// 128 bits from the operating system.
///
/// # Errors
/// When the operating system provides no randomness.
pub fn random() -> crate::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        crate::Error::new(crate::Code::StateIo, "the operating system gave no random bytes").caused_by(e)
    })?;
    Ok(u128::from_be_bytes(bytes))
}

/// For tables of keys that are hashes already, such as ordering keys: a key's value is its hash.
pub type KeyHasher = BuildHasherDefault<IdentityHasher>;

/// The hasher of [`KeyHasher`].
#[derive(Default)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
