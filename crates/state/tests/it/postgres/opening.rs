//! Opening a state: rights, TLS, formats, and texts that come back as they were.

use std::io::Write as _;

use outflow_core::ports::state::{RunFilter, StateStore as _};
use outflow_core::{Code, Error, RunState};
use outflow_state::Location;
use outflow_testkit::Postgres;

use super::{claim, store, store_at, url};
use crate::made::{at, delivering, new_run, progress};

#[tokio::test(flavor = "multi_thread")]
async fn a_state_opens_or_says_why_not() {
    let server = Postgres::start();
    nothing_yet(server.port()).await;
    formats(&server).await;
    older(&server).await;
    rights(&server).await;
    places(&server).await;
    refusals(&server).await;
    durable(&server).await;
    texts(server.port()).await;
    scrubbed(&server).await;
}

async fn refused(url: &str) -> Error {
    let error = store_at(url).claim(None).await.err().unwrap();
    let shown = format!("{error} {error:?} {:?}", error.help_text());
    assert!(!shown.contains(Postgres::PASSWORD) && !shown.contains("wrong-one"), "{shown}");
    assert_eq!(error.code(), Code::StateUnavailable, "{error:?}");
    error
}

async fn nothing_yet(port: u16) {
    let error = store(port, "empty").reader().await.err().unwrap();
    assert_eq!(error.code(), Code::StateUnavailable);
    assert!(error.message().starts_with("nothing has run yet"), "{error}");
    let state = claim(port, "empty").await;
    let run = state.create_run(&new_run("users")).await.unwrap();
    let reader = store(port, "empty").reader().await.unwrap();
    assert_eq!(reader.run(run.id).await.unwrap(), Some(run));
    let installation = state.installation();
    drop(state);
    assert_eq!(claim(port, "empty").await.installation(), installation);
}

async fn formats(server: &Postgres) {
    drop(claim(server.port(), "formats").await);
    assert_eq!(
        server.sql("SELECT number, name FROM formats.migrations"),
        "1|initial\n2|gaps\n3|clocks\n4|checksums\n5|late_rows\n6|restores\n7|every_gap\n8|pauses\n\
         9|audit\n10|people\n11|definitions\n12|secrets\n13|lists"
    );
    server.sql("INSERT INTO formats.migrations (number, name) VALUES (99, 'of the future')");
    let store = store(server.port(), "formats");
    assert_eq!(store.claim(None).await.err().unwrap().code(), Code::StateTooNew);
    let error = store.reader().await.err().unwrap();
    assert_eq!(error.code(), Code::StateTooNew);
    assert!(error.message().contains("has format 99"), "{error}");
}

/// What followed from the history of runs in an older version is a row for each gap.
async fn older(server: &Postgres) {
    let tables = [
        include_str!("../../../migrations/postgres/0001_initial.sql"),
        include_str!("../../../migrations/postgres/0002_gaps.sql"),
        include_str!("../../../migrations/postgres/0003_clocks.sql"),
        include_str!("../../../migrations/postgres/0004_checksums.sql"),
        include_str!("../../../migrations/postgres/0005_late_rows.sql"),
    ];
    let run = |id: u32, query: &str, to: &[&str]| {
        let connections: Vec<_> =
            to.iter().map(|name| format!(r#"{{"destination":"{name}","nulls":"send"}}"#)).collect();
        let spec = format!(
            r#"{{"source":"s.m","query":"{query}","connections":[{}],"options":{{"kind":"incremental"}}}}"#,
            connections.join(",")
        );
        let deliveries = to.iter().enumerate().map(|(place, name)| {
            format!(
                "INSERT INTO deliveries (run, destination, place, state, calls, delivered, dead_letters,
                 filtered, cancelled, discarded, pending, requests, retries, bytes, settled, sequence)
                 VALUES ({id}, '{name}', {place}, 'succeeded', 5, 5, 0, 0, 0, 0, 0, 1, 0, 9, '{{}}', 0);"
            )
        });
        format!(
            "INSERT INTO runs (id, key, sync, call_type, state, trigger, spec, due_at, started_at,
             extracted_at, ended_at, last_sync_time, rows_read, calls)
             VALUES ({id}, decode(repeat('00', 16), 'hex'), 'users', 'track', 'succeeded', 'schedule',
             '{spec}', 1, 1, 1, 1, '{id}', 5, 5); {}",
            deliveries.collect::<String>()
        )
    };
    let runs = [
        run(1, "q", &["a"]),
        run(2, "q", &["a", "b"]),
        run(3, "q", &["a"]),
        run(4, "p", &["a"]),
        run(5, "p", &["a", "b"]),
    ];
    server.sql(&format!(
        "CREATE SCHEMA older; SET search_path TO older;
         CREATE TABLE migrations (number bigint PRIMARY KEY, name text NOT NULL,
                                  applied_at timestamptz NOT NULL DEFAULT now());
         {}
         INSERT INTO migrations (number, name) SELECT i, 'm' || i FROM generate_series(1, 5) i;
         INSERT INTO installation (id, last_run) VALUES (decode(repeat('11', 16), 'hex'), 5);
         {}",
        tables.join("\n"),
        runs.concat()
    ));
    let state = claim(server.port(), "older").await;
    let gaps = state.open_gaps().await.unwrap().into_iter().map(|gap| gap.missing);
    let found: Vec<_> = gaps.map(|m| (m.destination, m.cause.name(), m.first.0, m.last.0, m.calls)).collect();
    let of = |cause, run| ("b".to_owned(), cause, run, run, 5);
    assert_eq!(found, [of("new", 1), of("away", 3), of("away", 4)]);
    assert_eq!(state.check_integrity().await.unwrap(), Vec::<String>::new());
}

