//! Numbers: they keep every digit, so they are checked and never converted.

use outflow_core::Code;

use crate::cure::Cure;
use crate::row_error::RowError;

/// 2^53: up to here every whole number is exact where numbers are 64-bit floating point.
const EXACT: &[u8; 16] = b"9007199254740992";

/// Refuses what is not a number of JSON's grammar.
pub(crate) fn check(text: &[u8]) -> Result<(), RowError> {
    if is_number(text) {
        return Ok(());
    }
    let word = text.strip_prefix(b"-").unwrap_or(text);
    Err(if [&b"nan"[..], b"infinity", b"inf"].iter().any(|w| word.eq_ignore_ascii_case(w)) {
        not_finite(text)
    } else {
        RowError::value(Code::WrongType, "is not a number; cast the column in the query")
    })
}

/// What is said of NaN and the infinities.
#[cold]
pub(crate) fn not_finite(text: &[u8]) -> RowError {
    let (minus, word) = match text.strip_prefix(b"-") {
        Some(word) => (true, word),
        None => (false, text),
    };
    let value = match (word.first(), minus) {
        (Some(b'n' | b'N'), _) => "NaN",
        (_, true) => "-Infinity",
        (_, false) => "Infinity",
    };
    RowError::value(Code::NotFinite, "is not a number that JSON knows")
        .with_cure(Cure::Null { value, or_text: false })
}

/// Whether it is a number of JSON's grammar (RFC 8259, section 6).
pub(crate) fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits(text);
    if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => match digits(fraction) {
            ([], _) => return false,
            (_, rest) => rest,
        },
        None => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            let (power, rest) = digits(exponent);
            !power.is_empty() && rest.is_empty()
        }
        _ => false,
    }
}

/// Whether a number lies beyond 2^53 and is not written with an exponent, as floats are.
#[inline]
pub(crate) fn is_beyond_exact(number: &[u8]) -> bool {
    number.len() >= EXACT.len() && is_long_beyond_exact(number)
}

fn is_long_beyond_exact(number: &[u8]) -> bool {
    let (whole, rest) = digits(number.strip_prefix(b"-").unwrap_or(number));
    let is_beyond = match whole.len().cmp(&EXACT.len()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        // 2^53 and a fraction is beyond, too.
        std::cmp::Ordering::Equal => {
            whole > &EXACT[..] || (whole == EXACT && rest.iter().any(|b| matches!(b, b'1'..=b'9')))
        }
    };
    is_beyond && !rest.iter().any(|b| matches!(b, b'e' | b'E'))
}

/// The whole part of a decimal number whose fraction is nothing but zeros: `42` of `42.00`.
/// Exponents are not read.
pub(crate) fn whole(text: &[u8]) -> Option<&[u8]> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let (whole, rest) = digits(&text[sign..]);
    let zeros = match rest {
        [] => true,
        [b'.', fraction @ ..] => fraction.iter().all(|b| *b == b'0'),
        _ => false,
    };
    (zeros && !whole.is_empty()).then(|| &text[..sign + whole.len()])
}

/// What a number of Unix time counts, by its size. Each unit has the numbers that are years 1973 to
/// 5138 in it, and seconds all below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds,
    /// From 1e11 on.
    Millis,
    /// From 1e14 on.
    Micros,
    /// From 1e17 on.
    Nanos,
}

/// Nanoseconds since 1970 of a JSON number of Unix time, and its unit; 0 has none. `None`: out of
/// every reach.
pub(crate) fn unix_nanos(number: &[u8]) -> Option<(i128, Option<TimeUnit>)> {
    let (negative, text) = match number.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix(b".").map_or((&b""[..], rest), digits);
    let exponent: i64 = match rest {
        [] => 0,
        [_, power @ ..] => std::str::from_utf8(power).ok()?.parse().ok()?,
    };
    let mut digits = whole.iter().chain(fraction).skip_while(|d| **d == b'0');
    let zeros = whole.iter().chain(fraction).take_while(|d| **d == b'0').count();
    // The number is 0.ddd… times ten to the power of `point`, and its first digit is not 0.
    let point = (whole.len() as i64 - zeros as i64).checked_add(exponent)?;
    if digits.clone().next().is_none() {
        return Some((0, None));
    }
    let (unit, shift) = match point {
        ..=11 => (TimeUnit::Seconds, 0),
        12..=14 => (TimeUnit::Millis, 3),
        15..=17 => (TimeUnit::Micros, 6),
        18..=20 => (TimeUnit::Nanos, 9),
        _ => return None,
    };
    let mut nanos = 0_i128;
    for _ in 0..point - shift + 9 {
        nanos = nanos * 10 + i128::from(digits.next().map_or(0, |d| d - b'0'));
    }
    Some((if negative { -nanos } else { nanos }, Some(unit)))
}

/// The digits at the front, and what follows them.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_json_pass() {
        for good in ["0", "-0", "7", "-12", "0.5", "92.00000000", "1e+20", "1e-05", "-1.25E3", "10"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "1 ", " 1", "0x1", "1_0", "NaN", "1.2.3",
            "--1",
        ] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_beyond_2_to_the_53_are_seen() {
        for (text, beyond) in [
            ("9007199254740992", false),
            ("9007199254740993", true),
            ("-9007199254740992", false),
            ("-9007199254740993", true),
            ("999999999999999", false),
            ("10000000000000000", true),
            ("-999999999999999", false),
            ("1234567.1234567890123", false),
            ("9007199254740992.000", false),
            ("9007199254740992.5", true),
            ("12345678901234567890.5", true),
            ("12345678901234567890e5", false),
            ("1e+200000000000000000", false),
        ] {
            assert_eq!(is_beyond_exact(text.as_bytes()), beyond, "{text}");
        }
    }

    #[test]
    fn a_number_of_unix_time_becomes_nanoseconds() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("-0.000", Some(0)),
            ("1", Some(1_000_000_000)),
            ("0.5", Some(500_000_000)),
            ("-1.5", Some(-1_500_000_000)),
            ("1.7673e+09", Some(1_767_300_000_000_000_000)),
            ("99999999999", Some(99_999_999_999_000_000_000)),
            ("100000000000", Some(100_000_000_000_000_000)),
            ("1767312000123", Some(1_767_312_000_123_000_000)),
            ("1767312000123.5", Some(1_767_312_000_123_500_000)),
            ("1e-300", Some(0)),
            ("0.0000000019", Some(1)),
            ("1767312000123456", Some(1_767_312_000_123_456_000)),
            ("1767312000123456789", Some(1_767_312_000_123_456_789)),
            ("99999999999999", Some(99_999_999_999_999_000_000)),
            ("100000000000000", Some(100_000_000_000_000_000)),
            ("-1767312000123456", Some(-1_767_312_000_123_456_000)),
            ("100000000000000000000", None),
            ("1e300", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(unix_nanos(text.as_bytes()).map(|(nanos, _)| nanos), nanos, "{text}");
        }
    }
}
