//! Master keys as text, and a list of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outflow_core::{Code, Error, Result};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of a key.
pub(crate) const KEY_LEN: usize = 32;

/// A key that encrypts data keys: 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    bytes: [u8; KEY_LEN],
    id: String,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey {}", self.id)
    }
}

impl MasterKey {
    /// A new key.
    ///
    /// # Errors
    /// T004: the operating system gives no random bytes.
    pub fn new() -> Result<Self> {
        Ok(Self::from_bytes(random()?))
    }

    pub(crate) fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        // One cannot go back from the id to 256 random bits.
        let hash = digest(&SHA256, &[b"outflow master key id 1\0".as_slice(), bytes.as_slice()].concat());
        let id = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, id }
    }

    /// What tells it from other keys: 16 hexadecimal digits, made of the key by a hash.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as a line of text: base64.
    pub fn text(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }
}

/// Master keys: the first one is for new secrets, the others can still be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    first: MasterKey,
    others: Vec<MasterKey>,
}

impl Keyring {
    /// Reads keys, one a line: 32 bytes in base64, or 64 hexadecimal digits. Empty lines are left
    /// out.
    ///
    /// # Errors
    /// C030: there is none, or a line is no key. The error shows nothing of the line.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let keys: Result<Vec<MasterKey>> = lines.map(|(n, line)| key(n, line)).collect();
        let mut keys = keys?.into_iter();
        let none = || Error::new(Code::SecretKeyUnavailable, "there is no key for secrets").help(FORM);
        Ok(Self { first: keys.next().ok_or_else(none)?, others: keys.collect() })
    }

    /// The key for new secrets.
    pub fn first(&self) -> &MasterKey {
        &self.first
    }

    /// The key with this id.
    pub fn find(&self, id: &str) -> Option<&MasterKey> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id == id)
    }

    /// The ids of all keys, the first one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first).chain(&self.others).map(MasterKey::id)
    }

    /// All keys as text, a line each.
    pub fn text(&self) -> String {
        std::iter::once(&self.first).chain(&self.others).map(|key| key.text() + "\n").collect()
    }

    /// The same with a new first key.
    pub fn with_first(&self, first: MasterKey) -> Self {
        let others = std::iter::once(&self.first).chain(&self.others).cloned().collect();
        Self { first, others }
    }

    /// The first key alone.
    pub fn only_first(&self) -> Self {
        Self { first: self.first.clone(), others: Vec::new() }
    }
}

/// How a key is written.
pub(crate) const FORM: &str = "a key is 32 random bytes in base64: `openssl rand -base64 32`; the first line is the key for new secrets";

fn key(n: usize, line: &str) -> Result<MasterKey> {
    let bytes = from_hex(line).or_else(|| STANDARD.decode(line).ok());
    let bytes: Option<[u8; KEY_LEN]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(MasterKey::from_bytes).ok_or_else(|| {
        let line = n.saturating_add(1);
        Error::new(Code::SecretKeyUnavailable, format!("line {line} of the key for secrets is no key"))
            .help(FORM)
    })
}

fn from_hex(line: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = line.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_LEN || !rest.is_empty() || !line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Code::StateIo, "the operating system gave no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_both_forms_and_written_in_one() {
        let (old, new) = (MasterKey::from_bytes([7; 32]), MasterKey::from_bytes([8; 32]));
        let ring = Keyring::parse(&format!("\n {} \n{}\r\n\n", new.text(), "07".repeat(32))).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), [new.id(), old.id()]);
        assert_eq!(ring.find(old.id()), Some(&old));
        assert_eq!(Keyring::parse(&ring.text()).unwrap(), ring);
        assert_eq!(ring.only_first().with_first(old.clone()).ids().collect::<Vec<_>>(), [old.id(), new.id()]);
        assert_ne!(MasterKey::new().unwrap(), MasterKey::new().unwrap());
        let shown = format!("{ring:?}");
        assert!(!shown.contains(&old.text()) && shown.contains(old.id()), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        for text in
            ["", "\n \n", "canary", "canary-canary-canary-canary-canary-can", &STANDARD.encode([1; 31])]
        {
            let error = Keyring::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::SecretKeyUnavailable, "{text}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let second = format!("{}\nx", MasterKey::from_bytes([7; 32]).text());
        assert!(Keyring::parse(&second).unwrap_err().message().contains("line 2"));
    }
}
