//! The streams of both tables, read as EventBridge Pipes do it in a deployment.

use std::fmt;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::errors::DynoxideError;
use dynoxide::types::AttributeValue;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::aws::event;
use shared::model::timestamp::Timestamp;

use super::{CONNECTIONS_TABLE, Embedded, EmbeddedError, MESSAGES_TABLE, service};

/// An event that a change carried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forwarded {
    /// What the stream calls the change.
    pub id: String,
    /// When it was, to the second.
    pub time: Timestamp,
    /// EventBridge's detail type.
    pub detail_type: Value,
    /// EventBridge's detail.
    pub detail: Value,
}

/// The tables, beside their server.
#[derive(Clone)]
pub(super) struct Tables(pub(super) Database);

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

/// The changes of both tables from the time on that this was made.
#[derive(Debug)]
pub struct Streams {
    tables: Tables,
    iterators: Vec<String>,
}

impl Embedded {
    /// Has the tables keep what changes, and reads on from here. Not done for everyone: the embedded DynamoDB never forgets what it
    /// has kept, and looks through all of it at every write.
    ///
    /// # Errors
    /// When the tables don't do so.
    pub async fn streams(&self) -> Result<Streams, EmbeddedError> {
        let mut iterators = Vec::new();
        for table in [CONNECTIONS_TABLE, MESSAGES_TABLE] {
            let specification = StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()
                .map_err(service("DynamoDB"))?;
            let updated = self.dynamodb.update_table().table_name(table);
            let updated = updated.stream_specification(specification).send().await;
            let described = updated.map_err(service("DynamoDB"))?.table_description;
            let latest = GetShardIteratorRequest {
                stream_arn: described
                    .and_then(|table| table.latest_stream_arn)
                    .unwrap_or_default(),
                shard_id: dynoxide::streams::shard_id(table),
                shard_iterator_type: "LATEST".to_owned(),
                sequence_number: None,
            };
            let response = self.tables_inside.0.get_shard_iterator(latest);
            let iterator = response.map_err(service("DynamoDB"))?.shard_iterator;
            iterators.push(iterator.unwrap_or_default());
        }
        Ok(Streams {
            tables: self.tables_inside.clone(),
            iterators,
        })
    }
}

impl Streams {
    /// The events of all changes since this was last asked, the oldest first.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub fn read(&mut self) -> Result<Vec<Forwarded>, DynoxideError> {
        let mut events = Vec::new();
        for iterator in &mut self.iterators {
            loop {
                let request = GetRecordsRequest {
                    shard_iterator: iterator.clone(),
                    limit: None,
                };
                let response = self.tables.0.get_records(request)?;
                if let Some(next) = response.next_shard_iterator {
                    *iterator = next;
                }
                if response.records.is_empty() {
                    break;
                }
                events.extend(response.records.into_iter().filter_map(forwarded));
            }
        }
        // The sequence numbers of both tables come from one clock.
        events.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }
}

/// What Pipes forward: new images that carry an event.
fn forwarded(record: Record) -> Option<(String, Forwarded)> {
    let image = record.dynamodb.new_image?;
    let mut event = match json(image.get(event::ATTRIBUTE)?) {
        Value::Object(event) => event,
        _ => Map::new(),
    };
    let seconds = record.dynamodb.approximate_creation_date_time;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds, and far from any limit"
    )]
    let time = Timestamp::from_millis(seconds as i64 * 1000);
    let forwarded = Forwarded {
        id: record.event_id,
        time,
        detail_type: event.remove("detail_type").unwrap_or_default(),
        detail: event.remove("detail").unwrap_or_default(),
    };
    Some((record.dynamodb.sequence_number, forwarded))
}

/// An attribute as JSON; an event has neither sets nor bytes.
fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_default(),
        AttributeValue::BOOL(value) => Value::Bool(*value),
        AttributeValue::L(list) => list.iter().map(json).collect(),
        AttributeValue::M(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), json(value)));
            Value::Object(fields.collect())
        }
        _ => Value::Null,
    }
}
