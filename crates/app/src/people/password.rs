//! Passwords: which ones are taken, and how they are kept.
//!
//! What always holds: a password is kept as argon2id with 19 MiB, 2 passes and a parallelism of 1
//! (what OWASP's Password Storage Cheat Sheet asks for at least), as a PHC string. A check takes
//! the same work whether there is such a user or not. At most [`AT_ONCE`] are computed at a time,
//! so that the runs keep their memory.

mod rules;

use std::sync::OnceLock;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use outflow_core::{Code, Error, Secret, hash};
use tokio::sync::Semaphore;

pub(crate) use rules::check;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH: usize = 32;

/// This many hashes are computed at a time.
const AT_ONCE: usize = 2;
static PERMITS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Whoever waits for longer than this for their turn is sent away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hash of a new password, as a PHC string.
///
/// # Errors
/// A006: too many are being computed. The operating system gives no random bytes.
pub(crate) async fn hash_of(password: &Secret) -> Result<String, Error> {
    let (password, salt) = (password.clone(), hash::random()?.to_be_bytes());
    apart(move || {
        let hash = argon2(&password, &salt, params())?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
    })
    .await
}

/// Whether this is the password of that hash. Without a hash it is not, after the same work.
///
/// # Errors
/// A006: too many are being computed.
pub(crate) async fn is_right(password: &Secret, kept: Option<&str>) -> Result<bool, Error> {
    let (password, kept) = (password.clone(), kept.and_then(Kept::parse));
    apart(move || {
        let is_known = kept.is_some();
        let kept = kept.unwrap_or_else(Kept::nobodys);
        let hash = argon2(&password, &kept.salt, kept.params)?;
        Ok(is_equal(&hash, &kept.hash) && is_known)
    })
    .await
}

/// Computes on a thread for blocking work, when it is this one's turn.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let busy = || {
        Error::new(Code::TooManyAttempts, "too many passwords are being checked at this moment")
            .help("try again in a few seconds")
    };
    let turn = tokio::time::timeout(PATIENCE, PERMITS.acquire()).await;
    let permit = turn.map_err(|_| busy())?.map_err(|e| busy().caused_by(e))?;
    let done = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also if the request is gone.
        let _permit = permit;
        work()
    });
    done.await.map_err(|e| Error::new(Code::TaskFailed, "the check of a password broke down").caused_by(e))?
}

/// A hash as it is kept.
struct Kept {
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Kept {
    /// Reads a PHC string; `None`: it is not one of argon2id.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let (params, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let mut numbers = params.split(',').zip(["m=", "t=", "p="]);
        let mut number = || numbers.next().and_then(|(text, key)| text.strip_prefix(key)?.parse().ok());
        let (memory, passes, lanes) = (number()?, number()?, number()?);
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
        Some(Self { params, salt: STANDARD_NO_PAD.decode(salt).ok()?, hash })
    }

    /// No one's: what a password is compared with where there is no user.
    fn nobodys() -> Self {
        static SALT: OnceLock<[u8; 16]> = OnceLock::new();
        let salt = SALT.get_or_init(|| hash::random().unwrap_or_default().to_be_bytes());
        Self { params: params(), salt: salt.to_vec(), hash: vec![0; HASH] }
    }
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH)).unwrap_or_default()
}

fn argon2(password: &Secret, salt: &[u8], params: Params) -> Result<Vec<u8>, Error> {
    let mut hash = vec![0; params.output_len().unwrap_or(HASH)];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password_into(password.expose().as_bytes(), salt, &mut hash)
        .map_err(|e| Error::new(Code::TaskFailed, format!("a password cannot be hashed: {e}")))?;
    Ok(hash)
}

/// Compares in a time that does not depend on where they differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |bits, (a, b)| std::hint::black_box(bits | (a ^ b)));
    a.len() == b.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_alone() {
        let (right, wrong) = (Secret::new("correct horse battery"), Secret::new("correct horse batterY"));
        let (first, second) = (hash_of(&right).await.unwrap(), hash_of(&right).await.unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second, "each has a salt of its own");
        assert!(is_right(&right, Some(&first)).await.unwrap());
        assert!(!is_right(&wrong, Some(&first)).await.unwrap());
        for none in [None, Some(""), Some("$argon2id$v=19$m=1,t=1"), Some("$2b$12$abc")] {
            assert!(!is_right(&right, none).await.unwrap(), "{none:?}");
        }
    }

    /// The vector of argon2's reference implementation (its tests: version 19, 2 passes, 2^16 KiB,
    /// a parallelism of 1).
    #[test]
    fn the_hash_is_that_of_the_reference() {
        let params = Params::new(1 << 16, 2, 1, Some(32)).unwrap();
        let hash = argon2(&Secret::new("password"), b"somesalt", params).unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }
}
