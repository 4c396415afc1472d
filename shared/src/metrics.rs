//! Metrics: what happens in an invocation is collected, and written at its end as one line in CloudWatch's embedded metric format, from
//! which CloudWatch Logs makes the metrics:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//!
//! Their one dimension is the function. A tenant is none: each value of a dimension is a metric that is paid for by itself.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config;
use crate::model::message::{Outcome, Status};
use crate::model::timestamp::{Timestamp, millis};
use crate::telemetry::REQUEST_ID;

/// What all metrics are in.
pub const NAMESPACE: &str = "Mittente";
const DIMENSION: &str = "FunctionName";
/// The most values of a metric in one document. An invocation has far fewer; where it had more, the rest would not be seen.
const MAX_VALUES: usize = 100;

/// What is measured. A metric's name is its variant's; `docs/operations.md` says what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "they are in docs/operations.md, for those who read them in CloudWatch"
)]
pub enum Metric {
    Accepted,
    Rejected,
    Sent,
    Deferred,
    Parked,
    Failed,
    Unknown,
    DeliveryLatency,
    AttemptsAccepted,
    AttemptsTransient,
    AttemptsPermanent,
    AttemptsNotSent,
    AttemptsAmbiguous,
    SessionsOpened,
    SessionsReused,
    SessionOpenDuration,
    TransactionDuration,
    LoginsRefused,
    ConnectionsSuspended,
    VerificationsPassed,
    VerificationsFailed,
    VerificationDuration,
    Due,
    Requeued,
    SecretsCollected,
    ColdStarts,
    InitDuration,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Accepted,
        Self::Rejected,
        Self::Sent,
        Self::Deferred,
        Self::Parked,
        Self::Failed,
        Self::Unknown,
        Self::DeliveryLatency,
        Self::AttemptsAccepted,
        Self::AttemptsTransient,
        Self::AttemptsPermanent,
        Self::AttemptsNotSent,
        Self::AttemptsAmbiguous,
        Self::SessionsOpened,
        Self::SessionsReused,
        Self::SessionOpenDuration,
        Self::TransactionDuration,
        Self::LoginsRefused,
        Self::ConnectionsSuspended,
        Self::VerificationsPassed,
        Self::VerificationsFailed,
        Self::VerificationDuration,
        Self::Due,
        Self::Requeued,
        Self::SecretsCollected,
        Self::ColdStarts,
        Self::InitDuration,
    ];

    /// How an attempt ended.
    #[must_use]
    pub fn attempts(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::AttemptsAccepted,
            Outcome::Transient => Self::AttemptsTransient,
            Outcome::Permanent => Self::AttemptsPermanent,
            Outcome::NotSent => Self::AttemptsNotSent,
            Outcome::Ambiguous => Self::AttemptsAmbiguous,
        }
    }

    /// What a delivery made of a message; `None` for what only a person or a start makes.
    #[must_use]
    pub fn of_status(status: Status, parked: bool) -> Option<Self> {
        match status {
            Status::Sent => Some(Self::Sent),
            Status::Retrying if parked => Some(Self::Parked),
            Status::Retrying => Some(Self::Deferred),
            Status::Failed => Some(Self::Failed),
            Status::Unknown => Some(Self::Unknown),
            Status::Queued | Status::Sending | Status::Cancelled => None,
        }
    }
}

/// Collects what happens. Clones collect into the same.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Option<Arc<Collector>>);

#[derive(Debug)]
struct Collector {
    function: String,
    started: Instant,
    values: Mutex<BTreeMap<Metric, Values>>,
}

#[derive(Debug)]
enum Values {
    /// How often.
    Count(u64),
    /// How long each took, in milliseconds.
    Took(Vec<u64>),
}

impl Metrics {
    /// Collects nothing, for where nobody asks.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Collects for this function.
    #[must_use]
    pub fn of(function: impl Into<String>) -> Self {
        Self(Some(Arc::new(Collector {
            function: function.into(),
            started: Instant::now(),
            values: Mutex::default(),
        })))
    }

    /// Collects for the function that runs here, as Lambda calls it: `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets itself. To be called
    /// first of all.
    #[must_use]
    pub fn start(function: &str) -> Self {
        Self::of(config::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or(function.to_owned()))
    }

    /// The instance is ready for its first invocation, whose line will tell of the cold start.
    #[must_use]
    pub fn ready(self) -> Self {
        if let Some(collector) = &self.0 {
            self.count(Metric::ColdStarts);
            self.took(Metric::InitDuration, collector.started.elapsed());
        }
        self
    }

    /// It happened once more.
    pub fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    /// It happened so many times more.
    pub fn add(&self, metric: Metric, times: usize) {
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        if let Some(mut values) = self.values()
            && let Values::Count(count) = values.entry(metric).or_insert(Values::Count(0))
        {
            *count = count.saturating_add(times);
        }
    }

