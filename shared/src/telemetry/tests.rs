use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::{error, info, info_span};
use tracing_subscriber::registry;

use super::*;

#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `run` writes.
fn lines(run: impl FnOnce()) -> Vec<Value> {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = registry()
        .with(LevelFilter::INFO)
        .with(Lines::to(move || writer.clone()));
    tracing::subscriber::with_default(subscriber, run);
    let bytes = written.0.lock().unwrap();
    let text = str::from_utf8(&bytes).expect("text");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_line_is_one_flat_object_with_the_fields_of_the_spans_around_it() {
    let lines = lines(|| {
        let invocation = info_span!("Lambda runtime invoke", requestId = "i-1");
        let _in = invocation.enter();
        let group = info_span!("group", tenant = "acme", message_id = tracing::field::Empty);
        let _in = group.enter();
        group.record("message_id", "msg_1");
        error!(
            attempts = 3_u64,
            cause = "a \"quoted\"\nline",
            "storage failed"
        );
    });
    let expected = json!({
        "level": "ERROR", "target": "shared::telemetry::tests", "message": "storage failed", "attempts": 3,
        "cause": "a \"quoted\"\nline", "request_id": "i-1", "invocation_id": "i-1", "tenant": "acme", "message_id": "msg_1",
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn the_nearest_span_and_the_event_itself_count_most() {
    let lines = lines(|| {
        let _in = info_span!("runtime", requestId = "i-1").entered();
        let _in = info_span!("request", request_id = "r-1", message_id = "outer").entered();
        info!("first");
        let _in = info_span!("message", message_id = "inner").entered();
        info!("second");
        info!(message_id = "own", "third");
    });
    let ids: Vec<_> = lines.iter().map(|line| &line["message_id"]).collect();
    assert_eq!(ids, ["outer", "inner", "own"]);
    for line in &lines {
        let ids = (&line["request_id"], &line["invocation_id"]);
        assert_eq!(ids, (&json!("r-1"), &json!("i-1")));
    }
}

#[test]
fn what_else_is_in_a_librarys_span_is_not_written_and_nothing_below_info() {
    let lines = lines(|| {
        let _in = info_span!("call", request = "a secret").entered();
        tracing::debug!("a secret");
        info!("done");
    });
    let expected =
        json!({"level": "INFO", "target": "shared::telemetry::tests", "message": "done"});
    assert_eq!(lines, [expected]);
}
