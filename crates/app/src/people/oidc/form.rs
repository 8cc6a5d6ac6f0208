//! Forms (`application/x-www-form-urlencoded`), which are queries of addresses, too.

use std::fmt::Write as _;

/// Names and values as a form.
pub(super) fn encode(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A text in which only letters and digits of ASCII and `-._~` are themselves.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_is_escaped() {
        assert_eq!(encode(&[("a", "b c"), ("d&", "é=~1")]), "a=b%20c&d%26=%C3%A9%3D~1");
    }
}
