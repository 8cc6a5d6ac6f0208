//! Which passwords are taken: long ones that are not guessed first. Digits and signs are not asked
//! for (NIST SP 800-63B, section 5.1.1.2).

use std::collections::BTreeSet;

use outflow_core::{Code, Error};

/// A password has this many characters at least.
const SHORTEST: usize = 12;
/// And this many bytes at most: what is longer takes time and protects no better.
const LONGEST: usize = 1024;
/// This many different characters at least.
const DIFFERENT: usize = 5;

/// What passwords are made of that are guessed first: the words of the lists of leaked ones, and
/// runs along the keys.
const COMMON: &[&str] = &[
    "administrator",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qazwsxedc",
    "outflow",
    "password",
    "passwort",
    "iloveyou",
    "princess",
    "sunshine",
    "football",
    "baseball",
    "superman",
    "whatever",
    "trustno",
    "letmein",
    "welcome",
    "dragon",
    "monkey",
    "master",
    "shadow",
    "michael",
    "changeme",
    "default",
    "company",
    "secret",
    "qwerty",
    "qwertz",
    "azerty",
    "qazwsx",
    "asdfgh",
    "summer",
    "winter",
    "spring",
    "autumn",
    "monday",
    "friday",
    "login",
    "admin",
    "hello",
    "guest",
    "root",
    "test",
    "user",
    "pass",
    "abcd",
    "abc",
    "love",
    "the",
    "my",
    "is",
    "and",
    "new",
    "a",
    "i",
];

/// Whether this user may have this password.
///
/// # Errors
/// A007.
pub(crate) fn check(password: &str, user: &str) -> Result<(), Error> {
    let refused = |message: String| {
        Err(Error::new(Code::PasswordRefused, message)
            .at("password")
            .help("take four or five words that have nothing to do with each other"))
    };
    if password.chars().count() < SHORTEST {
        return refused(format!("a password has {SHORTEST} characters at least"));
    }
    if password.len() > LONGEST {
        return refused(format!("a password has {LONGEST} bytes at most"));
    }
    let lower = password.to_lowercase();
    if lower.chars().collect::<BTreeSet<_>>().len() < DIFFERENT {
        return refused(format!("the password has fewer than {DIFFERENT} different characters"));
    }
    let own = user.split('@').next().unwrap_or(user);
    if own.len() >= 4 && lower.contains(own) || lower.contains(user) || user.contains(&lower) {
        return refused("the password has the user's name in it".to_owned());
    }
    if is_run(&lower) || is_common(&lower) {
        return refused("the password is among those that are guessed first".to_owned());
    }
    Ok(())
}

/// Mostly characters that follow each other: `123456789012`, `abcabcabcabc1`.
fn is_run(lower: &str) -> bool {
    let all: Vec<u32> = lower.chars().map(u32::from).collect();
    let steps = all.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    steps.saturating_mul(3) >= all.len().saturating_mul(2)
}

/// Nothing but words that are guessed first, with digits and signs around them or in place of
/// letters.
fn is_common(lower: &str) -> bool {
    let as_letters = |c: char| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    let is_made_of_them = |text: String| {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let rest = COMMON.iter().fold(text, |rest, word| rest.replace(word, " "));
        letters > 0 && !rest.chars().any(char::is_alphabetic)
    };
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    is_made_of_them(lower.to_owned()) || is_made_of_them(core.chars().map(as_letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_long_own_and_common_ones_are_refused() {
        let long = "xkcd".repeat(300);
        for (password, user) in [
            ("", "ada"),
            ("elevenchars", "ada"),
            (&long, "ada"),
            ("aaaaaaaaaaaaaa", "ada"),
            ("abababababab", "ada"),
            ("lovelace-2026", "lovelace"),
            ("my lovelace key", "lovelace@example.com"),
            ("a@example.com", "a@example.com"),
            ("123456789012", "ada"),
            ("abcdefghijklm", "ada"),
            ("Password1234", "ada"),
            ("P@ssw0rd1234!", "ada"),
            ("qwertyuiop123", "ada"),
            ("Welcome2026!!", "ada"),
            ("letmein-letmein", "ada"),
            ("AdminAdmin2026", "ada"),
            ("outflow-secret", "ada"),
            ("ILoveYou2026!", "ada"),
        ] {
            let error = check(password, user).expect_err(password);
            assert_eq!(error.code(), Code::PasswordRefused);
            assert!(password.is_empty() || !error.message().contains(password), "it is not repeated");
        }
        for password in [
            "correct horse battery staple",
            "vK3x9Qm2Lp7R",
            "8301947562018",
            "ünter den Linden sitzt ein Biber",
            "dragonfruit kettle",
        ] {
            check(password, "ada").unwrap();
        }
    }
}