/// A dump that was restored is another table of the same server; a purge rewrites the same one.
async fn places(server: &Postgres) {
    let place = async || claim(server.port(), "placed").await.place().await.unwrap();
    let before = place().await;
    claim(server.port(), "placed").await.scrub().await.unwrap();
    assert_eq!(place().await, before);
    let dump = server.dump("placed");
    server.sql("SET client_min_messages TO error; DROP SCHEMA placed CASCADE");
    server.sql(&dump);
    let after = place().await;
    let differs: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(differs, ["table"]);
    assert_eq!(before["timeline"], "00000001");
}

/// A role that owns its schema needs no right on the database; without either, the error says what
/// it lacks.
async fn rights(server: &Postgres) {
    server.sql(
        "CREATE ROLE owner LOGIN PASSWORD 'wrong-one'; CREATE SCHEMA owned AUTHORIZATION owner;
         CREATE ROLE nobody_special LOGIN PASSWORD 'wrong-one';",
    );
    let at = |user: &str| format!("postgres://{user}:wrong-one@127.0.0.1:{}/postgres", server.port());
    let owned = store_at(&format!("{}?schema=owned", at("owner")));
    let state = owned.claim(None).await.unwrap();
    state.create_run(&new_run("users")).await.unwrap();
    state.scrub().await.unwrap();
    // A role without rights learns where the state is.
    let place = state.place().await.unwrap();
    assert_eq!(place.keys().collect::<Vec<_>>(), ["system", "table", "timeline"]);
    let error = refused(&at("nobody_special")).await;
    assert!(error.full_message().reveal().contains("permission denied"), "{error}");
    assert!(error.help_text().unwrap().contains("docs/OPERATING.md"));
}

async fn refusals(server: &Postgres) {
    let port = server.port();
    let error = refused(&format!("postgres://postgres:wrong-one@127.0.0.1:{port}/postgres")).await;
    assert!(error.help_text().unwrap().starts_with("check user, password"), "{error:?}");
    let error = refused(&format!("postgres://postgres:super-secret@127.0.0.1:{port}/none")).await;
    assert!(error.help_text().unwrap().starts_with("create the database"), "{error:?}");
    let error = refused("postgres://postgres:super-secret@127.0.0.1:1/none").await;
    assert!(error.help_text().unwrap().contains("can be reached"), "{error:?}");
    let error = refused(&(url(port, "x") + "&sslmode=require")).await;
    assert!(error.help_text().unwrap().starts_with("check sslmode"), "{error:?}");
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let error = refused(&format!("postgres://postgres:super-secret@127.0.0.1:{port}/latin")).await;
    assert!(error.message().contains("LATIN1"), "{error}");

    let mut file = tempfile::NamedTempFile::new().unwrap();
    let by_file = format!(
        "postgres://postgres@127.0.0.1:{port}/postgres?schema=by_file&password_file={}",
        file.path().display()
    );
    refused(&by_file).await;
    writeln!(file, "{}", Postgres::PASSWORD).unwrap();
    store_at(&by_file).claim(None).await.unwrap();
    let shown = Location::parse(&url(port, "x")).unwrap();
    assert_eq!(shown.to_string(), format!("postgres://postgres@127.0.0.1:{port}/postgres?schema=x"));
}

/// The server's default is `synchronous_commit = off`; our sessions commit durably all the same.
async fn durable(server: &Postgres) {
    assert_eq!(server.sql("SHOW synchronous_commit"), "off");
    let state = claim(server.port(), "durable").await;
    server.sql(
        "CREATE TABLE durable.seen (setting text);
         CREATE FUNCTION durable.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO durable.seen VALUES (current_setting('synchronous_commit')); RETURN NULL;
         END $$;
         CREATE TRIGGER look AFTER INSERT ON durable.runs EXECUTE FUNCTION durable.look();",
    );
    state.create_run(&new_run("users")).await.unwrap();
    assert_eq!(server.sql("SELECT * FROM durable.seen"), "on");
}

