//! How many rows per second one core shapes: 200,000 rows like the `users` table of the benchmark's
//! data set, as identify calls.
//!
//! `cargo run --release -p outflow-mapping --example bench_mapping`

use std::time::Instant;

use outflow_core::{CallType, Column, ColumnType, RowPage, RunKey, Timestamp};
use outflow_mapping::{Plan, RowEncoder};

const ROWS: u64 = 200_000;
const ROUNDS: usize = 7;

/// The columns of `users`, with the identifier named as an identify query names it.
const COLUMNS: [(&str, ColumnType); 13] = [
    ("userId", ColumnType::Int),
    ("email", ColumnType::Text),
    ("fname", ColumnType::Text),
    ("lname", ColumnType::Text),
    ("phone", ColumnType::Text),
    ("plan", ColumnType::Text),
    ("created_at", ColumnType::TimestampTz),
    ("last_updated", ColumnType::TimestampTz),
    ("lifetime_value", ColumnType::Numeric),
    ("is_active", ColumnType::Bool),
    ("country", ColumnType::Char),
    ("signup_source", ColumnType::Text),
    ("attributes", ColumnType::Text),
];

const FIRST: [&str; 8] = ["Olivia", "Liam", "Emma", "Noah", "Amélie", "Zoë", "Søren", "O'Brien"];
const LAST: [&str; 8] = ["Smith", "Johnson", "García", "Miller", "Rodríguez", "Taylor", "Müller", "Wilson"];
const CITIES: [&str; 6] = ["Zürich", "New York", "São Paulo", "London", "東京", "Berlin"];

/// A fixed mix of `i`, below `limit`: the same rows on every machine.
fn mix(i: u64, kind: u64, limit: u64) -> u64 {
    let n = i.wrapping_mul(2_654_435_761).wrapping_add(kind.wrapping_mul(40_503)) % 4_294_967_296;
    (n ^ (n >> 15)).wrapping_mul(1_103_515_245) % 4_294_967_291 % limit
}

fn pick<'a>(i: u64, kind: u64, words: &[&'a str]) -> &'a str {
    words[mix(i, kind, words.len() as u64) as usize]
}

fn push_row(page: &mut RowPage, i: u64) {
    let (fname, lname) = (pick(i, 1, &FIRST), pick(i, 2, &LAST));
    let phone = (mix(i, 4, 10) < 7).then(|| format!("+1{:010}", 2_000_000_000 + mix(i, 5, 800_000_000)));
    let time = |kind| {
        let (month, day) = (1 + mix(i, kind, 12), 1 + mix(i, kind + 1, 28));
        format!("{month:02}-{day:02} {:02}:{:02}:{:02}", mix(i, kind + 2, 24), mix(i, kind + 3, 60), i % 60)
    };
    let attributes = format!(
        r#"{{"locale":"{}","tags":["{}","{}"],"score":{},"city":"{}","opt_in":{},"seats":{}}}"#,
        pick(i, 14, &["en-US", "en-GB", "de-DE", "ja-JP"]),
        pick(i, 15, &["vip", "trial", "churn-risk", "beta"]),
        pick(i, 16, &["web", "ios", "android"]),
        mix(i, 17, 1000),
        pick(i, 18, &CITIES),
        mix(i, 19, 2) == 0,
        mix(i, 20, 50)
    );
    let texts = [
        Some(i.to_string()),
        Some(format!(
            "{}.{}{i}@{}",
            fname.to_lowercase(),
            lname.to_lowercase(),
            pick(i, 3, &["example.com", "mail.example.org"])
        )),
        Some(fname.to_owned()),
        Some(lname.to_owned()),
        phone,
        Some(pick(i, 6, &["free", "starter", "pro", "business", "enterprise"]).to_owned()),
        Some(format!("2019-{}+00", time(30))),
        Some(format!("2026-{}.{:06}+00", time(40), mix(i, 9, 1_000_000))),
        Some(format!("{}.{:02}", mix(i, 10, 50_000), mix(i, 11, 100))),
        Some(if mix(i, 11, 10) < 8 { "t" } else { "f" }.to_owned()),
        Some(pick(i, 12, &["US", "GB", "DE", "FR"]).to_owned()),
        Some(pick(i, 13, &["organic", "google_ads", "referral", "newsletter"]).to_owned()),
        Some(attributes),
    ];
    page.push(texts.iter().map(|text| text.as_ref().map(String::as_bytes)));
}

fn main() {
    let columns =
        COLUMNS.map(|(name, ty)| Column { name: name.to_owned(), ty, declared: ty.name().to_owned() });
    let mut page = RowPage::default();
    for i in 1..=ROWS {
        push_row(&mut page, i);
    }
    let plan =
        Plan::compile(CallType::Identify, &columns).expect("these are the columns of an identify query");
    let mut encoder = RowEncoder::new(plan, RunKey(7), Timestamp::UNIX_EPOCH);
    let mut out = Vec::with_capacity(1 << 20);
    let mut seconds = Vec::new();
    let mut bytes = 0_u64;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        bytes = 0;
        let mut mixed = 0;
        for (ordinal, row) in page.iter().enumerate() {
            // A block of the spool is cut at 512 KiB: the buffer stays in the cache, as it does
            // there.
            if out.len() > 512 << 10 {
                bytes += out.len() as u64;
                out.clear();
            }
            let shaped = encoder.shape(row, ordinal as u64, &mut out).expect("every row is good");
            mixed ^= shaped.content;
        }
        bytes += out.len() as u64;
        out.clear();
        std::hint::black_box(mixed);
        seconds.push(begin.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[ROUNDS / 2];
    println!(
        "{:.0} rows/s, {:.0} bytes per call, {:.3} CPU s per 1,000,000 rows (one thread; median of {ROUNDS}; best {:.3})",
        ROWS as f64 / median,
        bytes as f64 / ROWS as f64,
        median * 1e6 / ROWS as f64,
        seconds[0] * 1e6 / ROWS as f64
    );
}
