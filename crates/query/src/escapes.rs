//! Names as the server reads them: without quotes, with unicode escapes decoded, folded.
//!
//! PostgreSQL has `U&"d\0061ta"`, with another escape character in `U&"d!0061ta" UESCAPE '!'`. What
//! always holds: a name that the server would not take is given back as it stands in the text. What
//! it does not do: read the escapes of strings, as nothing is judged by what a string holds.

use std::borrow::Cow;

/// The text of a name without its quotes and escapes, as written otherwise.
pub(crate) fn name(token: &str) -> Cow<'_, str> {
    let Some(quote) = token.find(['"', '`', '[']).filter(|&at| at == 0 || is_unicode_prefix(&token[..at]))
    else {
        return Cow::Borrowed(token);
    };
    let Some((inside, rest)) = quoted(&token[quote..]) else { return Cow::Borrowed(token) };
    if quote == 0 {
        return inside;
    }
    match decode(&inside, escape_character(rest)) {
        Some(decoded) => Cow::Owned(decoded),
        None => inside,
    }
}

fn is_unicode_prefix(text: &str) -> bool {
    text.eq_ignore_ascii_case("u&")
}

/// What stands between the quotes that the text begins with, and what follows them.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let open = text.chars().next()?;
    let close = if open == '[' { ']' } else { open };
    let body = &text[1..];
    let mut from = 0;
    loop {
        let end = from + body[from..].find(close)?;
        let rest = &body[end + 1..];
        if open != '[' && rest.starts_with(close) {
            from = end + 2;
            continue;
        }
        let inside = &body[..end];
        let doubled: String = [close, close].iter().collect();
        let inside = if inside.contains(&doubled) && open != '[' {
            Cow::Owned(inside.replace(&doubled, &close.to_string()))
        } else {
            Cow::Borrowed(inside)
        };
        return Some((inside, rest));
    }
}

/// The character of `UESCAPE 'c'` behind the name, or a backslash. The scanner takes no other kind
/// of string there.
fn escape_character(rest: &str) -> char {
    rest.strip_suffix('\'').and_then(|rest| rest.chars().last()).unwrap_or('\\')
}

/// `\0061` and `\+000061` decoded, and a doubled escape character. `None`: not what the server
/// takes.
fn decode(text: &str, escape: char) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != escape {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        if let Some(after) = rest.strip_prefix(escape) {
            units.extend_from_slice(escape.encode_utf16(&mut [0; 2]));
            rest = after;
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => (long.get(..6)?, long.get(6..)?),
            None => (rest.get(..4)?, rest.get(4..)?),
        };
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        match u16::try_from(code) {
            // Surrogates come in pairs, each as an escape of its own.
            Ok(unit) => units.push(unit),
            Err(_) => units.extend_from_slice(char::from_u32(code)?.encode_utf16(&mut [0; 2])),
        }
        rest = after;
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_quotes_and_escapes() {
        for (token, meant) in [
            ("pg_sleep", "pg_sleep"),
            ("\"a\"\"b\"", "a\"b"),
            ("`a``b`", "a`b"),
            ("[a[b]", "a[b"),
            (r#"U&"\0070g_sleep""#, "pg_sleep"),
            (r#"u&"\+000070g\005Fsleep""#, "pg_sleep"),
            (r#"U&"p!0067" UESCAPE '!'"#, "pg"),
            ("U&\"p!0067\"/* c */uescape\n'!'", "pg"),
            (r#"U&"a\\b""#, r"a\b"),
            (r#"U&"\D83D\DE0A""#, "\u{1f60a}"),
            (r#"U&"a""b""#, "a\"b"),
        ] {
            assert_eq!(name(token), meant, "{token}");
        }
    }

    #[test]
    fn what_the_server_refuses_stays_as_it_is() {
        for token in [r#"U&"\00""#, r#"U&"\zzzz""#, r#"U&"\+11000""#, r#"U&"\D83D""#, r#"U&"\+0+041""#] {
            let inside = &token[3..token.len() - 1];
            assert_eq!(name(token), inside, "{token}");
        }
    }
}
