//! The harness that kills programs.

use std::time::Duration;

use outflow_testkit::crash::{Program, assert_can_trace, kill_often};
use outflow_testkit::{Rng, seed};

fn shell(script: &str) -> Program {
    Program::new("/bin/sh").args(["-c", script])
}

#[test]
fn exit_code_and_output_are_collected() {
    let exit = shell("echo out; echo err >&2; pwd; echo $WORD; exit 4").env("WORD", "word").folder("/").run();
    exit.assert_code(4);
    assert_eq!((exit.stdout.as_str(), exit.stderr.as_str()), ("out\n/\nword\n", "err\n"));
    assert!(!exit.was_killed());
}

#[test]
fn a_kill_comes_in_time_or_not_at_all() {
    let killed = shell("exec sleep 60").spawn().kill_after(Duration::from_millis(10));
    assert!(killed.was_killed() && killed.code.is_none(), "{killed:?}");
    let ended = shell("exit 3").spawn().kill_after(Duration::from_secs(60));
    ended.assert_code(3);
}

#[test]
fn a_signal_reaches_the_program() {
    let running = shell("trap 'exit 9' TERM; while :; do sleep 0.01; done").spawn();
    running.signal("TERM");
    let exit = running.wait();
    // The shell may not have set its trap yet: then the signal itself ends it.
    assert!(exit.code == Some(9) || exit.signal == Some(15), "{exit:?}");
}

#[test]
fn a_program_is_killed_as_often_as_asked_and_then_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo x >> starts; [ $(wc -l < starts) -gt 5 ] && exit 0; exec sleep 60";
    let mut rng = Rng::new(seed());
    let program = shell(script).folder(folder.path());
    // A start may be killed before it has counted itself: then the last ones run on, so there are a
    // few more of them.
    let campaign = kill_often(&program, 5, Duration::from_millis(200), &mut rng, |_| false);
    assert!(campaign.kills <= 5);
    assert_eq!(campaign.exits.iter().filter(|exit| exit.was_killed()).count(), campaign.kills);
    assert!(!campaign.exits.last().unwrap().was_killed());
}

#[test]
fn a_program_is_killed_at_its_nth_call_and_not_before() {
    assert_can_trace();
    let folder = tempfile::tempdir().unwrap();
    // Each redirection with > opens one file; the third unlink is the one that does not come about.
    let program = shell("for i in 1 2 3 4; do echo > f$i; done; exec rm f1 f2 f3 f4").folder(folder.path());
    let exit = program.killed_at("unlink,unlinkat", 3).run();
    assert!(exit.was_killed(), "{exit:?}");
    let left = |name: &str| folder.path().join(name).exists();
    assert_eq!(["f1", "f2", "f3", "f4"].map(left), [false, false, true, true]);
    assert!(!program.killed_at("unlink,unlinkat", 5).run().was_killed());
}

#[test]
fn what_a_program_says_on_standard_error_is_heard_while_it_runs() {
    let running = shell("echo ready >&2; echo more >&2; exec sleep 60").spawn();
    let limit = Duration::from_secs(20);
    assert_eq!(running.next_line(limit).as_deref(), Some("ready"));
    assert_eq!(running.next_line(limit).as_deref(), Some("more"));
    assert!(!running.has_ended());
    let exit = running.kill();
    assert_eq!(exit.stderr, "ready\nmore\n");
}
