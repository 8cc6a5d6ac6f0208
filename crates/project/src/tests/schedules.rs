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
