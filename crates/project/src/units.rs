//! Durations and sizes as people write them.

use std::time::Duration;

/// `30s`, `15m`, `1h30m`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    while let Some(unit) = rest.find(|c: char| !c.is_ascii_digit()) {
        let factor = match rest.as_bytes()[unit] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(rest[..unit].parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = &rest[unit + 1..];
    }
    (rest.is_empty() && !text.is_empty()).then_some(Duration::from_secs(seconds))
}

/// `1GiB`, `500 MB`, `65536`.
pub(super) fn size(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[unit..].trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    text[..unit].parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in
            [("30s", 30), ("15m", 900), ("1h", 3_600), ("7d", 604_800), ("1h30m", 5_400), ("0s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "30", "s", "1w", "-1s", "1.5h", "1h 30m", "1 h", "99999999999999999d", "1h30", "é", "1é"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_with_or_without_a_unit() {
        for (text, bytes) in
            [("65536", 65_536), ("1GiB", 1 << 30), ("500MB", 500_000_000), ("2 KiB", 2_048), ("7B", 7)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "GB", "1XB", "1gb", "-1", "1.5GiB", "99999999TiB", "é"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
