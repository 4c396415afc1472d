//! Logs: one JSON object a line on standard output, which Lambda hands to CloudWatch Logs.

use std::fmt::Display;
use std::panic::{PanicHookInfo, set_hook};
use std::process::ExitCode;

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
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        // A line that can't be written would be told on standard error; if that can't be either, it would panic.
        .log_internal_errors(false)
        // The Lambda log line already has its time.
        .without_time()
        .init();
    set_hook(Box::new(log_panic));
}

/// Says where, not what: a panic's message may hold anybody's data.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "panicked");
}
