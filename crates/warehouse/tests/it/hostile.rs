//! Servers whose bytes have been tampered with: an error or a result, but no panic, no hang, no row of the wrong shape.

use std::time::Duration;

use outflow_core::Code;
use outflow_testkit::{Rng, seed};

use crate::fake::{authentication, described, done, message, ready, row, saying, welcome};
use crate::{read, select};

fn session() -> Vec<u8> {
    let rows: Vec<u8> =
        (0..20).flat_map(|i: u32| row(&[Some(&"x".repeat(i as usize)), None, Some("3")])).collect();
    [
        authentication(0, b""),
        welcome(),
        (0..4).flat_map(|_| done()).collect(),
        described(&[("a", 25), ("b", 20), ("c", 1700)]),
        message(b'2', b""),
        rows,
        message(b'N', b"SNOTICE\0Mx\0\0"),
        message(b'C', b"SELECT\0"),
        ready(),
    ]
    .concat()
}

/// Changes a few bytes, lies about a length, repeats, drops or swaps a stretch.
fn tamper(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let length = bytes.len() as u64;
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
    for round in 0..1500 {
        let mut bytes = session();
        tamper(&mut bytes, &mut rng);
        let server = saying(bytes).await;
        // `read` checks the shape of every row.
        let outcome =
            tokio::time::timeout(Duration::from_secs(20), read(&server, select("SELECT a FROM t"))).await;
        match outcome.unwrap_or_else(|_| panic!("round {round} hangs")) {
            Ok(_) => read_through += 1,
            Err(error) => {
                failed += 1;
                assert!(error.code() != Code::S003, "round {round}: {error}");
            }
        }
    }
    assert!(failed > 500 && read_through > 20, "{failed} failed, {read_through} read through");
}
