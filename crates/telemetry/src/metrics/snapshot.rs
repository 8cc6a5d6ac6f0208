//! What one scrape answers: samples by family, gathered first and then encoded by
//! `prometheus-client`.
//!
//! All that can fail is read before the first byte is written, so a page is whole or an error.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::families::{FAMILIES, Family};

/// What a page is: the text format 0.0.4, in which a counter's family is named as its samples are.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Integers beyond this have no exact `f64`.
const EXACT: f64 = (1_u64 << 53) as f64;

/// A sample's labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page in the making.
#[derive(Debug, Default)]
pub struct Snapshot(Vec<(&'static Family, Vec<Sample>)>);

#[derive(Debug)]
struct Sample {
    labels: Vec<(String, String)>,
    value: f64,
}

impl Snapshot {
    /// Adds a family that is in the table. One without samples is left out.
    pub fn add<'a>(&mut self, name: &str, samples: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        let family = FAMILIES.iter().find(|family| family.name == name);
        debug_assert!(family.is_some(), "{name} is not in the table of metrics");
        let Some(family) = family else { return };
        let owned = |(labels, value): (Labels<'a>, f64)| {
            let names = labels.iter().map(|label| label.0);
            debug_assert!(names.eq(family.labels.iter().copied()), "labels of {name}");
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Sample { labels: labels.collect(), value }
        };
        let samples: Vec<Sample> = samples.into_iter().map(owned).collect();
        if !samples.is_empty() {
            self.0.push((family, samples));
        }
    }

    /// Adds a family of one number without labels.
    pub fn one(&mut self, name: &str, value: Option<f64>) {
        self.add(name, value.map(|value| (&[][..], value)));
    }

    /// The page.
    ///
    /// # Errors
    /// None that is known: a string takes all that is written to it.
    pub fn page(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        prometheus_text::encode(&mut page, &registry)?;
        Ok(page)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (family, samples) in &self.0 {
            // The encoder appends the suffix of counters itself.
            let (name, kind) = match family.name.strip_suffix("_total") {
                Some(name) => (name, MetricType::Counter),
                None => (family.name, MetricType::Gauge),
            };
            let mut metrics = encoder.encode_descriptor(name, family.meaning, None, kind)?;
            for Sample { labels, value } in samples {
                let metric = metrics.encode_family(labels)?;
                // Whole numbers are written as such: `3`, not `3.0`.
                let is_whole = value.fract() == 0.0 && (0.0..EXACT).contains(value);
                match kind {
                    MetricType::Counter => ConstCounter::new(*value as u64).encode(metric)?,
                    _ if is_whole => ConstGauge::new(*value as u64).encode(metric)?,
                    _ => ConstGauge::new(*value).encode(metric)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_documented_and_values_are_escaped() {
        let mut snapshot = Snapshot::default();
        snapshot.add("outflow_runs_total", [(&[("sync", "a\"b\\c\n"), ("state", "failed")][..], 3.0)]);
        snapshot.add("outflow_calls_pending", []);
        snapshot.one("outflow_disk_free_bytes", Some(12e9));
        snapshot.one("process_start_time_seconds", Some(1_764_188_694.25));
        let expected = r#"# HELP outflow_runs_total runs that ended, and slots that were skipped
# TYPE outflow_runs_total counter
outflow_runs_total{sync="a\"b\\c\n",state="failed"} 3
# HELP outflow_disk_free_bytes free bytes on the spool's disk
# TYPE outflow_disk_free_bytes gauge
outflow_disk_free_bytes 12000000000
# HELP process_start_time_seconds when the process started, in Unix seconds
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1764188694.25
"#;
        assert_eq!(snapshot.page().unwrap(), expected);
    }
}
