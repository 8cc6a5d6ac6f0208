//! The demo's warehouse: believable people and what they do, the same at every start.
//!
//! All values follow from the row's number. A few rows are bad on purpose: a person without an id,
//! an event without a name, a company type that is no number, a merge without an old id.

use std::path::Path;

use rusqlite::{Connection, Result, params};

const FIRST: [&str; 16] = [
    "Olivia", "Liam", "Emma", "Noah", "Amélie", "Oliver", "Sophia", "Mateo", "Zoë", "Lucas", "Søren", "Mia",
    "Aiko", "Omar", "Priya", "Siobhán",
];
const LAST: [&str; 12] = [
    "Smith", "Müller", "García", "O'Brien", "Nguyen", "Rossi", "Kowalski", "Haddad", "Silva", "Tanaka",
    "Okafor", "Dubois",
];
const EVENTS: [&str; 4] = ["Order Completed", "Product Viewed", "Cart Updated", "Subscription Renewed"];
const PAGES: [(&str, &str); 5] = [
    ("Home", ""),
    ("Pricing", "pricing"),
    ("Docs", "docs"),
    ("Blog", "blog/launch"),
    ("Checkout", "checkout"),
];
const SCREENS: [&str; 4] = ["Feed", "Profile", "Settings", "Inbox"];
/// The receiver takes no call about this person.
pub const SUPPRESSED: &str = "person13@example.com";
/// An event without a name comes in with each change whose number is a multiple of this.
const BAD_EACH: u32 = 20;
/// This many companies come in at once.
const IMPORTED: u64 = 140;
/// The first moment of the shop's history: 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600;
/// Its history spans this many seconds: about 90 days.
const SPAN: u64 = 7_776_000;

const TABLES: &str = "
CREATE TABLE users (id INTEGER, email_address TEXT, fname TEXT, lname TEXT, msisdn TEXT, last_updated INTEGER);
CREATE TABLE events (id INTEGER, event_name TEXT, products JSON, total_price REAL, timestamp INTEGER);
CREATE TABLE companies (companyId TEXT, objectTypeId TEXT, companyname TEXT, employees INTEGER, personId INTEGER, last_updated INTEGER);
CREATE TABLE pages (id INTEGER, metatitle TEXT, url TEXT, time_on_page REAL, timestamp INTEGER);
CREATE TABLE screens (id INTEGER, screen_name TEXT, session_started DATETIME, timestamp INTEGER);
CREATE TABLE user_resolution (id INTEGER, old_id TEXT, timestamp INTEGER);
";

/// A number in 0..n that follows from the row and a salt (splitmix64).
fn pick(row: u64, salt: u64, n: u64) -> u64 {
    let mut z = row.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt << 32);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % n
}

fn moment(row: u64, salt: u64) -> i64 {
    BEGIN + pick(row, salt, SPAN) as i64
}

/// Writes a shop with that many people.
pub fn create(path: &Path, people: u32) -> Result<()> {
    let mut db = Connection::open(path)?;
    db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;")?;
    let tx = db.transaction()?;
    tx.execute_batch(TABLES)?;
    let people = u64::from(people);
    for i in 1..=people {
        user(&tx, i, moment(i, 1))?;
        screen(&tx, i, moment(i, 2))?;
    }
    for i in 1..=people * 3 {
        event(&tx, i, 1 + pick(i, 3, people), moment(i, 4))?;
    }
    for i in 1..=people * 2 {
        page(&tx, i, 1 + pick(i, 5, people), moment(i, 6))?;
    }
    for i in 1..=people / 10 {
        company(&tx, i, 1 + pick(i, 7, people), moment(i, 8))?;
        merge(&tx, i, 1 + pick(i, 9, people), moment(i, 10))?;
    }
    tx.execute("INSERT INTO users VALUES (NULL, NULL, 'Nobody', 'Unknown', NULL, ?1)", params![BEGIN])?;
    tx.execute(
        "INSERT INTO users VALUES (NULL, 'lead@example.com', 'Lee', 'Lead', NULL, ?1)",
        params![BEGIN],
    )?;
    tx.execute("INSERT INTO events VALUES (7, NULL, NULL, 9.5, ?1)", params![BEGIN])?;
    tx.execute("INSERT INTO companies VALUES ('c-0', 'two', 'Typo Ltd', 3, 7, ?1)", params![BEGIN])?;
    tx.execute("INSERT INTO user_resolution VALUES (7, '  ', ?1)", params![BEGIN])?;
    tx.commit()
}