/// U+0000 and what stands for it, and numbers of 64 bits.
async fn texts(port: u16) {
    let odd = "a\0b\u{1a}0 ü \u{10ffff} \"'\\";
    let state = claim(port, "texts").await;
    let mut new = new_run(odd);
    new.spec.query = odd.into();
    let reason = (Code::RunInProgress, odd.to_owned());
    let skipped = state.skip_run(&new, None, &reason).await.unwrap();
    assert_eq!((&*skipped.sync, &*skipped.spec.query, &skipped.reason), (odd, odd, &Some(reason.clone())));
    let run = delivering(&*state, odd, 5_000_000_000).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let mut next = progress(run, &mut record.clone(), 10);
    next.added.bytes = u64::MAX;
    next.dead[0].reason = odd.into();
    next.dead[0].message_id = odd.into();
    next.reason = Some(reason.clone());
    state.settle(std::slice::from_ref(&next)).await.unwrap();
    outflow_core::rules::settle(&mut record, &next).unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[0], record);
    assert_eq!(state.dead_letters(run, &record.destination, 0, 9).await.unwrap(), next.dead);
    state.end_run(run, RunState::Partial, at(99), Some(reason), None).await.unwrap();
    let filter = RunFilter::newest(Some(odd), 0);
    assert_eq!(state.runs(&filter).await.unwrap().len(), 2);
    assert!(
        state
            .standings(at(0), at(i64::from(i32::MAX)))
            .await
            .unwrap()
            .iter()
            .any(|s| s.sync == odd && s.skipped == 1)
    );
    let used = state.usage(outflow_core::Date::MIN, outflow_core::Date::MAX).await.unwrap();
    assert_eq!(used[0].sync, odd);
}

/// After a scrub the tables' files hold nothing of what was replaced.
async fn scrubbed(server: &Postgres) {
    let state = claim(server.port(), "scrubbed").await;
    let run = delivering(&*state, "users", 20).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let mut next = progress(run, &mut record, 10);
    next.dead[0].reason = "find-this-needle".repeat(3);
    state.settle(&[next]).await.unwrap();
    let holds_needle = || {
        server.sql("CHECKPOINT");
        let sql = "SELECT bool_or(position('find-this-needle' IN encode(
                   pg_read_binary_file(pg_relation_filepath('scrubbed.dead_letters')), 'escape')) > 0)";
        server.sql(sql) == "t"
    };
    assert!(holds_needle());
    let purge =
        outflow_core::ports::state::Purge { letters: vec![(record.destination, 9)], ..Default::default() };
    state.purge(run, &purge).await.unwrap();
    assert!(holds_needle(), "replaced, and still in the file");
    state.scrub().await.unwrap();
    assert!(!holds_needle());
}

mod tls {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    /// A certificate for `localhost` with its key, and the authority that signed it.
    fn certificate() -> (String, String, String) {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&params, &authority_key)).unwrap();
        (leaf.pem(), key.serialize_pem(), authority.pem())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tls_is_checked_as_the_url_says() {
        let (leaf, key, authority) = certificate();
        let server = Postgres::options().with_tls(&leaf, &key).start();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(authority.as_bytes()).unwrap();
        let trusted = format!("&sslrootcert={}", file.path().display());
        let at = |host: &str, options: &str| url(server.port(), "tls").replace("127.0.0.1", host) + options;
        let encrypted = || {
            server.sql(
                "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE ssl AND application_name = 'outflow'",
            )
        };
        for options in [
            "&sslmode=require".to_owned(),
            format!("&sslmode=verify-full{trusted}"),
            format!("&sslmode=verify-ca{trusted}"),
        ] {
            let state = store_at(&at("localhost", &options)).claim(None).await.unwrap();
            state.create_run(&new_run("users")).await.unwrap();
            assert_eq!(encrypted(), "t", "{options}");
        }
        let other_name = format!("&sslmode=verify-full{trusted}");
        let error = refused(&at("127.0.0.1", &other_name)).await;
        assert!(error.help_text().unwrap().starts_with("check sslmode"), "{error:?}");
        let error = refused(&at("localhost", "&sslmode=verify-full")).await;
        assert!(error.help_text().unwrap().starts_with("check sslmode"), "{error:?}");
        store_at(&at("127.0.0.1", &format!("&sslmode=verify-ca{trusted}"))).claim(None).await.unwrap();
        let plain = store_at(&at("localhost", "&sslmode=disable"));
        let state = plain.claim(None).await.unwrap();
        state.create_run(&new_run("users")).await.unwrap();
        // The sessions of the handles before end a moment later.
        while encrypted() == "t" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
