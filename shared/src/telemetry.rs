//! Logs: one flat JSON object a line on standard output, which Lambda hands to CloudWatch Logs.
//!
//! A line has `level`, `target`, `message`, the event's own fields, and those of the spans around it, whose names are fixed so that
//! Logs Insights can filter by them: see [`CONTEXT`]. Ids and codes are logged, never a password, an address of a recipient or anything
//! of a message.

use std::fmt::{Debug, Display};
use std::io::{self, Write as _};
use std::panic::{PanicHookInfo, set_hook};
use std::process::ExitCode;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What spans add to the lines within them. Nothing else of them is written: libraries have spans too.
///
/// `request_id` is what the caller was told: API Gateway's id of the request, else Lambda's of the invocation. `invocation_id` is always
/// Lambda's.
pub const CONTEXT: [&str; 9] = [
    REQUEST_ID,
    INVOCATION_ID,
    "tenant",
    "connection_id",
    "message_id",
    "source",
    "event_id",
    "method",
    "path",
];

pub(crate) const REQUEST_ID: &str = "request_id";
const INVOCATION_ID: &str = "invocation_id";
/// What the Lambda runtime calls the invocation in its span.
const RUNTIMES_NAME: &str = "requestId";

/// Runs a function, whose logs are written from here on. It has an end only when it can't start or Lambda can't be asked for events;
/// why is one line, and Lambda learns of it by the exit code.
pub async fn run<E: Display>(function: impl AsyncFnOnce() -> Result<(), E>) -> ExitCode {
    start();
    match Box::pin(function()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "the function can't run");
            ExitCode::FAILURE
        }
    }
}

/// Starts logging. The level is `INFO`; nothing below it is written, so no library's debugging output can carry a secret out.
fn start() {
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(Lines::to(io::stdout))
        .init();
    set_hook(Box::new(log_panic));
}

/// Says where, not what: a panic's message may hold anybody's data.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "panicked");
}

/// Writes events as lines.
#[derive(Debug)]
pub struct Lines<W> {
    writer: W,
}

impl<W> Lines<W> {
    /// Writes to what `writer` makes.
    pub fn to(writer: W) -> Self {
        Self { writer }
    }
}

/// Fields by their names. The time is not among them: Lambda's line already has one.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }

    /// What a span adds to the lines within it.
    fn into_context(self) -> Self {
        let fields = self.0.into_iter().map(|(name, value)| match &*name {
            RUNTIMES_NAME => (INVOCATION_ID.to_owned(), value),
            _ => (name, value),
        });
        Self(
            fields
                .filter(|(name, _)| CONTEXT.contains(&&**name))
                .collect(),
        )
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields.into_context());
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<Fields>()
        {
            known.0.append(&mut fields.into_context().0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            // From the innermost to the outermost: the one that is nearer counts.
            if let Some(Fields(fields)) = span.extensions().get() {
                for (name, value) in fields {
                    let entry = line.0.entry(name.clone());
                    entry.or_insert_with(|| value.clone());
                }
            }
        }
        if let Some(id) = line.0.get(INVOCATION_ID).cloned() {
            line.0.entry(REQUEST_ID).or_insert(id);
        }
        event.record(&mut line);
        let metadata = event.metadata();
        let level = metadata.level().as_str();
        line.0.insert("level".to_owned(), level.into());
        line.0.insert("target".to_owned(), metadata.target().into());
        let text = format!("{}\n", Value::Object(line.0));
        // There is nowhere to say so. A line that can't be written must not fail a request.
        let _ = self.writer.make_writer().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests;
