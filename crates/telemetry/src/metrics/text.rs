//! The exposition format: a family of samples under its HELP and TYPE lines.

use std::fmt::Write as _;

use super::families::{FAMILIES, Family};

/// A sample's labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page in the making.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// Adds a family that is in the table. One without samples is left out.
    pub fn add<'a>(&mut self, name: &str, samples: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        let family = FAMILIES.iter().find(|family| family.name == name);
        debug_assert!(family.is_some(), "{name} is not in the table of metrics");
        let mut samples = samples.into_iter().peekable();
        if let Some(Family { name, meaning, .. }) = family.filter(|_| samples.peek().is_some()) {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            let _ = writeln!(self.0, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
        }
        for (labels, value) in samples {
            debug_assert!(
                family.is_some_and(|f| labels.iter().map(|l| l.0).eq(f.labels.iter().copied())),
                "labels of {name}"
            );
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// Adds a family of one number without labels.
    pub fn one(&mut self, name: &str, value: Option<f64>) {
        self.add(name, value.map(|value| (&[][..], value)));
    }

    /// The page.
    pub fn finish(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
