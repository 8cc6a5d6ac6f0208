//! Answers in forms that gateways give them, and what the environment has, with the real binary.

use outflow_testkit::{ForwardProxy, ForwardProxyOptions, Postgres, Receiver, Reply, free_port};

use crate::support::{Project, sync, yaml};

const QUERY: &str = r#"SELECT i AS "userId" FROM generate_series(1, 3) i"#;

/// `{"success":true}`, a page and an error, as gzip.
const SUCCESS: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2e\x4d\x4e\x4e\x2d\x2e\x56\xb2\x2a\x29\x2a\x4d\xad\x05\x00\xdf\xf7\xf6\x66\x10\x00\x00\x00";
const PAGE: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\x51\x74\xf1\x77\x0e\x89\x0c\x70\x55\xc8\x28\xc9\xcd\xb1\xb3\x29\xc9\x2c\xc9\x49\xb5\x0b\xc8\x49\x4d\x2c\x4e\x55\x28\xce\x4c\xcf\x53\xc8\xcc\xb3\xd1\x87\x88\x02\x00\x97\x5c\x22\x2b\x2c\x00\x00\x00";
const ERROR: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x2d\x2a\xca\x2f\x52\xb2\x52\x2a\xc9\x48\x55\x48\xcd\x4d\xcc\xcc\x51\xc8\x2c\x56\xc8\xcb\x2f\x51\x48\xcc\x53\x48\x4c\x49\x29\x4a\x2d\x2e\x56\xaa\x05\x00\xec\xcb\x53\xb3\x27\x00\x00\x00";

