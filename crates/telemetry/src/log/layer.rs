//! From an event and the spans around it to a line.

use std::fmt;

use outflow_core::{Clock as _, Error, SystemClock, Timestamp, json_printable, printable};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// The field that holds an event's name: the text of the macro's call.
const NAME: &str = "message";

/// Writes one line for each event.
pub(super) struct Lines<W> {
    format: LogFormat,
    write: W,
}

impl<W: Fn(&str)> Lines<W> {
    pub(super) fn new(format: LogFormat, write: W) -> Self {
        Self { format, write }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                of_span.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        // A reader of details needs the part's name for a filter.
        if *event.metadata().level() > Level::INFO {
            fields.set("target", json!(event.metadata().target()));
        }
        let (now, level) = (SystemClock.now(), *event.metadata().level());
        let line = match self.format {
            LogFormat::Text => text(now, level, &fields),
            LogFormat::Json => document(now, level, &fields),
        };
        (self.write)(&line);
    }
}

fn text(now: Timestamp, level: Level, fields: &Fields) -> String {
    let mut line = format!("{now:.3} {level:5} {}", fields.event());
    for (key, value) in fields.others() {
        let value = match value {
            Value::String(s) if s.contains([' ', '"', '=']) => printable(&format!("{s:?}")),
            Value::String(s) => printable(s),
            other => other.to_string(),
        };
        line += &format!(" {key}={value}");
    }
    line
}

fn document(now: Timestamp, level: Level, fields: &Fields) -> String {
    let mut document = Map::new();
    document.insert("time".into(), json!(now));
    document.insert("level".into(), json!(level.as_str().to_ascii_lowercase()));
    document.insert("event".into(), json!(fields.event()));
    document.extend(fields.others().map(|(key, value)| (key.to_owned(), value.clone())));
    json_printable(&Value::Object(document).to_string()).into_owned()
}

/// Fields in the order in which they came. A name occurs once: a later field replaces an earlier
/// one.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn event(&self) -> &str {
        let found = self.0.iter().find(|(name, _)| *name == NAME);
        found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn others(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().filter(|(name, _)| *name != NAME).map(|(name, value)| (*name, value))
    }

    /// An error of Outflow as those of its parts that may be logged.
    fn set_error(&mut self, error: &Error) {
        self.set("code", json!(error.code()));
        self.set("reason", json!(error.message()));
        if let Some(place) = error.place() {
            self.set("place", json!(place));
        }
        if let Some(help) = error.help_text() {
            self.set("help", json!(help));
        }
        let causes = error.loggable_causes();
        if !causes.is_empty() {
            self.set("causes", json!(causes));
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), json!(value));
    }

    fn record_error(&mut self, _: &Field, value: &(dyn std::error::Error + 'static)) {
        match value.downcast_ref::<Error>() {
            Some(error) => self.set_error(error),
            // The words of any other error may quote a server or a row.
            None => self.set("reason", json!("an error without a code")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), json!(format!("{value:?}")));
    }
}
