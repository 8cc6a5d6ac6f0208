//! Servers whose bytes have been tampered with: an error or a result, but no panic, no hang, no row
//! of the wrong shape.

use std::time::Duration;

use outflow_core::Code;
use outflow_core::ports::warehouse::Statement;
use outflow_testkit::{Rng, seed};

use crate::fake::{accept, authentication, described, done, listen, message, ready, row, saying, welcome};
use crate::{read, select};

/// One of the conversations that a server can have with us, as the bytes that it sends.
fn session(rng: &mut Rng) -> (Vec<u8>, Statement) {
    let mut statement = select("SELECT a FROM t");
    let counted = |part: &[u8]| [&(part.len() as u32).to_be_bytes(), part].concat();
    let digest = [&[0, 0, 0, 0][..], &counted(b"salt"), &counted(b"server nonce")].concat();
    let log_in = match rng.below(4) {
        0 => authentication(3, b""),
        1 => authentication(5, b"salt"),
        2 => authentication(13, &digest),
        _ => Vec::new(),
    };
    let rows: Vec<u8> =
        (0..20).flat_map(|i: u32| row(&[Some(&"x".repeat(i as usize)), None, Some("3")])).collect();
    let error = message(b'E', b"SERROR\0C42703\0Mcolumn \"a\" does not exist\0P8\0\0");
    let (before, answer) = match rng.below(5) {
        // The database reports an error where columns are due, or after some rows.
        0 => ([error, ready()].concat(), Vec::new()),
        1 => (described(THREE), [message(b'2', b""), rows, error, ready()].concat()),
        // A limit goes through a portal with a name.
        2 => {
            statement.limit = Some(20);
            (described(THREE), [message(b'2', b""), rows, message(b's', b""), ready()].concat())
        }
        _ => {
            let notice = message(b'N', b"SNOTICE\0Mx\0\0");
            (
                described(THREE),
                [message(b'2', b""), rows, notice, message(b'C', b"SELECT\0"), ready()].concat(),
            )
        }
    };
    let settings = (0..4).flat_map(|_| done()).collect();
    (([log_in, authentication(0, b""), welcome(), settings, before, answer].concat()), statement)
}

const THREE: &[(&str, u32)] = &[("a", 25), ("b", 20), ("c", 1700)];

/// Changes a few bytes, lies about a length, repeats, drops or swaps a stretch.
fn tamper(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let length = bytes.len() as u64;
        if length == 0 {
            return;
        }
        let at = rng.below(length) as usize;
        let end = at + rng.below((length - at as u64).min(40) + 1) as usize;
        match rng.below(6) {
            0 => bytes[at] = rng.next_u64() as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let stretch = bytes[at..end].to_vec();
                let to = rng.below(length) as usize;
                bytes.splice(to..to, stretch);
            }
            4 if at + 4 <= bytes.len() => {
                let lies =
                    [0, 3, 4, 5, 1 << 16, 1 << 20, (64 << 20) + 1, 1 << 31, u32::MAX, rng.next_u64() as u32];
                let lie = lies[rng.below(lies.len() as u64) as usize];
                bytes[at..at + 4].copy_from_slice(&lie.to_be_bytes());
            }
            _ => bytes.truncate(at + 1),
        }
    }
}

#[tokio::test]
async fn a_tampered_stream_gives_an_error_or_rows_and_never_a_panic_or_a_hang() {
    let mut rng = Rng::new(seed());
    let (mut failed, mut read_through) = (0, 0);
    let (listener, settings) = listen().await;
    let server = crate::open(settings).unwrap();
    let rounds = if std::env::var_os("OUTFLOW_LONG").is_some() { 100_000 } else { 2_500 };
    for round in 0..rounds {
        let (mut bytes, statement) = session(&mut rng);
        tamper(&mut bytes, &mut rng);
        let say = async {
            let mut peer = accept(&listener).await;
            peer.send(&bytes).await;
            peer.finish().await;
        };
        // `read` checks the shape of every row.
        let both = async { tokio::join!(read(&server, statement), say).0 };
        let outcome = tokio::time::timeout(Duration::from_secs(20), both).await;
        match outcome.unwrap_or_else(|_| panic!("round {round} hangs")) {
            Ok(_) => read_through += 1,
            Err(error) => {
                failed += 1;
                assert!(error.code() != Code::SourceTimeout, "round {round}: {error}");
            }
        }
    }
    assert!(
        failed > rounds / 3 && read_through > rounds / 100,
        "{failed} failed, {read_through} read through"
    );
}

/// Each length and count of a conversation, by itself, says the most that it can, and then nothing
/// more comes: the client must neither wait for what was claimed once the server has closed, nor
/// make room for it.
#[tokio::test]
async fn each_length_that_lies_is_an_error() {
    let settings: Vec<u8> = (0..4).flat_map(|_| done()).collect();
    let result =
        [message(b'2', b""), row(&[Some("x"), None, Some("3")]), message(b'C', b"SELECT\0"), ready()];
    let whole = [authentication(0, b""), welcome(), settings, described(THREE), result.concat()].concat();
    let mut at = 0;
    let mut lengths = 0;
    while at < whole.len() {
        let length = u32::from_be_bytes(whole[at + 1..at + 5].try_into().unwrap()) as usize;
        for lie in [0, 3, length as u32 - 1, length as u32 + 1, 1 << 20, 64 << 20, i32::MAX as u32, u32::MAX]
        {
            let mut bytes = whole.clone();
            bytes[at + 1..at + 5].copy_from_slice(&lie.to_be_bytes());
            let server = saying(bytes).await;
            let reading = read(&server, select("SELECT a FROM t"));
            let outcome = tokio::time::timeout(Duration::from_secs(20), reading).await;
            let outcome = outcome.unwrap_or_else(|_| panic!("hangs: message at {at} claims {lie}"));
            // The last message has said all that it has to say with its tag.
            let last = at + 1 + length == whole.len() && lie == length as u32 - 1;
            assert!(outcome.is_err() || last, "message {:?} at {at} claims {lie}", char::from(whole[at]));
        }
        at += 1 + length;
        lengths += 1;
    }
    assert!(lengths > 15, "{lengths}");
}
