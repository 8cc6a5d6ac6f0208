//! Sealing and opening one secret.

use outflow_core::{Code, Error, Result, Secret};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::keyring::{KEY_LEN, Keyring, MasterKey, random};

/// The form of [`Sealed`]. A later form has another number.
const FORM: u8 = 1;

/// What a sealed secret belongs to. None of it is secret; all of it is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The record's id, a new one each time that the secret is set.
    pub record: u128,
    /// The secret's name.
    pub name: &'a str,
    /// The addresses to which it may be sent.
    pub addresses: &'a [String],
}

/// An encrypted secret, as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the master key that encrypts the data key.
    pub key_id: String,
    /// The data key: form, nonce, ciphertext and tag.
    pub wrapped: Vec<u8>,
    /// The value: form, nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

/// Encrypts a value under a new data key, and that under this master key.
///
/// # Errors
/// T004: the operating system gives no random bytes.
pub fn seal(key: &MasterKey, subject: Subject<'_>, value: &Secret) -> Result<Sealed> {
    let data_key: [u8; KEY_LEN] = random()?;
    let sealed = encrypt(&data_key, &of_value(subject), value.expose().as_bytes())?;
    let wrapped = encrypt(key.bytes(), &of_key(subject, key.id()), &data_key)?;
    Ok(Sealed { key_id: key.id().to_owned(), wrapped, sealed })
}

/// Decrypts a value.
///
/// # Errors
/// C031: none of the keys is the one that it is encrypted under. C032: it is not what was written,
/// or belongs to something else.
pub fn open(keys: &Keyring, subject: Subject<'_>, sealed: &Sealed) -> Result<Secret> {
    let Sealed { key_id, wrapped, sealed } = sealed;
    let key = keys.find(key_id).ok_or_else(|| wrong_key(subject.name, key_id, keys))?;
    let damaged = || damaged(subject.name);
    let data_key = decrypt(key.bytes(), &of_key(subject, key_id), wrapped).ok_or_else(damaged)?;
    let data_key: [u8; KEY_LEN] = data_key.try_into().map_err(|_| damaged())?;
    let value = decrypt(&data_key, &of_value(subject), sealed).ok_or_else(damaged)?;
    String::from_utf8(value).map(Secret::new).map_err(|_| damaged())
}

fn encrypt(key: &[u8; KEY_LEN], of: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut bytes = plain.to_vec();
    aead(key)
        .and_then(|aead| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            aead.seal_in_place_append_tag(nonce, Aad::from(of), &mut bytes).ok()
        })
        .ok_or_else(|| Error::new(Code::InvalidValue, "a secret of this length cannot be encrypted"))?;
    Ok([[FORM].as_slice(), nonce.as_slice(), bytes.as_slice()].concat())
}

fn decrypt(key: &[u8; KEY_LEN], of: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.strip_prefix(&[FORM])?;
    let (nonce, bytes) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = bytes.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = aead(key)?.open_in_place(nonce, Aad::from(of), &mut bytes).ok()?.len();
    bytes.truncate(plain);
    Some(bytes)
}

