//! Names of users, and what tokens are called.

use outflow_core::is_unseen;

/// The longest name of a user, in bytes: that of an address of e-mail.
const LONGEST: usize = 254;
/// The longest name of a token, in characters.
const LABEL: usize = 100;

/// A user's name as it is kept: in lower case, so that two names differ by more than their case.
/// Letters and digits of ASCII and `._-+@`: no name looks like another one.
///
/// # Errors
/// Why it is none.
pub(super) fn user_name(typed: &str) -> Result<String, String> {
    let name = typed.trim().to_ascii_lowercase();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if name.is_empty() || name.len() > LONGEST {
        return Err(format!("a user's name has 1 to {LONGEST} characters"));
    }
    if !name.chars().all(is_allowed) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(
            "a user's name has letters and digits of ASCII, and . _ - + @ behind the first one".to_owned()
        );
    }
    Ok(name)
}

/// Whether something can be called so.
///
/// # Errors
/// Why it cannot.
pub(super) fn check_label(label: &str) -> Result<(), String> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LABEL {
        return Err(format!("the name has 1 to {LABEL} characters"));
    }
    if label.chars().any(|c| c != ' ' && (c.is_control() || is_unseen(c))) {
        return Err("the name has a character that cannot be seen".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_that_looks_like_no_other() {
        for (typed, kept) in
            [("Ada", "ada"), (" ada@Example.com ", "ada@example.com"), ("a.b-c_d+e", "a.b-c_d+e")]
        {
            assert_eq!(user_name(typed).as_deref(), Ok(kept));
        }
        let long = "a".repeat(LONGEST + 1);
        for typed in ["", " ", "-ada", "@", "ad a", "аda", "ada\n", "a\u{200b}", "a/b", "a\"b", &long] {
            assert!(typed.trim() == "ada" || user_name(typed).is_err(), "{typed:?}");
        }
        assert!(check_label("deploy of ü").is_ok());
        for label in ["", "\n", "a\u{202e}b", &"x".repeat(LABEL + 1)] {
            assert!(check_label(label).is_err(), "{label:?}");
        }
    }
}
