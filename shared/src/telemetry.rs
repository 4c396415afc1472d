//! Logs: one JSON object a line on standard output, which Lambda hands to CloudWatch Logs.

/// Starts logging. The level is `INFO`; nothing below it is written, so no library's debugging output can carry a secret out.
pub fn start() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        // The Lambda log line already has its time.
        .without_time()
        .init();
}
