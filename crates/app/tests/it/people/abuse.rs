//! Guessing passwords (S06 of the list of tests): how many guesses count, whether the user still
//! gets in, and whether the time that an answer takes says who is a user.

use std::time::{Duration, Instant};

use outflow_app::people::{NewUser, Role, SignInRequest};
use outflow_core::{Code, Secret};

use super::{PASSWORD, change, create, installation, sign_in, sign_in_request};

const ACCOUNTS: usize = 8;
const ADDRESSES: usize = 500;
const GUESSES: usize = 10_000;

/// What the limits allow of one account: 10 at once, and one more each minute.
fn allowed(accounts: usize, took: Duration) -> u64 {
    let each = 10 + took.as_secs() / 60 + 1;
    each * accounts as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_of_many_are_limited_and_the_user_still_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    let known = sign_in(&app, "ada", PASSWORD).await.unwrap().browser;
    let accounts: Vec<String> =
        (0..ACCOUNTS).map(|n| if n == 0 { "ada".into() } else { format!("u{n}") }).collect();
    let (began, mut looked_at) = (Instant::now(), 0_u64);
    for n in 0..GUESSES {
        let guess = SignInRequest {
            address: Some(format!("198.51.{}.{}", n % ADDRESSES / 250, n % ADDRESSES % 250)),
            ..sign_in_request(&accounts[n % ACCOUNTS], &format!("guess number {n}"))
        };
        let refused = app.sign_in(&guess).await.unwrap_err();
        match refused.error.code() {
            Code::SignInRefused => looked_at += 1,
            code => {
                assert_eq!(code, Code::TooManyAttempts);
                assert!(refused.retry_after.is_some_and(|wait| wait <= Duration::from_secs(61)));
            }
        }
        if n % 1000 == 500 {
            // From another network still, and from one that guesses: their browser is known.
            for address in ["203.0.113.9", "198.51.0.1"] {
                let own = SignInRequest {
                    browser: Some(known.clone()),
                    address: Some(address.to_owned()),
                    ..sign_in_request("ada", PASSWORD)
                };
                app.sign_in(&own).await.expect("the user gets in from a browser that they have used");
            }
        }
    }
    let (took, limit) = (began.elapsed(), allowed(ACCOUNTS, began.elapsed()));
    println!(
        "{GUESSES} guesses at {ACCOUNTS} accounts from {ADDRESSES} addresses in {took:?}: {looked_at} looked at"
    );
    assert!(looked_at <= limit, "{looked_at} guesses were looked at, the limits allow {limit}");
    // A password that an administrator has set lets the user in from anywhere.
    let new = "seven green umbrellas";
    change(&app, "ada", NewUser::Password(Some(Secret::new(new)))).await.unwrap();
    sign_in(&app, "ada", new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_refusal_takes_does_not_say_who_is_a_user() {
    const PAIRS: usize = 31;
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    for n in 0..PAIRS {
        create(&app, &format!("user{n}"), Role::Viewer).await;
    }
    // On a machine that does other work, too, one median may be off: the smallest difference
    // counts.
    let mut smallest = f64::INFINITY;
    for round in 0..3 {
        let (mut of_users, mut of_others) = (Vec::new(), Vec::new());
        for n in 0..PAIRS {
            let mut pair = [(format!("user{n}"), &mut of_users), (format!("none{n}"), &mut of_others)];
            // Neither is always the first.
            pair.rotate_left(n % 2);
            for (name, times) in pair {
                let guess = SignInRequest {
                    address: Some(format!("198.51.{round}.{n}")),
                    ..sign_in_request(&name, "a wrong guess of it")
                };
                let began = Instant::now();
                let refused = app.sign_in(&guess).await.unwrap_err();
                times.push(began.elapsed());
                assert_eq!(refused.error.code(), Code::SignInRefused);
            }
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[PAIRS / 2].as_secs_f64()
        };
        let (user, other) = (median(&mut of_users), median(&mut of_others));
        let difference = (user - other).abs() / user;
        println!("medians {:.1} ms and {:.1} ms: {:.2} %", user * 1e3, other * 1e3, difference * 100.0);
        smallest = smallest.min(difference);
        if smallest < 0.05 {
            break;
        }
    }
    // Without the hash of a password, a refusal takes a hundredth of the time. What a quiet machine
    // shows is for the campaign.
    let most = if std::env::var_os("OUTFLOW_LONG").is_some() { 0.05 } else { 0.5 };
    assert!(smallest < most, "medians differ by {:.1} %", smallest * 100.0);
}
