//! A disk that fills up under `outflow serve`. Promise 6 of `docs/GUARANTEES.md`.

use std::time::Duration;

use outflow_testkit::crash::Program;
use outflow_testkit::{Judge, Postgres, Receiver, Reply, Report};

use crate::serving::Serving;
use crate::support::{Project, binary, document, sync, yaml};

/// `outflow serve` with a disk of its own for the state, of that size and with so much of it taken by a file `ballast`.
fn server_with_disk(project: &Project, mib: u32, ballast: u32) -> Program {
    let script = format!(
        "mkdir -p .outflow && mount -t tmpfs -o size={mib}m,mode=700 tmpfs .outflow && head -c {ballast}M /dev/zero > .outflow/ballast && exec \"$@\""
    );
    Program::new("unshare")
        .args(["-rm", "sh", "-c", &script, "sh"])
        .args([binary().into_os_string()])
        .args(["serve", "--output", "json"])
        .folder(project.path())
        .env("PG_PASSWORD", Postgres::shared().password())
        .env("NO_COLOR", "1")
}

fn assert_can_mount() {
    let probe = Program::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).run();
    assert!(
        probe.code == Some(0),
        "this test mounts a small disk in a namespace of its own, which this machine forbids (in a container: --security-opt seccomp=unconfined): {probe:?}"
    );
}

#[test]
fn at_the_disk_reserve_deliveries_go_on_a_large_result_fails_with_its_size_and_all_resumes_by_itself() {
    assert_can_mount();
    let (database, receiver) = (Postgres::shared().database("room"), Receiver::start_blocking());
    let hook = format!(r#"type: webhook, url: "{}", concurrency: 2, max_calls: 100"#, receiver.url());
    let small = sync("identify", r#"SELECT i AS "userId" FROM generate_series(1, 2000) i"#);
    // About 20 MB that no compression makes small.
    let large = sync(
        "identify",
        r#"SELECT 'l' || i AS "userId", (SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 64) j) AS text FROM generate_series(1, 10000) i"#,
    );
    let file = yaml(&database, &[("hook", &hook)], &[("small", &small), ("large", &large)]);
    let project = Project::new(&format!("{file}spool: {{ disk_reserve: 24MiB }}\n"));

    // 64 MiB, of which 24 stay in reserve: with the ballast 10 MiB are left for a result.
    let mut serving = Serving::of(&project, &server_with_disk(&project, 64, 30));
    assert!(serving.is_up());
    let folder = format!("/proc/{}/root{}/.outflow", serving.id(), project.path().display());
    serving.reached_at(&folder);
    receiver.always(Reply::status(503));
    let first = serving.trigger("small").unwrap();
    serving.event("extracted", Some("small")).unwrap();

    let failed = serving.trigger("large").unwrap();
    let told = serving.event("run failed", Some("large")).unwrap();
    let reason = told["reason"].as_str().unwrap();
    assert_eq!((told["code"].as_str(), told["run"].as_u64()), (Some("P001"), Some(failed)), "{told}");
    assert!(reason.contains("are written") && reason.contains("MiB are free"), "{reason}");
    // The disk is at its reserve, and the other run is delivered.
    receiver.always(Reply::ok());
    assert_eq!(serving.end_of(first).unwrap().1, "succeeded");
    assert_eq!(serving.drain("small").unwrap().1, "succeeded");

    std::fs::remove_file(format!("{folder}/ballast")).unwrap();
    assert_eq!(serving.drain("large").unwrap().1, "succeeded");
    let expected = (1..=2_000).map(|i| i.to_string()).chain((1..=10_000).map(|i| format!("l{i}")));
    let verdict = Judge::expecting(expected).judge(&receiver.arrivals());
    verdict.assert_at_least_once();
    let within = |args: &[&str]| {
        let id = serving.id().to_string();
        let enter = ["-t", &id, "-U", "-m", "--preserve-credentials", "--wd=/", "--"];
        Program::new("nsenter")
            .args(enter)
            .args([binary().into_os_string()])
            .args(args)
            .args(["--project"])
            .args([project.path()])
            .run()
    };
    let runs = within(&["runs", "--limit", "0", "--output", "json"]);
    runs.assert_code(0);
    for run in document(&runs).as_array().unwrap().iter().filter(|run| run["state"] != "failed") {
        within(&["verify", &run["run"].to_string()]).assert_code(0);
    }
    assert!(serving.stop().ran < Duration::from_secs(300));
    Report::new(
        "room::at_the_disk_reserve_deliveries_go_on_a_large_result_fails_with_its_size_and_all_resumes_by_itself",
        "a result larger than the room above the disk reserve, under `serve`, then room",
        1,
    )
    .judged(&verdict)
    .with("what it said", reason)
    .print();
}
