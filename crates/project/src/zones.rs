//! The time zone that is meant by a name that is none.

/// Abbreviations that people use for places.
const SHORT: [(&str, &str); 20] = [
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PT", "America/Los_Angeles"),
    ("MDT", "America/Denver"),
    ("MT", "America/Denver"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CT", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("ET", "America/New_York"),
    ("BST", "Europe/London"),
    ("CEST", "Europe/Berlin"),
    ("EEST", "Europe/Helsinki"),
    ("MSK", "Europe/Moscow"),
    ("IST", "Asia/Kolkata"),
    ("SGT", "Asia/Singapore"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
];

/// What to write in place of a name that is no time zone.
pub(super) fn cure(written: &str) -> String {
    let short = SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(written.trim()));
    if let Some((_, zone)) = short {
        return format!("write the name of a place in the zone: timezone: {zone}");
    }
    let plain = |name: &str| name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let wanted = plain(written);
    let place = |name: &str| plain(name.rsplit('/').next().unwrap_or(name));
    let all: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let same = all.iter().find(|name| place(name) == wanted && name.contains('/'));
    let near = || all.iter().map(|name| (strsim::osa_distance(&plain(name), &wanted), name)).min();
    match same.or_else(|| near().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)) {
        Some(zone) => format!("did you mean {zone}?"),
        None => {
            "write the name of a place in the zone, such as Europe/Berlin or America/New_York, or UTC".into()
        }
    }
}