fn aead(key: &[u8; KEY_LEN]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// What a value belongs to: no two subjects have one form.
fn of_value(Subject { record, name, addresses }: Subject<'_>) -> Vec<u8> {
    let mut bytes = b"outflow secret 1\0".to_vec();
    bytes.extend(record.to_be_bytes());
    for text in std::iter::once(name).chain(addresses.iter().map(String::as_str)) {
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// What a data key belongs to.
fn of_key(Subject { record, .. }: Subject<'_>, key_id: &str) -> Vec<u8> {
    [b"outflow data key 1\0".as_slice(), record.to_be_bytes().as_slice(), key_id.as_bytes()].concat()
}

fn wrong_key(name: &str, key_id: &str, keys: &Keyring) -> Error {
    let known: Vec<&str> = keys.ids().collect();
    let message = format!("the secret {name} is encrypted under the key {key_id}, which is not there");
    Error::new(Code::SecretKeyWrong, message).help(format!(
        "the key in use is {}: put the other key behind it, on a line of its own, or set the secret again",
        known.join(", ")
    ))
}

fn damaged(name: &str) -> Error {
    let message = format!("the secret {name} is not what was written: it does not decrypt");
    Error::new(Code::SecretDamaged, message).help("set it again, or restore the state from a backup")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(n: u8) -> Keyring {
        Keyring::parse(&MasterKey::from_bytes([n; KEY_LEN]).text()).unwrap()
    }

    fn subject(addresses: &[String]) -> Subject<'_> {
        Subject { record: 7, name: "db", addresses }
    }

    fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
        result.unwrap_err().code()
    }

    #[test]
    fn a_secret_opens_only_for_what_it_was_sealed_for() {
        let (keys, addresses) = (keys(1), ["postgres host=db".to_owned()]);
        let value = Secret::new("canary-value");
        let sealed = seal(keys.first(), subject(&addresses), &value).unwrap();
        assert_eq!(open(&keys, subject(&addresses), &sealed).unwrap(), value);
        let elsewhere = ["postgres host=evil".to_owned()];
        let none = [];
        for other in [
            Subject { record: 8, ..subject(&addresses) },
            Subject { name: "da", ..subject(&addresses) },
            subject(&elsewhere),
            subject(&none),
        ] {
            assert_eq!(code(open(&keys, other, &sealed)), Code::SecretDamaged, "{other:?}");
        }
        assert!(!format!("{sealed:?} {keys:?} {value:?}").contains("canary"));
        let other = seal(keys.first(), subject(&addresses), &value).unwrap();
        assert_ne!(sealed.wrapped, other.wrapped);
        assert_ne!(sealed.sealed, other.sealed);
        // A data key of another record, and a value of another data key.
        let mixed = Sealed { wrapped: other.wrapped, ..sealed };
        assert_eq!(code(open(&keys, subject(&addresses), &mixed)), Code::SecretDamaged);
    }

    #[test]
    fn another_key_is_named_and_opens_nothing() {
        let (right, wrong) = (keys(1), keys(2));
        let sealed = seal(right.first(), subject(&[]), &Secret::new("x")).unwrap();
        let error = open(&wrong, subject(&[]), &sealed).unwrap_err();
        assert_eq!(error.code(), Code::SecretKeyWrong);
        assert!(error.message().contains(right.first().id()), "{error:?}");
        assert!(error.help_text().unwrap().contains(wrong.first().id()), "{error:?}");
        // As if somebody had written the other key's id there.
        let forged = Sealed { key_id: wrong.first().id().to_owned(), ..sealed };
        assert_eq!(code(open(&wrong, subject(&[]), &forged)), Code::SecretDamaged);
    }

    /// Every bit of both parts, and every length.
    #[test]
    fn a_flipped_bit_or_a_missing_byte_is_found() {
        let keys = keys(1);
        let whole = seal(keys.first(), subject(&[]), &Secret::new("canary-value")).unwrap();
        let (mut tried, mut parts) = (0, [whole.wrapped.clone(), whole.sealed.clone()]);
        for part in 0..parts.len() {
            let is_refused = |parts: &[Vec<u8>; 2]| {
                let [wrapped, sealed] = parts.clone();
                let sealed = Sealed { wrapped, sealed, ..whole.clone() };
                assert_eq!(code(open(&keys, subject(&[]), &sealed)), Code::SecretDamaged);
            };
            for bit in 0..parts[part].len() * 8 {
                parts[part][bit / 8] ^= 1 << (bit % 8);
                is_refused(&parts);
                parts[part][bit / 8] ^= 1 << (bit % 8);
                tried += 1;
            }
            let kept = parts[part].clone();
            for length in 0..kept.len() {
                parts[part].truncate(length);
                is_refused(&parts);
                parts[part].clone_from(&kept);
                tried += 1;
            }
            parts[part].push(0);
            is_refused(&parts);
            parts[part] = kept;
        }
        println!("{tried} changes refused");
        assert!(tried > 800, "{tried}");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in ".{0,200}", name in "[a-z]{1,9}", record: u128, n: u8) {
            let keys = keys(n);
            let subject = Subject { record, name: &name, addresses: &[] };
            let sealed = seal(keys.first(), subject, &Secret::new(text.clone())).unwrap();
            prop_assert_eq!(open(&keys, subject, &sealed).unwrap(), Secret::new(text));
        }

        #[test]
        fn no_bytes_make_it_panic(wrapped: Vec<u8>, sealed: Vec<u8>) {
            let keys = keys(1);
            let sealed = Sealed { key_id: keys.first().id().to_owned(), wrapped, sealed };
            prop_assert_eq!(code(open(&keys, subject(&[]), &sealed)), Code::SecretDamaged);
        }
    }
}