    /// It took so long.
    pub fn took(&self, metric: Metric, duration: Duration) {
        if let Some(mut values) = self.values()
            && let Values::Took(took) = values.entry(metric).or_insert(Values::Took(Vec::new()))
            && took.len() < MAX_VALUES
        {
            took.push(millis(duration));
        }
    }

    /// What was collected, as a document whose metrics are of `now`; `None` where nothing was. Then it starts anew.
    #[must_use]
    pub fn take(&self, now: Timestamp) -> Option<Value> {
        let collector = self.0.as_ref()?;
        let values = std::mem::take(&mut *self.values()?);
        if values.is_empty() {
            return None;
        }
        let described = values.iter().map(|(metric, values)| {
            let unit = match values {
                Values::Count(_) => "Count",
                Values::Took(_) => "Milliseconds",
            };
            json!({"Name": format!("{metric:?}"), "Unit": unit})
        });
        let mut document = json!({
            "_aws": {
                "Timestamp": now.as_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": described.collect::<Vec<_>>(),
                }],
            },
            DIMENSION: collector.function,
        });
        for (metric, values) in values {
            document[format!("{metric:?}")] = match values {
                Values::Count(count) => count.into(),
                Values::Took(took) => took.into(),
            };
        }
        Some(document)
    }

    /// Writes what was collected on standard output, which Lambda hands to CloudWatch Logs. To be called at the end of each invocation,
    /// with the id that its log lines have, so that a graph leads to them.
    pub fn write(&self, request_id: &str) {
        if let Some(mut document) = self.take(Clock::system().now()) {
            document[REQUEST_ID] = request_id.into();
            // A lost line is a gap in a graph, and no reason to fail.
            let _ = io::stdout().write_all(format!("{document}\n").as_bytes());
        }
    }

    fn values(&self) -> Option<MutexGuard<'_, BTreeMap<Metric, Values>>> {
        let values = &self.0.as_ref()?.values;
        Some(values.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    #[test]
    fn an_invocation_is_one_document_in_the_embedded_metric_format() {
        let metrics = Metrics::of("mittente-deliver");
        metrics.count(Metric::Sent);
        metrics.took(Metric::DeliveryLatency, Duration::from_millis(120));
        let clone = metrics.clone();
        clone.add(Metric::Sent, 2);
        clone.took(Metric::DeliveryLatency, Duration::from_secs(3));
        let document = metrics.take(NOW).expect("a document").to_string();
        assert_eq!(
            document,
            concat!(
                r#"{"DeliveryLatency":[120,3000],"FunctionName":"mittente-deliver","Sent":3,"#,
                r#""_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"Metrics":["#,
                r#"{"Name":"Sent","Unit":"Count"},{"Name":"DeliveryLatency","Unit":"Milliseconds"}],"#,
                r#""Namespace":"Mittente"}],"Timestamp":1767225600000}}"#
            )
        );
        assert_eq!(metrics.take(NOW), None, "it starts anew");
    }

    #[test]
    fn the_first_invocation_tells_of_the_cold_start_and_the_next_one_does_not() {
        let metrics = Metrics::of("sweep").ready();
        let first = metrics.take(NOW).expect("a document");
        assert_eq!(first["ColdStarts"], 1);
        assert!(first["InitDuration"][0].is_u64());
        metrics.count(Metric::Requeued);
        let second = metrics.take(NOW).expect("a document");
        assert_eq!(second["ColdStarts"], Value::Null);
    }

    #[test]
    fn nothing_is_collected_where_nobody_asks() {
        let metrics = Metrics::off().ready();
        metrics.count(Metric::Sent);
        assert_eq!(metrics.take(NOW), None);
    }

    #[test]
    fn a_document_of_everything_is_within_the_limits_of_the_format() {
        let metrics = Metrics::of("f".repeat(64));
        for metric in Metric::ALL {
            for _ in 0..1000 {
                metrics.took(metric, Duration::from_millis(u64::MAX));
            }
        }
        let document = metrics.take(NOW).expect("a document");
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        let described = directive["Metrics"].as_array().expect("an array");
        assert!(described.len() == Metric::ALL.len() && described.len() <= 100);
        for metric in described {
            let name = metric["Name"].as_str().expect("a name");
            let values = document[name].as_array().map(Vec::len);
            assert_eq!(values, Some(100), "{name}");
        }
        assert!(document.to_string().len() < 1024 * 1024);
    }

    #[test]
    fn every_metric_is_in_the_papers() {
        let papers = include_str!("../../docs/operations.md");
        for metric in Metric::ALL {
            let row = format!("| `{metric:?}` |");
            assert!(papers.contains(&row), "docs/operations.md has no row {row}");
        }
    }
}
