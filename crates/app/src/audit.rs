//! Reading the audit log, and checking that it is what was written.
//!
//! What always holds: it needs no project, holds nothing, and reads a page at a time.

use std::borrow::Cow;
use std::sync::Arc;

use outflow_core::ports::state::{AuditFilter, AuditHead, AuditRecord, StateReader};
use outflow_core::rules::audit::{Verifier, empty, hex};
use outflow_core::{Actor, BoxFuture, Code, Error, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::App;

/// As many entries are read at a time.
const PAGE: u64 = 1_000;
/// A page of entries that fit a condition looks at no more entries than this.
const LOOKED_AT: u64 = 10_000;

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditRequest {
    /// The conditions.
    pub filter: AuditFilter,
    /// Only those before this number.
    pub before: Option<u64>,
    /// How many; 0 for all.
    pub limit: u64,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditDocument {
    format_version: u32,
    /// Its number, from 1 on.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What they did.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `begun`, `done`, `refused` or `failed`.
    pub result: Cow<'static, str>,
    /// Why it was refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub before: Option<Box<RawValue>>,
    /// How it is after, or what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub after: Option<Box<RawValue>>,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
}

impl From<AuditRecord> for AuditDocument {
    fn from(AuditRecord { number, entry, previous, hash }: AuditRecord) -> Self {
        // Somebody may have written something else than JSON there: `verify` says so.
        let json = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        Self {
            format_version: FORMAT_VERSION,
            number,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            result: entry.result.name().into(),
            code: entry.result.code(),
            before: json(entry.before),
            after: json(entry.after),
            previous: hex(&previous),
            hash: hex(&hash),
        }
    }
}

/// Some entries.
#[derive(Debug)]
pub struct AuditPage {
    /// The entries, the newest first.
    pub entries: Vec<AuditDocument>,
    /// The next page has those before this number; `None`: there are no more.
    pub next: Option<u64>,
}

/// Entries, page by page: a log of any length is read in bounded memory.
pub struct AuditList {
    state: Arc<dyn StateReader>,
    order: Order,
    left: u64,
}

/// Which entries come next.
enum Order {
    NewestFirst { filter: AuditFilter, before: Option<u64> },
    OldestFirst { after: u64 },
}

impl AuditList {
    /// The next entries; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self) -> Result<Vec<AuditDocument>, Error> {
        let limit = self.left.min(PAGE);
        let page = match &mut self.order {
            Order::NewestFirst { filter, before } => {
                let page = self.state.audit_log(filter, *before, limit).await?;
                *before = page.last().map(|record| record.number).or(*before);
                page
            }
            Order::OldestFirst { after } => {
                let page = self.state.audit_chain(*after, limit).await?;
                *after = page.last().map_or(*after, |record| record.number);
                page
            }
        };
        self.left = self.left.saturating_sub(page.len() as u64);
        Ok(page.into_iter().map(AuditDocument::from).collect())
    }
}

/// An entry that somebody noted elsewhere: its number and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEntry {
    /// Its number.
    pub number: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

impl SeenEntry {
    /// `NUMBER:HASH`, as `outflow audit verify` prints it.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, hash) = text.trim().split_once(':')?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = number.parse().ok().filter(|number| *number > 0)?;
        is_hash.then(|| Self { number, hash: hash.to_ascii_lowercase() })
    }
}

/// What the check of the log found.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditVerification {
    format_version: u32,
    /// How many entries are kept.
    pub entries: u64,
    /// The number of the first one.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    /// The hash of the last one.
    pub last_hash: String,
    /// What is wrong, in sentences; empty: nothing is.
    pub problems: Vec<String>,
}

impl App {
    /// Entries of the audit log, the newest first.
    ///
    /// # Errors
    /// What the state says.
    pub fn audit<'a>(&'a self, request: &'a AuditRequest) -> BoxFuture<'a, Result<AuditList, Errors>> {
        Box::pin(async move {
            let AuditRequest { filter, before, limit } = request.clone();
            let order = Order::NewestFirst { filter, before };
            let left = if limit == 0 { u64::MAX } else { limit };
            Ok(AuditList { state: self.reader().await?.state, order, left })
        })
    }

