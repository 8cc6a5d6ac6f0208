//! Undoes the compression of an answer.
//!
//! A request asks for none (`Accept-Encoding: identity`), and gateways compress all the same. What
//! always holds: no more than [`KEPT_BYTES`] of text come out, however little goes in; a body that
//! cannot be read is reported as such and never taken for text. What it does not do: undo a coding
//! other than gzip and deflate.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::response::{BodyEnd, KEPT_BYTES};

/// More codings around each other than this are not undone.
const MOST_CODINGS: usize = 3;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The body as the service wrote it, and how it ended.
pub(crate) fn undo(headers: &HeaderMap, mut body: Vec<u8>, mut end: BodyEnd) -> (Vec<u8>, BodyEnd) {
    let mut codings = codings(headers);
    // Some gateways compress and do not say so.
    if codings.is_empty() && body.starts_with(&GZIP) {
        codings.push("gzip".to_owned());
    }
    if body.is_empty() {
        return (body, end);
    }
    if codings.len() > MOST_CODINGS {
        return (Vec::new(), BodyEnd::Unreadable("compressed many times over".to_owned()));
    }
    for coding in codings.iter().rev() {
        let undone = match coding.as_str() {
            // The header stands there, and the body is plain.
            "gzip" | "x-gzip" if !body.starts_with(&GZIP) && is_text(&body) => continue,
            "gzip" | "x-gzip" => decode(MultiGzDecoder::new(&body[..])),
            // The name stands for zlib's form, and some send the bare one.
            "deflate" => match decode(ZlibDecoder::new(&body[..])) {
                Decoded { text, state: State::Damaged } if text.is_empty() && is_text(&body) => continue,
                Decoded { text, state: State::Damaged } if text.is_empty() => {
                    decode(DeflateDecoder::new(&body[..]))
                }
                decoded => decoded,
            },
            other => {
                let words = format!("compressed with {other}, which Outflow did not ask for");
                return (Vec::new(), BodyEnd::Unreadable(words));
            }
        };
        end = match (undone.state, end) {
            (State::Whole, end) => end,
            (State::Long, BodyEnd::Complete) => BodyEnd::Cut,
            (State::Damaged, BodyEnd::Complete) => {
                let words = format!("compressed with {coding}, and damaged");
                return (Vec::new(), BodyEnd::Unreadable(words));
            }
            // What was cut or broke off cannot be decoded to its end.
            (State::Long | State::Damaged, end) => end,
        };
        body = undone.text;
    }
    (body, end)
}

/// The codings of a body in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Vec<String> {
    let names = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let names = names.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    // Those of the second kind are no codings, and are met in their place.
    let is_coding = |name: &String| !matches!(name.as_str(), "" | "identity" | "utf-8" | "utf8" | "none");
    let token = |name: String| name.chars().filter(|c| c.is_ascii_graphic()).take(20).collect();
    names.filter(is_coding).map(token).collect()
}

/// Whether the bytes can be the beginning of a text.
fn is_text(body: &[u8]) -> bool {
    let head = &body[..body.len().min(64)];
    head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
}

struct Decoded {
    text: Vec<u8>,
    state: State,
}

enum State {
    Whole,
    /// There is more text than is kept.
    Long,
    Damaged,
}

fn decode(decoder: impl Read) -> Decoded {
    let mut text = Vec::new();
    let read = decoder.take(KEPT_BYTES as u64 + 1).read_to_end(&mut text);
    let state = match read {
        Ok(_) if text.len() > KEPT_BYTES => State::Long,
        Ok(_) => State::Whole,
        Err(_) => State::Damaged,
    };
    text.truncate(KEPT_BYTES);
    Decoded { text, state }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"success":true}"#;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(coding: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
        match undo(&headers, body, BodyEnd::Complete) {
            (body, BodyEnd::Complete) => Ok(body),
            (_, BodyEnd::Unreadable(words)) => Err(words),
            (body, end) => panic!("{end:?} after {} bytes", body.len()),
        }
    }

    #[test]
    fn what_is_compressed_becomes_text() {
        for (coding, body) in [
            ("gzip", gzip(TEXT)),
            ("x-gzip", gzip(TEXT)),
            ("GZip", gzip(TEXT)),
            ("gzip, gzip", gzip(&gzip(TEXT))),
            ("deflate, gzip", gzip(&zlib(TEXT))),
            ("deflate", zlib(TEXT)),
            ("deflate", bare(TEXT)),
            ("identity", TEXT.to_vec()),
            ("utf-8", TEXT.to_vec()),
            ("identity", gzip(TEXT)),
            ("gzip", TEXT.to_vec()),
            ("deflate", TEXT.to_vec()),
            ("gzip", [gzip(&TEXT[..4]), gzip(&TEXT[4..])].concat()),
        ] {
            assert_eq!(read(coding, body).as_deref(), Ok(TEXT), "{coding}");
        }
        assert_eq!(read("gzip", Vec::new()), Ok(Vec::new()));
        assert_eq!(read("br", Vec::new()), Ok(Vec::new()));
        let (text, _) = undo(&HeaderMap::new(), gzip(TEXT), BodyEnd::Complete);
        assert_eq!(text, TEXT, "without a header");
    }

    #[test]
    fn what_cannot_be_read_is_never_text() {
        for (coding, body) in [
            ("br", TEXT.to_vec()),
            ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd]),
            ("compress", vec![0x1f, 0x9d]),
            ("gzip, br", TEXT.to_vec()),
        ] {
            let words = read(coding, body).unwrap_err();
            assert!(words.contains(coding.rsplit(' ').next().unwrap()), "{words}");
        }
        let whole = gzip(TEXT);
        for cut in [2, 5, 12, whole.len() - 1] {
            assert!(read("gzip", whole[..cut].to_vec()).is_err(), "{cut}");
        }
        assert!(read("gzip", [&GZIP[..], b"rubbish"].concat()).is_err());
        assert!(read("gzip, gzip, gzip, gzip", TEXT.to_vec()).is_err());
    }

    #[test]
    fn a_bomb_is_cut_and_a_cut_body_is_read_as_far_as_it_goes() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let bomb = gzip(&vec![b' '; 50 << 20]);
        assert!(bomb.len() < KEPT_BYTES);
        let (text, end) = undo(&headers, bomb, BodyEnd::Complete);
        assert!(text.len() == KEPT_BYTES && matches!(end, BodyEnd::Cut));
        let long: Vec<u8> = (0..5_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let half = gzip(&long);
        let (text, end) = undo(&headers, half[..half.len() / 2].to_vec(), BodyEnd::Cut);
        assert!(long.starts_with(&text) && matches!(end, BodyEnd::Cut), "{}", text.len());
    }
}
