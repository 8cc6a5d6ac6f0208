//! Processes that are killed, again and again: promises 1 and 2 of `docs/GUARANTEES.md`.
//!
//! A campaign goes on over several rounds. A round ends when a run comes to its end undisturbed;
//! then its calls are judged, rows change, and the next round begins. `OUTFLOW_LONG=1` kills 200
//! times.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use outflow_testkit::crash::{Exit, Program, kill_often};
use outflow_testkit::{
    Arrival, Database, Judge, Postgres, Receiver, Reply, Report, Rng, Verdict, seed, slice_or_whole,
};
use serde_json::Value;

use crate::support::{Project, document, pipelines, sync, yaml};

/// What a campaign is about.
struct Campaign<'a> {
    database: &'a Database<'a>,
    receiver: &'a Receiver,
    project: Project,
    /// People in the table.
    people: u64,
    /// How many of them change in each round.
    changing: u64,
    round: u64,
    /// Calls that came again under their own id.
    repeats: usize,
}

const ALL: &str = r#"SELECT id AS "userId", round, note FROM users"#;

fn people(name: &str, people: u64) -> Database<'static> {
    let database = Postgres::shared().database(name);
    database.sql(&format!(
        "CREATE TABLE users (id int PRIMARY KEY, round int, note text, updated_at timestamptz);
         INSERT INTO users SELECT i, 0, repeat('x', 100), clock_timestamp() FROM generate_series(1, {people}) i;
         ANALYZE users;"
    ));
    database
}

/// A receiver that takes its time, so that deliveries last about as long as extractions.
fn slow_receiver() -> Receiver {
    let receiver = Receiver::start_blocking();
    receiver.always(Reply::ok().after(Duration::from_millis(50)));
    receiver
}

impl<'a> Campaign<'a> {
    fn new(
        database: &'a Database<'a>,
        receiver: &'a Receiver,
        project: Project,
        people: u64,
        changing: u64,
    ) -> Self {
        Campaign { database, receiver, project, people, changing, round: 0, repeats: 0 }
    }

    /// Kills that many starts, half of them about when the extraction is committed, and checks what
    /// must hold afterwards. Says how many kills came before and after a commit.
    fn kill(mut self, test: &'static str, kills: usize) -> (usize, usize) {
        let kills = slice_or_whole(kills, 200);
        let mut rng = Rng::new(seed());
        let program = self.project.program(&["run", "users", "--output", "json"]);
        let (early, whole) = self.undisturbed(&program);
        let mut killed: Vec<Exit> = Vec::new();
        for (kills, span) in [(kills / 2, early), (kills - kills / 2, whole)] {
            self.next_round();
            let campaign = kill_often(&program, kills, span, &mut rng, |exit| {
                self.end_round(exit);
                self.next_round();
                true
            });
            self.end_round(campaign.exits.last().unwrap());
            killed.extend(campaign.exits.into_iter().filter(Exit::was_killed));
        }
        self.assert_nothing_left();
        assert_eq!(killed.len(), kills);
        let late = killed.iter().filter(|exit| has_committed(exit)).count();
        Report::new(test, "kill -9 of `run` at a random instant", kills as u64)
            .judged(&Verdict { repeats: self.repeats, ..Verdict::default() })
            .with("after the extraction's commit", late)
            .with("rounds, each judged", self.round + 1)
            .print();
        (kills - late, late)
    }

    /// How long an undisturbed round takes: up to the commit of the extraction, and as a whole.
    fn undisturbed(&mut self, program: &Program) -> (Duration, Duration) {
        self.end_round(&program.run());
        self.next_round();
        let exit = program.run();
        self.end_round(&exit);
        let delivery = document(&exit)["seconds"]["deliver"].as_f64().unwrap();
        (exit.ran - Duration::try_from_secs_f64(delivery).unwrap(), exit.ran)
    }

    fn end_round(&mut self, exit: &Exit) {
        exit.assert_code(0);
        let verdict = self.judge().judge(&self.this_round(self.receiver.arrivals()));
        assert!(verdict.is_at_least_once(), "round {}, receiver: {verdict}", self.round);
        self.repeats += verdict.repeats;
        let folder = self.project.path().join("delivered/users");
        if folder.exists() {
            let verdict = self.judge().judge(&self.this_round(lines(&folder)));
            assert!(verdict.is_at_least_once(), "round {}, files: {verdict}", self.round);
            self.repeats += verdict.repeats;
            fs::remove_dir_all(&folder).unwrap();
        }
    }

    fn next_round(&mut self) {
        self.round += 1;
        self.receiver.clear();
        let (round, changing) = (self.round, self.changing);
        let change =
            "UPDATE users SET round = {round}, updated_at = clock_timestamp() WHERE id <= {changing}";
        let change =
            change.replace("{round}", &round.to_string()).replace("{changing}", &changing.to_string());
        self.database.sql(&change);
    }

    /// Expects exactly the rows that the round changed.
    fn judge(&self) -> Judge {
        let changed = if self.round == 0 { self.people } else { self.changing };
        let round = self.round;
        Judge::expecting((1..=changed).map(|id| format!("{id} in round {round}")))
            .key(|call| Some(format!("{} in round {}", call["userId"].as_str()?, call["traits"]["round"])))
    }