    /// A page of entries. Of what few entries fit, it can have fewer than there are to come.
    ///
    /// # Errors
    /// What the state says.
    pub fn audit_page<'a>(&'a self, request: &'a AuditRequest) -> BoxFuture<'a, Result<AuditPage, Errors>> {
        Box::pin(async move {
            let AuditRequest { mut filter, mut before, limit } = request.clone();
            let state = self.reader().await?.state;
            let mut looked_down_to = None;
            if filter != AuditFilter::default() {
                let AuditHead { first, last, .. } = state.audit_head().await?;
                let end = before.unwrap_or(u64::MAX).min(last.saturating_add(1));
                let begin = end.saturating_sub(LOOKED_AT);
                (filter.after, before) = (begin.saturating_sub(1), Some(end));
                looked_down_to = Some(begin).filter(|begin| *begin > first);
            }
            // One more says whether there are more.
            let mut page = state.audit_log(&filter, before, limit.saturating_add(1)).await?;
            let is_full = page.len() as u64 > limit;
            page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let last = page.last().map(|record| record.number);
            let next = if is_full { last } else { looked_down_to };
            Ok(AuditPage { entries: page.into_iter().map(AuditDocument::from).collect(), next })
        })
    }

    /// The whole audit log, the oldest entry first.
    ///
    /// # Errors
    /// What the state says.
    pub fn export_audit<'a>(&'a self) -> BoxFuture<'a, Result<AuditList, Errors>> {
        Box::pin(async move {
            let order = Order::OldestFirst { after: 0 };
            Ok(AuditList { state: self.reader().await?.state, order, left: u64::MAX })
        })
    }

    /// Checks the chain of the audit log, and that it has the entries that were noted elsewhere.
    ///
    /// # Errors
    /// What the state says.
    pub fn verify_audit<'a>(
        &'a self,
        seen: &'a [SeenEntry],
    ) -> BoxFuture<'a, Result<AuditVerification, Errors>> {
        Box::pin(async move {
            let state = self.reader().await?.state;
            loop {
                let head = match state.audit_head().await {
                    Ok(head) => head,
                    Err(error) if error.code() == Code::StateDamaged => {
                        let head = empty(state.installation_id().await?);
                        return Ok(AuditVerification::of(&head, 0, vec![error.message().to_owned()]));
                    }
                    Err(error) => return Err(error.into()),
                };
                let found = check(&*state, head, seen).await?;
                // Retention may have moved the beginning meanwhile.
                if state.audit_head().await?.first == head.first {
                    return Ok(found);
                }
            }
        })
    }
}

impl AuditVerification {
    fn of(head: &AuditHead, entries: u64, problems: Vec<String>) -> Self {
        let AuditHead { first, last, last_hash, .. } = *head;
        let last_hash = hex(&last_hash);
        Self { format_version: FORMAT_VERSION, entries, first, last, last_hash, problems }
    }
}

/// Checks the log as far as this head says that it goes: entries may be written meanwhile.
async fn check(
    state: &dyn StateReader,
    head: AuditHead,
    seen: &[SeenEntry],
) -> Result<AuditVerification, Error> {
    let mut verifier = Verifier::new(head, state.installation_id().await?);
    let (mut after, mut entries) = (0, 0_u64);
    let mut unseen: Vec<&SeenEntry> = seen.iter().collect();
    loop {
        let page = state.audit_chain(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        for record in page.iter().filter(|record| record.number <= head.last) {
            entries = entries.saturating_add(1);
            verifier.take(record);
            unseen.retain(|seen| seen.number != record.number || seen.hash != hex(&record.hash));
        }
    }
    let mut problems = verifier.end();
    let last = state.audit_head().await?.last;
    if after > last {
        problems.push(format!("the log has entries up to {after}, its head says {last}"));
    }
    // Retention may have removed what was noted.
    problems.extend(
        unseen
            .iter()
            .filter(|seen| seen.number >= head.first)
            .map(|seen| format!("entry {} is not the one that was noted, or is not there", seen.number)),
    );
    Ok(AuditVerification::of(&head, entries, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_a_number_and_a_hash() {
        let hash = "ab".repeat(32);
        let seen = SeenEntry { number: 7, hash: hash.clone() };
        assert_eq!(SeenEntry::parse(&format!(" 7:{}\n", hash.to_uppercase())), Some(seen));
        for text in
            ["", "7", &hash, "7:ab", &format!("0:{hash}"), &format!("x:{hash}"), &format!("7:{hash}0")]
        {
            assert_eq!(SeenEntry::parse(text), None, "{text}");
        }
    }
}