/// Changes some people and adds what happened since, all stamped `at`. Says how many rows that are.
pub fn change(path: &Path, at: i64, round: u32) -> Result<u64> {
    let mut db = Connection::open(path)?;
    let tx = db.transaction()?;
    let people: u64 = tx.query_row("SELECT max(id) FROM users", [], |r| r.get::<_, i64>(0))? as u64;
    let base = people * 10 * u64::from(round);
    let some = (people / 50).max(5);
    let mut rows = 0;
    for i in 0..some {
        let id = 1 + pick(base + i, 20, people);
        rows += tx.execute(
            "UPDATE users SET msisdn = ?2, last_updated = ?3 WHERE id = ?1 AND last_updated < ?3",
            params![id as i64, format!("+1555{:07}", pick(base + i, 21, 10_000_000)), at],
        )? as u64;
        event(&tx, base + i, id, at)?;
        page(&tx, base + i, id, at)?;
        rows += 2;
    }
    for i in 0..some / 5 + 1 {
        let id = 1 + pick(base + i, 22, people);
        user(&tx, people + 1 + i, at)?;
        screen(&tx, id, at)?;
        company(&tx, base + i, id, at)?;
        merge(&tx, base + i, id, at)?;
        rows += 4;
    }
    if round.is_multiple_of(BAD_EACH) {
        tx.execute("INSERT INTO events VALUES (7, NULL, NULL, 9.5, ?1)", params![at])?;
        rows += 1;
    }
    tx.commit()?;
    Ok(rows)
}

/// Companies that come in at once, stamped `at`: more than the guard of their sync lets through.
pub fn import(path: &Path, at: i64, people: u32) -> Result<()> {
    let mut db = Connection::open(path)?;
    let tx = db.transaction()?;
    for i in 0..IMPORTED {
        company(&tx, 1_000_000 + i, 1 + pick(i, 26, people.into()), at)?;
    }
    tx.commit()
}

fn user(db: &Connection, i: u64, at: i64) -> Result<()> {
    let (first, last) = (FIRST[pick(i, 11, 16) as usize], LAST[pick(i, 12, 12) as usize]);
    let phone = (pick(i, 13, 10) < 7).then(|| format!("+1415{:07}", pick(i, 14, 10_000_000)));
    db.prepare_cached("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![i as i64, format!("person{i}@example.com"), first, last, phone, at])
        .map(drop)
}

fn event(db: &Connection, i: u64, person: u64, at: i64) -> Result<()> {
    let (sku, quantity) = (pick(i, 15, 500), 1 + pick(i, 16, 4));
    let products = format!(r#"[{{"sku":"SKU-{sku:04}","quantity":{quantity}}}]"#);
    let price = (500 + pick(i, 17, 20_000)) as f64 / 100.0;
    db.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![person as i64, EVENTS[pick(i, 18, 4) as usize], products, price, at])
        .map(drop)
}

fn company(db: &Connection, i: u64, person: u64, at: i64) -> Result<()> {
    let name = format!("{} & Partners {i}", LAST[pick(i, 12, 12) as usize]);
    db.prepare_cached("INSERT INTO companies VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![format!("c-{i}"), "1", name, 1 + pick(i, 19, 5_000) as i64, person as i64, at])
        .map(drop)
}

fn page(db: &Connection, i: u64, person: u64, at: i64) -> Result<()> {
    let (title, path) = PAGES[pick(i, 23, 5) as usize];
    let seconds = pick(i, 24, 3_000) as f64 / 10.0;
    db.prepare_cached("INSERT INTO pages VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![person as i64, title, format!("https://shop.example.com/{path}"), seconds, at])
        .map(drop)
}

fn screen(db: &Connection, person: u64, at: i64) -> Result<()> {
    db.prepare_cached("INSERT INTO screens VALUES (?1, ?2, datetime(?3 - 40, 'unixepoch'), ?3)")?
        .execute(params![person as i64, SCREENS[pick(person, 25, 4) as usize], at])
        .map(drop)
}

fn merge(db: &Connection, i: u64, person: u64, at: i64) -> Result<()> {
    db.prepare_cached("INSERT INTO user_resolution VALUES (?1, ?2, ?3)")?
        .execute(params![person as i64, format!("anonymous-{i:08x}"), at])
        .map(drop)
}
