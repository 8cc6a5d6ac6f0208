//! Secrets that Outflow makes: API tokens, sessions, known browsers, the set-up token.
//!
//! What always holds: a secret is a prefix, 256 random bits and a checksum, all of letters and
//! digits, so that programs which look for leaked secrets find it and can tell it from chance. Only
//! its SHA-256 is kept. With 256 random bits a fast hash cannot be turned around, and how
//! long a look-up by the hash takes says nothing about the secret.

use outflow_core::ports::state::SecretHash;
use outflow_core::{Error, Secret, hash};
use sha2::{Digest as _, Sha256};

/// Digits of base 62, in the order of ASCII.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// This many of them hold 256 bits.
const RANDOM: usize = 43;
/// This many of them hold the checksum, of 32 bits.
const CHECK: usize = 6;

/// What a secret is for. Each kind has a prefix of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An API token.
    Token,
    /// The session of somebody who has signed in.
    Session,
    /// A browser from which somebody has signed in.
    Browser,
    /// What makes the first administrator.
    SetUp,
    /// A browser that has begun to sign in with a provider.
    SignIn,
    /// A link that signs somebody in once.
    Link,
}

impl Kind {
    /// What such a secret begins with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Token => "ofl_",
            Self::Session => "ofls_",
            Self::Browser => "oflb_",
            Self::SetUp => "oflsetup_",
            Self::SignIn => "oflp_",
            Self::Link => "oflink_",
        }
    }
}

/// A new secret of this kind, with what is kept of it.
///
/// # Errors
/// The operating system gives no random bytes.
pub(crate) fn make(kind: Kind) -> Result<(Secret, SecretHash), Error> {
    let mut text = kind.prefix().to_owned();
    text.push_str(&random_text()?);
    let check = base62(&crc32(text.as_bytes()).to_be_bytes(), CHECK);
    text.push_str(&check);
    let kept = kept(&text);
    Ok((Secret::new(text), kept))
}

/// 256 random bits as letters and digits.
///
/// # Errors
/// The operating system gives no random bytes.
pub(crate) fn random_text() -> Result<String, Error> {
    let mut random = [0_u8; 32];
    random[..16].copy_from_slice(&hash::random()?.to_be_bytes());
    random[16..].copy_from_slice(&hash::random()?.to_be_bytes());
    Ok(base62(&random, RANDOM))
}

/// What is kept of a secret.
pub(crate) fn kept(text: &str) -> SecretHash {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether the text has the form of this kind, checksum included.
pub(crate) fn is_formed(kind: Kind, text: &str) -> bool {
    let body = text.strip_prefix(kind.prefix()).unwrap_or_default();
    let is_plain = body.len() == RANDOM + CHECK && body.bytes().all(|b| DIGITS.contains(&b));
    is_plain && {
        let (signed, check) = text.split_at(text.len().saturating_sub(CHECK));
        base62(&crc32(signed.as_bytes()).to_be_bytes(), CHECK) == check
    }
}

/// A short name of random letters and digits, such as `tok_4fQ9…`. Not secret.
///
/// # Errors
/// The operating system gives no random bytes.
pub(crate) fn name(prefix: &str) -> Result<String, Error> {
    let random = hash::random()?.to_be_bytes();
    Ok(format!("{prefix}{}", base62(&random[..8], 11)))
}

/// What people name a session by: the beginning of its hash.
pub(crate) fn shown(hash: &SecretHash) -> String {
    format!("ses_{}", base62(&hash[..8], 11))
}

/// A password of 119 random bits.
///
/// # Errors
/// The operating system gives no random bytes.
pub(crate) fn random_password() -> Result<String, Error> {
    Ok(base62(&hash::random()?.to_be_bytes(), 22).split_off(2))
}

/// A number in base 62 with leading zeros.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = vec![b'0'; digits];
    for place in text.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in &mut number {
            let value = (rest << 8) | u16::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *place = DIGITS[usize::from(rest)];
    }
    text.into_iter().map(char::from).collect()
}

/// The CRC-32 of IEEE 802.3, as in zip files.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_and_the_digits_are_the_known_ones() {
        // The check value of CRC-32 in every catalogue of CRCs.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(base62(&[0; 32], 3), "000");
        assert_eq!(base62(&u32::MAX.to_be_bytes(), CHECK), "4gfFC3");
        let largest = base62(&[255; 32], RANDOM);
        assert!(base62(&[255; 32], RANDOM + 1).starts_with('0'), "{largest}: 43 digits hold 256 bits");
        assert!(!largest.starts_with('0'), "and 42 do not");
    }

    #[test]
    fn a_secret_has_its_form_and_no_change_of_one_character_has_it() {
        for kind in [Kind::Token, Kind::Session, Kind::Browser, Kind::SetUp, Kind::SignIn] {
            let (secret, hash) = make(kind).unwrap();
            let text = secret.expose();
            assert_eq!(text.len(), kind.prefix().len() + RANDOM + CHECK);
            assert!(is_formed(kind, text) && kept(text) == hash);
            for place in 0..text.len() {
                let mut changed = text.to_owned().into_bytes();
                changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
                assert!(!is_formed(kind, std::str::from_utf8(&changed).unwrap()), "place {place}");
            }
            for other in ["", kind.prefix(), &text[..text.len() - 1], &format!("{text}0"), "ofl_é"] {
                assert!(!is_formed(kind, other), "{other}");
            }
        }
        assert!(!is_formed(Kind::Session, make(Kind::Token).unwrap().0.expose()));
        assert_ne!(make(Kind::Token).unwrap().1, make(Kind::Token).unwrap().1);
    }
}
