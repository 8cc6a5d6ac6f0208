//! Checking the whole state: its store, and every run that it keeps against its segments.
//!
//! What always holds: it changes nothing, and a run that cannot be read is a problem that is listed
//! and not the end of the check. What it does not do: repair, or look for files that no run names,
//! which are removed by themselves.

use outflow_core::{Code, Result, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::RunReader;
use crate::report::FORMAT_VERSION;
use crate::stop::interrupted;

/// Runs that are read at a time.
const PAGE: u64 = 500;

/// What the check of the whole state found. All is well if `problems` is empty.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StateVerification {
    /// The version of the document.
    pub format_version: u32,
    /// Runs that were checked.
    pub runs: u64,
    /// Those of them whose segments were read.
    pub with_segments: u64,
    /// What is wrong.
    pub problems: Vec<StateProblem>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StateProblem {
    /// What kind of problem it is.
    pub code: Code,
    /// The run that it is about.
    pub run: Option<RunId>,
    /// The problem, in a sentence.
    pub message: String,
}

impl RunReader {
    /// Checks the store, and recounts every run. Reads every segment that is kept.
    ///
    /// # Errors
    /// E001 when the process is to stop. Whatever else is wrong is listed.
    pub async fn verify_all(&self) -> Result<StateVerification> {
        let mut found = StateVerification {
            format_version: FORMAT_VERSION,
            runs: 0,
            with_segments: 0,
            problems: Vec::new(),
        };
        let wrong = |code, message| StateProblem { code, run: None, message };
        match self.state.check_integrity().await {
            Ok(damage) => {
                found.problems.extend(damage.into_iter().map(|message| wrong(Code::StateDamaged, message)));
            }
            Err(error) => found.problems.push(wrong(error.code(), error.message().to_owned())),
        }
        if let Err(error) = self.verify_runs(&mut found).await {
            if error.code() == Code::Interrupted {
                return Err(error);
            }
            found.problems.push(wrong(error.code(), error.message().to_owned()));
        }
        Ok(found)
    }

    async fn verify_runs(&self, found: &mut StateVerification) -> Result<()> {
        let open = self.state.unfinished_runs().await?.into_iter().map(|run| run.id);
        let mut kept: Vec<RunId> = open.collect();
        kept.extend(self.state.runs_with_old_segments(Timestamp::MAX).await?);
        for run in kept {
            found.with_segments += 1;
            self.verify_run(run, found).await?;
        }
        let mut after = RunId(0);
        loop {
            let page = self.state.ended_runs(Timestamp::MAX, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for record in page {
                self.verify_run(record.id, found).await?;
            }
        }
    }

    async fn verify_run(&self, run: RunId, found: &mut StateVerification) -> Result<()> {
        if *self.stop.borrow() {
            return Err(interrupted());
        }
        found.runs += 1;
        let problem = |code, message| StateProblem { code, run: Some(run), message };
        match self.verify(run).await {
            Ok(verified) => {
                let differences = verified.differences.into_iter();
                found.problems.extend(differences.map(|text| problem(Code::CountsDiffer, text)));
            }
            Err(error) if error.code() == Code::Interrupted => return Err(error),
            Err(error) => found.problems.push(problem(error.code(), error.message().to_owned())),
        }
        Ok(())
    }
}
