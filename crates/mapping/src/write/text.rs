//! JSON strings from bytes that should be UTF-8.
//!
//! Eight bytes are looked at in one step: most texts need no escape and are copied whole. UTF-8 is
//! checked only where a byte from 0x80 on occurs.

use outflow_core::Code;

use super::unseen;
use crate::row_error::RowError;

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x80 * ONES;

/// Appends `text` as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
    let seen = survey(text);
    if seen.wide {
        utf8(text)?;
    }
    out.push(b'"');
    if seen.escapes {
        escaped(out, text);
    } else {
        out.extend_from_slice(text);
    }
    out.push(b'"');
    Ok(())
}

/// Refuses what is not UTF-8.
pub(crate) fn utf8(text: &[u8]) -> Result<&str, RowError> {
    const SAYS: &str = "is not valid UTF-8; fix it where it is stored, or leave the column out";
    std::str::from_utf8(text).map_err(|_| RowError::value(Code::InvalidUtf8, SAYS))
}

/// Whether there is nothing in it that can be seen.
pub(crate) fn is_blank(text: &[u8]) -> bool {
    unseen::trim(text).is_empty()
}

struct Seen {
    /// Something needs an escape.
    escapes: bool,
    /// There are bytes from 0x80 on.
    wide: bool,
}

fn survey(text: &[u8]) -> Seen {
    let (mut escapes, mut all) = (0, 0);
    let mut look = |word| {
        escapes |= marks(word);
        all |= word;
    };
    match text.last_chunk::<8>() {
        Some(last) => {
            for word in text.as_chunks::<8>().0 {
                look(u64::from_le_bytes(*word));
            }
            look(u64::from_le_bytes(*last));
        }
        None => look(short(text)),
    }
    Seen { escapes: escapes != 0, wide: all & TOPS != 0 }
}

/// Fewer than eight bytes as a word: every one of them is in it, some twice and not in order.
fn short(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    let mut word = [b' '; 8];
    for (to, from) in word.iter_mut().zip(text) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// The top bit of each byte that needs an escape: control characters, quote and backslash. No sum
/// carries into the next byte, as the top bits are taken away first.
const fn marks(word: u64) -> u64 {
    let low = word & !TOPS;
    let control = low + 0x60 * ONES;
    let quote = (low ^ (b'"' as u64 * ONES)) + 0x7f * ONES;
    let backslash = (low ^ (b'\\' as u64 * ONES)) + 0x7f * ONES;
    !(control & quote & backslash) & !word & TOPS
}

/// Bytes that are escaped at a time.
const CHUNK: usize = 256;
/// The longest escape of a byte.
const LONGEST: usize = 6;

/// Makes room for the longest result and cuts the rest off again: that is cheaper than to look for
/// room at each step.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.chunks(CHUNK) {
        let begin = out.len();
        out.resize(begin + LONGEST * chunk.len() + 8, 0);
        let room = &mut out[begin..];
        let (words, rest) = chunk.as_chunks::<8>();
        let mut end = 0;
        for word in words {
            end = escaped_word(room, end, u64::from_le_bytes(*word), 8);
        }
        let mut last = [b' '; 8];
        last[..rest.len()].copy_from_slice(rest);
        end = escaped_word(room, end, u64::from_le_bytes(last), rest.len());
        out.truncate(begin + end);
    }
}

/// Writes the first `left` bytes of the word to `at`, and returns where they end. Eight bytes are
/// always copied, and the superfluous ones written over: a copy of fixed size is one instruction.
#[inline]
fn escaped_word(room: &mut [u8], mut at: usize, mut word: u64, mut left: usize) -> usize {
    let mut marked = marks(word);
    while marked != 0 {
        let clean = marked.trailing_zeros() as usize / 8;
        room[at..at + 8].copy_from_slice(&word.to_le_bytes());
        word >>= 8 * clean;
        at = escape(room, at + clean, word as u8);
        word >>= 8;
        marked = marked >> (8 * clean) >> 8;
        left -= clean + 1;
    }
    room[at..at + 8].copy_from_slice(&word.to_le_bytes());
    at + left
}

fn escape(room: &mut [u8], at: usize, byte: u8) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            room[at..at + LONGEST].copy_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return at + LONGEST;
        }
    };
    room[at..at + 2].copy_from_slice(&[b'\\', short]);
    at + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, text).unwrap();
        out
    }

    #[test]
    fn every_byte_at_every_place_is_escaped_as_serde_json_does() {
        for length in 1..20 {
            for place in 0..length {
                for byte in 0..0x80_u8 {
                    let mut text = vec![b'x'; length];
                    text[place] = byte;
                    text[length - 1 - place] = byte;
                    let expected = serde_json::to_vec(std::str::from_utf8(&text).unwrap()).unwrap();
                    assert_eq!(written(&text), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn letters_of_all_widths_pass_and_broken_ones_do_not() {
        for text in ["", "é", "a\"é", "東京 😀\n\"x\"", "\u{7f}\u{80}\u{2028}"] {
            assert_eq!(written(text.as_bytes()), serde_json::to_vec(text).unwrap());
        }
        for text in [&b"\xff"[..], b"abcdefgh\xc3", b"\xed\xa0\x80", b"a\"\x80"] {
            assert!(string(&mut Vec::new(), text).is_err(), "{text:?}");
        }
    }
}
