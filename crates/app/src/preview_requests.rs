//! What each destination of a sync would get for the calls of a preview.
//!
//! What always holds: nothing is sent, and no secret is shown. What this does not do: read rows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use outflow_core::ports::destination::Destination;
use outflow_core::{Code, SyncSpec};
use outflow_engine::authoring::preview::PreviewRow;
use outflow_engine::authoring::requests::{Draft, Drafts, Refused};
use serde::{Deserialize, Serialize};

/// What a destination would get.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviewOfDestination {
    /// The destination.
    pub destination: String,
    /// The requests, in their order.
    pub requests: Vec<PreviewHttp>,
    /// Calls that it would refuse before they are sent.
    pub refused: Vec<PreviewRefused>,
    /// Calls that are not for it.
    pub filtered: u64,
}

/// A request.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviewHttp {
    /// `POST`; `write` for a file.
    pub method: Cow<'static, str>,
    /// To where; `…` stands for what may be secret.
    pub address: String,
    /// The headers; `…` stands for a value that may be secret.
    pub headers: Vec<PreviewHeader>,
    /// How many calls, or what they become, are in it.
    pub records: usize,
    /// The body before compression, byte for byte.
    pub body: String,
}

/// A header.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviewHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A call that a destination would refuse.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviewRefused {
    /// Its row, from 0 on.
    pub row: u64,
    /// The code.
    pub code: Code,
    /// Why.
    pub reason: String,
}

/// What each destination of the sync would get, in the order of its connections.
pub(crate) fn of(
    destinations: &HashMap<String, Arc<dyn Destination>>,
    spec: &SyncSpec,
    rows: &[PreviewRow],
) -> Vec<PreviewOfDestination> {
    let connections = spec.connections.iter();
    let made = connections.filter_map(|connection| {
        let destination = destinations.get(&connection.destination)?;
        let drafts = Drafts::of(destination, connection.nulls, spec, rows);
        Some(document(&connection.destination, drafts))
    });
    made.collect()
}

fn document(destination: &str, drafts: Drafts) -> PreviewOfDestination {
    let refused = |Refused { row, code, reason }| PreviewRefused { row, code, reason };
    PreviewOfDestination {
        destination: destination.to_owned(),
        requests: drafts.requests.into_iter().map(http).collect(),
        refused: drafts.refused.into_iter().map(refused).collect(),
        filtered: drafts.filtered,
    }
}

fn http(Draft { request, body, records }: Draft) -> PreviewHttp {
    let header = |(name, value)| PreviewHeader { name, value };
    PreviewHttp {
        method: request.method.into(),
        address: request.address,
        headers: request.headers.into_iter().map(header).collect(),
        records,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