    /// A request of a killed process may be read after the round has ended. Its calls have been
    /// judged; they are repeats.
    fn this_round(&self, mut arrivals: Vec<Arrival>) -> Vec<Arrival> {
        arrivals.retain(|a| a.call["traits"]["round"].as_u64().is_none_or(|round| round + 1 != self.round));
        arrivals
    }

    /// One more run finds nothing to send, every run adds up, and the spool holds nothing that no
    /// run needs.
    fn assert_nothing_left(&self) {
        let document = self.project.json(&["run", "users"], 0);
        assert_eq!(
            (&document["rows"]["calls"], &document["resumed"]),
            (&0.into(), &false.into()),
            "{document}"
        );
        self.project.assert_closed();
        let runs = self.project.runs();
        let unfinished = runs.iter().filter(|run| run["state"] != "succeeded").collect::<Vec<_>>();
        assert!(unfinished.is_empty(), "{unfinished:?}");
        let known: HashSet<String> = runs.iter().map(|run| run["run"].to_string()).collect();
        let spool = fs::read_dir(self.project.path().join(".outflow/spool")).unwrap();
        let names = spool.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let orphans: Vec<String> =
            names.filter(|n| n != "installation" && n != "mark" && !known.contains(n)).collect();
        assert!(orphans.is_empty(), "{orphans:?} beside {known:?}");
    }
}

/// Whether a killed start had its extraction committed, or went on with one that was.
fn has_committed(exit: &Exit) -> bool {
    exit.stderr.contains("rows read =") || exit.stderr.contains("goes on") && !exit.stderr.contains("reading")
}

/// The calls in the files of a folder. Drafts, which no reader would take, are left out.
fn lines(folder: &std::path::Path) -> Vec<Arrival> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let text: Vec<String> = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.iter().flat_map(|text| text.lines()).map(arrival).collect()
}

fn arrival(line: &str) -> Arrival {
    let call: Value = serde_json::from_str(line).unwrap();
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    let text = |name: &str| call[name].as_str().unwrap().to_owned();
    let (message_id, call_type, content) = (text("messageId"), text("type"), hasher.finish());
    Arrival { message_id, call_type, content, call, request: 0, taken: true, at: Duration::ZERO }
}

#[test]
fn every_row_arrives_under_one_message_id_wherever_a_run_is_killed() {
    let (database, receiver) = (people("crash", 20_000), slow_receiver());
    let project = Project::new(&yaml(
        &database,
        &[("journeys", &format!("{}, concurrency: 2", pipelines(&receiver)))],
        &[("users", &sync("identify", ALL))],
    ));
    let campaign = Campaign::new(&database, &receiver, project, 20_000, 20_000);
    let (early, late) =
        campaign.kill("crash::every_row_arrives_under_one_message_id_wherever_a_run_is_killed", 16);
    assert!(early > 0 && late > 0, "{early} kills in extractions, {late} in deliveries");
}

#[test]
fn every_row_reaches_both_destinations_wherever_a_run_is_killed() {
    let (database, receiver) = (people("crash_two", 8_000), slow_receiver());
    let project = Project::new(&yaml(
        &database,
        &[
            ("journeys", &format!("{}, concurrency: 2", pipelines(&receiver))),
            ("archive", "type: file, path: ./delivered, max_file_bytes: 100000"),
        ],
        &[("users", &sync("identify", ALL))],
    ));
    let campaign = Campaign::new(&database, &receiver, project, 8_000, 8_000);
    campaign.kill("crash::every_row_reaches_both_destinations_wherever_a_run_is_killed", 10);
}

#[test]
fn a_run_of_hardly_more_than_commits_survives_kills_in_the_midst_of_them() {
    let (database, receiver) = (people("crash_commits", 150), Receiver::start_blocking());
    let project = Project::new(&yaml(
        &database,
        &[("hook", &format!(r#"type: webhook, url: "{}/hook", max_calls: 1"#, receiver.url()))],
        &[("users", &sync("identify", ALL))],
    ));
    let campaign = Campaign::new(&database, &receiver, project, 150, 150);
    campaign.kill("crash::a_run_of_hardly_more_than_commits_survives_kills_in_the_midst_of_them", 40);
}

#[test]
fn only_changed_rows_go_out_and_none_is_missed_wherever_a_run_is_killed() {
    let (database, receiver) = (people("crash_changes", 8_000), slow_receiver());
    let query = format!("{ALL} WHERE updated_at >= {{{{last_sync_time | timestamp}}}}");
    // The lookback makes each run read everything again: what goes out is the comparison's doing
    // alone.
    let project = Project::new(&yaml(
        &database,
        &[(
            "hook",
            &format!(r#"type: webhook, url: "{}/hook", concurrency: 2, max_calls: 300"#, receiver.url()),
        )],
        &[("users", &format!("{}lookback: 1h\n", sync("identify", &query)))],
    ));
    let campaign = Campaign::new(&database, &receiver, project, 8_000, 2_000);
    campaign.kill("crash::only_changed_rows_go_out_and_none_is_missed_wherever_a_run_is_killed", 12);
}