/// One sync to a webhook and to Customer.io, both at this receiver.
fn project(name: &str, receiver: &Receiver) -> Project {
    let database = Postgres::shared().database(name);
    let hook = format!(r#"type: webhook, url: "{}""#, receiver.url());
    let journeys = format!(
        r#"type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{}""#,
        receiver.url()
    );
    let destinations = [("hook", hook.as_str()), ("journeys", journeys.as_str())];
    Project::new(&yaml(&database, &destinations, &[("users", &sync("identify", QUERY))]))
}

fn gzip(status: u16, body: &'static [u8]) -> Reply {
    Reply::status(status).header("content-encoding", "gzip").body(body)
}

#[test]
fn a_compressed_yes_is_a_yes() {
    let receiver = Receiver::start_blocking();
    receiver.always(gzip(200, SUCCESS));
    let project = project("answers_yes", &receiver);
    let run = project.json(&["run", "users"], 0);
    for name in ["hook", "journeys"] {
        assert_eq!(run["destinations"][name]["delivered"], 3, "{run}");
    }
    assert!(receiver.requests().iter().all(|r| r.header("accept-encoding") == Some("identity")));
}

#[test]
fn a_compressed_page_is_no_yes_whoever_takes_it() {
    let receiver = Receiver::start_blocking();
    receiver.always(gzip(200, PAGE).header("content-type", "text/html").refused());
    let project = project("answers_page", &receiver);
    let run = project.run(&["run", "users"]);
    run.assert_code(6);
    for name in ["hook", "journeys"] {
        assert!(run.stderr.contains(&format!("error[D017]: {name}: ")), "{run:?}");
    }
    assert!(run.stderr.contains("with the title \"Please sign in\""), "{run:?}");
    let shown = &project.runs()[0]["destinations"];
    assert_eq!((&shown["hook"]["pending"], &shown["journeys"]["pending"]), (&3.into(), &3.into()), "{shown}");
}

#[test]
fn a_compressed_reason_is_read_and_another_compression_is_named() {
    let receiver = Receiver::start_blocking();
    receiver.always(gzip(400, ERROR));
    let refused = project("answers_reason", &receiver);
    refused.run(&["run", "users", "--strict"]).assert_code(4);
    let letters = refused.run(&["dead-letters", "1"]);
    assert!(letters.stdout.contains("the email is not an address"), "{letters:?}");

    receiver.always(Reply::status(200).header("content-encoding", "br").body(&b"\x0b\x07\x80"[..]));
    let other = project("answers_br", &receiver).run(&["run", "users"]);
    other.assert_code(6);
    assert!(other.stderr.contains("compressed with br"), "{other:?}");
}

#[test]
fn calls_that_an_answer_names_are_dead_letters_and_the_others_are_delivered() {
    let receiver = Receiver::start_blocking();
    receiver.always(Reply::status(207).body(r#"{"errors":[{"batch_index":1,"message":"no such plan"}]}"#));
    let project = project("answers_partly", &receiver);
    let run = project.json(&["run", "users", "--strict"], 4);
    for name in ["hook", "journeys"] {
        let counts = &run["destinations"][name];
        assert_eq!((&counts["delivered"], &counts["dead_letters"]), (&2.into(), &1.into()), "{run}");
    }
    let letters = project.run(&["dead-letters", "1"]);
    assert!(letters.stdout.contains("no such plan") && letters.stdout.contains("row 2"), "{letters:?}");
    assert_eq!(receiver.requests().len(), 2, "each call was sent once to each");
}

#[test]
fn a_proxy_of_another_kind_is_named_once_and_never_shown() {
    const PROXY: &str = "socks5://me:s3cret@127.0.0.1:9";
    let receiver = Receiver::start_blocking();
    let project = project("answers_socks", &receiver);
    for (args, code) in [(&["validate"][..], 0), (&["run", "users"], 0)] {
        let exit = project.program(args).env("https_proxy", PROXY).run();
        exit.assert_code(code);
        assert_eq!(exit.stderr.matches("warning[D102]: https_proxy names a proxy").count(), 1, "{exit:?}");
        assert!(!exit.stderr.contains("s3cret") && !exit.stdout.contains("s3cret"), "{exit:?}");
    }
    assert!(!project.run(&["validate"]).stderr.contains("D102"));
}

/// A destination that only the proxy finds, one that is reached directly, and a proxy that refuses.
#[test]
fn calls_go_through_the_proxy_of_the_environment_or_of_the_destination() {
    let receiver = Receiver::start_blocking();
    let database = Postgres::shared().database("answers_proxy");
    let proxy = ForwardProxy::start(
        receiver.port(),
        ForwardProxyOptions {
            credentials: Some("bWU6czNjcmV0".to_owned()),
            ..ForwardProxyOptions::default()
        },
    );
    let of_environment = r#"type: webhook, url: "http://hook.example.invalid/in""#.to_owned();
    let direct = format!(r#"type: webhook, proxy: none, url: "{}""#, receiver.url());
    let own = r#"type: webhook, proxy: "${env:MY_PROXY}", url: "https://own.example.invalid/in""#.to_owned();
    let project = |destinations: &[(&str, &str)]| {
        Project::new(&yaml(&database, destinations, &[("users", &sync("identify", QUERY))]))
    };
    let good = format!("http://me:s3cret@127.0.0.1:{}", proxy.port());
    let both = project(&[("hook", &of_environment), ("direct", &direct)]);
    let exit = both.program(&["run", "users", "--output", "json"]).env("http_proxy", &good).run();
    exit.assert_code(0);
    assert_eq!(proxy.asked(), ["hook.example.invalid:80"]);
    assert_eq!(receiver.requests().len(), 2, "{exit:?}");
    let test = both.program(&["destination", "test", "hook"]).env("http_proxy", &good).run();
    assert!(test.stdout.contains("opens the way") && !format!("{test:?}").contains("s3cret"), "{test:?}");

    let refused = project(&[("own", &own)]);
    let bad = format!("http://me:wr0ng@127.0.0.1:{}", proxy.port());
    let exit = refused.program(&["run", "users"]).env("MY_PROXY", &bad).run();
    exit.assert_code(6);
    assert!(exit.stderr.contains("error[D024]: own: ") && exit.stderr.contains("407"), "{exit:?}");
    assert!(!format!("{exit:?}").contains("wr0ng"), "{exit:?}");
    let nowhere = format!("127.0.0.1:{}", free_port());
    let dead = refused.program(&["run", "users", "--delivery-timeout", "1s"]).env("MY_PROXY", &nowhere).run();
    dead.assert_code(6);
    assert!(dead.stderr.contains(&format!("the proxy {nowhere}")), "{dead:?}");
    let run = &refused.runs()[0]["destinations"]["own"];
    assert_eq!((&run["pending"], &run["dead_letters"]), (&3.into(), &0.into()), "{run}");
}

#[test]
fn while_a_destination_is_dead_the_next_try_and_the_end_are_said() {
    let database = Postgres::shared().database("answers_dead");
    let hook = format!(r#"type: webhook, url: "http://127.0.0.1:{}""#, free_port());
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", QUERY))]));
    let run = project.run(&["run", "users", "--delivery-timeout", "3s"]);
    run.assert_code(6);
    assert!(run.stderr.contains("; next try in ") && run.stderr.contains(", gives up in "), "{run:?}");
}

#[test]
fn each_error_of_several_syncs_names_its_sync_and_the_table_has_those_that_failed() {
    let receiver = Receiver::start_blocking();
    let database = Postgres::shared().database("answers_several");
    let hook = format!(r#"type: webhook, url: "{}""#, receiver.url());
    let syncs = [
        ("good", sync("identify", QUERY)),
        ("broken", sync("identify", r#"SELECT nope AS "userId" FROM generate_series(1, 3)"#)),
        ("missing", sync("identify", r#"SELECT id AS "userId" FROM nowhere"#)),
    ];
    let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &syncs));
    let run = project.run(&["run"]);
    run.assert_code(5);
    for name in ["broken", "missing"] {
        assert!(run.stderr.contains(&format!("--> sync {name}: ")), "{run:?}");
        let line = run.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(line.ends_with("failed S009"), "{run:?}");
    }
    assert!(run.stdout.lines().any(|line| line.starts_with("good") && line.contains("succeeded")), "{run:?}");
}

#[test]
fn a_rejected_row_is_shown_with_its_row_and_its_column() {
    let receiver = Receiver::start_blocking();
    let query = r#"SELECT i AS "userId", CASE i WHEN 2 THEN 'maybe' ELSE 'true' END AS "context.active"
                   FROM generate_series(1, 3) i"#;
    let database = Postgres::shared().database("answers_rows");
    let hook = format!(r#"type: webhook, url: "{}""#, receiver.url());
    let sync = sync("identify", query) + "on_invalid_value: reject_row\n";
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync)]));
    let preview = project.run(&["preview", "users", "--calls"]);
    assert!(preview.stdout.contains("row 2: rejected: R007 in column \"context.active\""), "{preview:?}");
    project.run(&["run", "users"]);
    let rejected = project.run(&["rejected", "users"]);
    assert!(rejected.stdout.contains("row 2: R007 in column \"context.active\""), "{rejected:?}");
}
