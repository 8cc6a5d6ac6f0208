//! What a schedule may be.

use std::time::Duration;

use outflow_core::sync::Schedule;

use super::{EXAMPLE, folder, load, told};

fn with(schedule: &str) -> Result<Schedule, Vec<String>> {
    let text = EXAMPLE.replace("{ every: 15m, start: now }", schedule);
    assert_ne!(text, EXAMPLE, "the example has a schedule to replace");
    let dir = folder(&[("outflow.yaml", &text), ("queries/users.sql", "SELECT 1")]);
    match load(dir.path()) {
        Ok(project) => Ok(project.syncs[0].schedule.clone()),
        Err(errors) => Err(told(&errors)),
    }
}

#[test]
fn intervals_and_calendars_are_read() {
    let cron = |cron: &str, timezone: &str| Schedule::Cron { cron: cron.into(), timezone: timezone.into() };
    assert_eq!(with("manual"), Ok(Schedule::Manual));
    assert_eq!(with("{ every: 1m }"), Ok(Schedule::Every { every: Duration::from_secs(60), start: None }));
    assert_eq!(
        with("{ cron: \"0 9 * * MON-FRI\", timezone: Europe/Berlin }"),
        Ok(cron("0 9 * * MON-FRI", "Europe/Berlin"))
    );
    assert_eq!(with("{ cron: \"@daily\" }"), Ok(cron("@daily", "UTC")));
}

#[test]
fn what_makes_no_schedule_is_told_with_its_place() {
    for (schedule, code) in [
        ("{ start: now }", "C006"),
        ("{ every: 30s }", "C005"),
        ("{ every: 15m, cron: \"* * * * *\" }", "C012"),
        ("{ every: 15m, timezone: UTC }", "C012"),
        ("{ cron: \"0 9 * *\" }", "C005"),
        ("{ cron: \"0 25 * * *\" }", "C005"),
        ("{ cron: \"0 0 30 2 *\" }", "C005"),
        ("{ cron: \"0 9 * * *\", timezone: Berlin }", "C005"),
        ("{ cron: \"0 9 * * *\", start: 2030-01-01 }", "C012"),
    ] {
        let told = with(schedule).unwrap_err();
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{code} outflow.yaml:18:")),
            "{schedule}: {told:?}"
        );
    }
}

#[test]
fn the_line_that_is_given_for_a_schedule_works_in_its_turn() {
    const FORMS: [&str; 40] = [
        "30s",
        "15m",
        "90s",
        "500d",
        "1h30m",
        "1h 30m",
        "1.5h",
        "0.5d",
        "PT15M",
        "15 minutes",
        "every 2 hours",
        "@every 15m",
        "every day",
        "1 week",
        "2 months",
        "rate(5 minutes)",
        "hourly",
        "@hourly",
        "@daily",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "quarterly",
        "weekdays",
        "*/15 * * * *",
        "0 9 * * MON-FRI",
        "0 */15 * * * *",
        "cron(0 9 * * ? *)",
        "0 0 9 ? * MON-FRI *",
        "60 * * * *",
        "daily at 9am",
        "09:00",
        "every day at 17:30",
        "never",
        "off",
        "sometimes",
        "15",
        "0",
        "99999999",
    ];
    let folder_of = |schedule: &str| {
        let text = EXAMPLE.replace("{ every: 15m, start: now }", schedule);
        folder(&[("outflow.yaml", &text), ("queries/users.sql", "SELECT 1")])
    };
    for form in FORMS {
        let is_plain = !form.starts_with(['*', '@']) && form.parse::<u64>().is_err();
        let quoted = format!("\"{form}\"");
        let mut written = vec![
            quoted.clone(),
            form.to_owned(),
            format!("{{ every: {quoted} }}"),
            format!("{{ cron: {quoted} }}"),
        ];
        if is_plain && !form.contains(['?', '{', ':']) {
            written.push(format!("{{ every: {form} }}"));
        }
        for schedule in written {
            let Err(errors) = load(folder_of(&schedule).path()) else { continue };
            let help = errors[0].help_text().unwrap_or_default();
            let offered: Vec<&str> = help.split("chedule: ").skip(1).collect();
            if offered.is_empty() {
                let line = help.strip_prefix("write ").filter(|line| !line.contains(' '));
                match line {
                    Some(line) => {
                        assert!(with(&format!("{{ every: {line} }}")).is_ok(), "{schedule}: {help}")
                    }
                    None => assert!(help.starts_with("five fields"), "{schedule}: {help}"),
                }
            }
            for line in offered {
                let line = match line.find('}') {
                    Some(end) if line.starts_with('{') => &line[..=end],
                    _ => line.split([' ', ',']).next().unwrap(),
                };
                assert!(with(line).is_ok(), "{schedule}: {help}: {line}");
            }
        }
    }
}
