//! A disk that fills up under `outflow serve`, down to its reserve and down to nothing. Promise 6
//! of `docs/GUARANTEES.md`.
//!
//! The state lies on a small file system of its own, in a mount namespace of its own; the machine's
//! disks are not touched.

use std::os::fd::AsRawFd as _;
use std::{fs, io};

use outflow_testkit::crash::Program;
use outflow_testkit::{Judge, Postgres, Receiver, Reply, Report};

use crate::serving::Serving;
use crate::support::{Project, document, sync, yaml};

/// How this machine lets us mount: in a mount namespace (as root), or in a user namespace too.
fn namespaces() -> &'static [&'static str] {
    let mut said = String::new();
    for way in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mount = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"];
        let exit = Program::new("unshare").args(way.iter().chain(&mount).copied()).run();
        if exit.code == Some(0) {
            return way;
        }
        said += &exit.stderr;
    }
    panic!(
        "this test mounts a small disk in a namespace of its own, which this machine forbids (in a container: --cap-add SYS_ADMIN): {said}"
    );
}

/// `outflow serve`, its state on a disk of 64 MiB of which a file takes a part. The disk stays for
/// as long as this does.
struct Room {
    receiver: Receiver,
    project: Project,
    serving: Option<Serving>,
    /// The namespaces in which the disk is seen, and its root.
    namespaces: Vec<(&'static str, fs::File)>,
    disk: fs::File,
}

/// Where another process finds what we hold open.
fn held(file: &fs::File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

impl Room {
    fn new(name: &str, reserve: &str, ballast: u32) -> Room {
        let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
        let hook = format!(r#"type: webhook, url: "{}", concurrency: 2, max_calls: 100"#, receiver.url());
        let small = sync("identify", r#"SELECT i AS "userId" FROM generate_series(1, 2000) i"#);
        // About 20 MB that no compression makes small.
        let large = sync(
            "identify",
            r#"SELECT 'l' || i AS "userId", (SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 64) j) AS text FROM generate_series(1, 10000) i"#,
        );
        let file = yaml(&database, &[("hook", &hook)], &[("small", &small), ("large", &large)]);
        let project = Project::new(&format!("{file}spool: {{ disk_reserve: {reserve} }}\n"));
        let script = format!(
            "mkdir .outflow && mount -t tmpfs -o size=64m,mode=700 tmpfs .outflow && head -c {ballast}M /dev/zero > .outflow/ballast && exec \"$@\""
        );
        let ways = namespaces();
        let server = project.server().within("unshare", ways, &["sh", "-c", &script, "sh"]);
        let mut serving = Serving::of(&project, &server);
        assert!(serving.is_up());
        let process = format!("/proc/{}", serving.id());
        let open = |path: String| fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut namespaces = vec![("--mount", open(format!("{process}/ns/mnt")))];
        if ways.contains(&"--user") {
            namespaces.push(("--user", open(format!("{process}/ns/user"))));
        }
        let disk = open(format!("{process}/root{}/.outflow", project.path().display()));
        serving.reached_at(&held(&disk));
        Room { receiver, project, serving: Some(serving), namespaces, disk }
    }

    /// The binary where the disk is seen.
    fn program(&self, args: &[&str]) -> Program {
        let entered = self.namespaces.iter().map(|(option, file)| format!("{option}={}", held(file)));
        let mut options: Vec<String> = entered.collect();
        if options.len() > 1 {
            options.push("--preserve-credentials".to_owned());
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        // The folder it starts in is still that from outside.
        let folder = self.project.path().to_str().unwrap();
        self.project.program(&[args, &["--project", folder]].concat()).within("nsenter", &options, &["--"])
    }

    fn serving(&mut self) -> &mut Serving {
        self.serving.as_mut().unwrap()
    }

    fn ballast(&self) -> String {
        held(&self.disk) + "/ballast"
    }

    /// A run of `small` is extracted, and its destination does not take it.
    fn extract_small(&mut self) -> u64 {
        self.receiver.always(Reply::status(503));
        let run = self.serving().trigger("small").unwrap();
        self.serving().event("extracted", Some("small")).unwrap();
        run
    }

    /// There is room, and `serve` is there: everything arrives, and every run adds up.
    fn finish(mut self, test: &'static str, what: &str, reason: &str) {
        assert_eq!(self.serving().drain("small").unwrap().1, "succeeded");
        assert_eq!(self.serving().drain("large").unwrap().1, "succeeded");
        let expected = (1..=2_000).map(|i| i.to_string()).chain((1..=10_000).map(|i| format!("l{i}")));
        let verdict = Judge::expecting(expected).judge(&self.receiver.arrivals());
        verdict.assert_at_least_once();
        let runs = self.program(&["runs", "--limit", "0", "--output", "json"]).run();
        for run in document(&runs).as_array().unwrap().iter().filter(|run| run["state"] != "failed") {
            self.program(&["verify", &run["run"].to_string()]).run().assert_code(0);
        }
        self.serving.take().unwrap().stop();
        Report::new(test, what, 1).judged(&verdict).with("what it said:", reason).print();
    }
}

#[test]
fn at_the_disk_reserve_deliveries_go_on_a_large_result_fails_with_its_size_and_all_resumes_by_itself() {
    // Of 64 MiB 24 stay in reserve: 10 MiB are left for a result.
    let mut room = Room::new("room_reserve", "24MiB", 30);
    let first = room.extract_small();
    let large = room.serving().trigger("large").unwrap();
    let told = room.serving().event("run failed", Some("large")).unwrap();
    assert_eq!((told["code"].as_str(), told["run"].as_u64()), (Some("P001"), Some(large)), "{told}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("are written") && reason.contains("MiB are free"), "{reason}");
    // The disk is at its reserve, and the other run is delivered.
    room.receiver.always(Reply::ok());
    assert_eq!(room.serving().end_of(first).unwrap().1, "succeeded");
    assert_eq!(room.serving().drain("small").unwrap().1, "succeeded");
    fs::remove_file(room.ballast()).unwrap();
    room.finish(
        "room::at_the_disk_reserve_deliveries_go_on_a_large_result_fails_with_its_size_and_all_resumes_by_itself",
        "a result larger than the room above the disk reserve, under `serve`, then room",
        reason,
    );
}

impl Room {
    /// Others fill the disk to the last byte, and then the run's destination takes calls: that can
    /// be remembered no more.
    fn fill(&mut self) -> fs::File {
        let mut ballast = fs::OpenOptions::new().append(true).open(self.ballast()).unwrap();
        let error = io::copy(&mut io::repeat(0), &mut ballast).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        self.receiver.always(Reply::ok());
        let told = self.serving().event("waiting for room", None).unwrap();
        assert_eq!(told["code"], "T004", "{told}");
        ballast
    }

    /// A file that someone holds open keeps its room.
    fn empty(&self, ballast: fs::File) {
        drop(ballast);
        fs::remove_file(self.ballast()).unwrap();
    }
}

/// No reserve helps against others who fill the disk.
#[test]
fn on_a_disk_that_others_fill_to_the_last_byte_serve_stands_still_and_goes_on_when_there_is_room() {
    let mut room = Room::new("room_full", "1MiB", 30);
    let first = room.extract_small();
    let ballast = room.fill();
    room.empty(ballast);
    assert_eq!(room.serving().end_of(first).unwrap().1, "succeeded");
    room.finish(
        "room::on_a_disk_that_others_fill_to_the_last_byte_serve_stands_still_and_goes_on_when_there_is_room",
        "a disk without a free byte (ENOSPC) under a delivery of `serve`, then room",
        "waiting for room: T004",
    );
}

#[test]
fn a_stop_without_room_says_so_and_the_next_process_goes_on() {
    let mut room = Room::new("room_stop", "1MiB", 30);
    let first = room.extract_small();
    let ballast = room.fill();
    let serving = room.serving.take().unwrap();
    serving.signal("TERM");
    let exit = serving.wait();
    exit.assert_code(1);
    assert!(exit.stderr.contains("T004") && exit.stderr.contains("full"), "{exit:?}");

    room.empty(ballast);
    let server = room.program(&["serve", "--output", "json"]);
    let mut serving = Serving::of(&room.project, &server);
    serving.reached_at(&held(&room.disk));
    assert!(serving.is_up());
    assert_eq!(serving.end_of(first).unwrap().1, "succeeded");
    room.serving = Some(serving);
    room.finish(
        "room::a_stop_without_room_says_so_and_the_next_process_goes_on",
        "a stop of `serve` on a disk without a free byte, then room and a new start",
        "T004, exit 1",
    );
}
