//! A tenant's messages, newest first: the index says which, the records what.
//!
//! The index holds no more than a filter needs, so that few of a message's changes write to it. It lags behind the table by a
//! moment; what is listed is read from the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::error::StorageError;
use super::item::{self, Item, string};
use super::messages::{MessagesTable, Record, message_key};
use crate::model::ids::{ConnectionId, MessageId};
use crate::model::message::{Message, Status};
use crate::model::tenant::Tenant;

/// The index's name. Its keys are attributes that only records have.
pub const INDEX: &str = "by_tenant";

/// What the index holds beside the keys.
pub const PROJECTED: [&str; 2] = ["status", "effective"];

/// The most entries of the index that a page with a filter looks at.
const LOOKED_AT: usize = 1000;

/// The most calls that read the records of a page: DynamoDB gives 16 MB at once, and less when it is busy.
const CALLS: usize = 4;

/// Which messages are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those in this state.
    pub status: Option<Status>,
    /// Those that this connection sends or sent.
    pub connection_id: Option<ConnectionId>,
}

impl Filter {
    fn matches(&self, message: &Message) -> bool {
        let connection = message.decision.effective.connection_id;
        self.status.is_none_or(|status| message.status == status)
            && self.connection_id.is_none_or(|id| connection == id)
    }
}

/// A page of a tenant's messages.
#[derive(Debug, Default, PartialEq)]
pub struct MessagePage {
    /// The newest first.
    pub messages: Vec<Message>,
    /// Where to go on: after this message. There may be none on the next page, if nothing more passes the filter.
    pub next: Option<MessageId>,
}

impl MessagesTable {
    /// At most `limit` messages of a tenant that pass `filter`, from those older than `after`. A page is shorter when 1,000 messages
    /// were looked at, and where one was filtered by what it no longer is.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagePage, StorageError> {
        let (ids, mut next) = self.matching(tenant, filter, after, limit).await?;
        let mut found = self.records(tenant, &ids).await?;
        let mut messages = Vec::with_capacity(ids.len());
        let mut last = after;
        for id in ids {
            match found.remove(&id) {
                Some(Read::Record(message)) if filter.matches(&message) => messages.push(*message),
                // Gone, or another by now.
                Some(Read::Record(_)) | None => {}
                Some(Read::NotYet) if last == after => {
                    return Err(StorageError::contended("read the messages of a page"));
                }
                Some(Read::NotYet) => {
                    next = last;
                    break;
                }
            }
            last = Some(id);
        }
        Ok(MessagePage { messages, next })
    }

    /// The ids on a page by what the index says, and where to go on.
    async fn matching(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<(Vec<MessageId>, Option<MessageId>), StorageError> {
        const OPERATION: &str = "list messages";
        let filtered = *filter != Filter::default();
        // One more than the page holds tells whether there is another.
        let looked_at = if filtered { LOOKED_AT } else { limit + 1 };
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .scan_index_forward(false)
            .limit(i32::try_from(looked_at).unwrap_or(i32::MAX))
            .key_condition_expression(match after {
                Some(_) => "tenant = :tenant AND id < :after",
                None => "tenant = :tenant",
            })
            .expression_attribute_values(":tenant", string(tenant.as_str()))
            .set_filter_expression(expression(filter));
        if let Some(after) = after {
            request = request.expression_attribute_values(":after", string(after.to_string()));
        }
        if let Some(status) = filter.status {
            let status = serde_dynamo::to_attribute_value(status)
                .map_err(|error| StorageError::corrupt(OPERATION, error))?;
            request = request
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", status);
        }
        if let Some(id) = filter.connection_id {
            request = request.expression_attribute_values(":connection", string(id.to_string()));
        }
        let output = request
            .send()
            .await
            .map_err(|error| StorageError::sdk(OPERATION, error))?;
        let mut ids: Vec<MessageId> = output.items().iter().filter_map(id).collect();
        if ids.len() > limit {
            ids.truncate(limit);
            let next = ids.last().copied();
            return Ok((ids, next));
        }
        Ok((ids, output.last_evaluated_key().and_then(id)))
    }

    /// The records of these ids, as they are now.
    async fn records(
        &self,
        tenant: &Tenant,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, Read>, StorageError> {
        const OPERATION: &str = "read the messages of a page";
        let mut found: HashMap<MessageId, Read> = HashMap::new();
        let mut wanted: Vec<Item> = ids.iter().map(|id| message_key(tenant, *id)).collect();
        for _ in 0..CALLS {
            if wanted.is_empty() {
                break;
            }
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(|error| StorageError::corrupt(OPERATION, error))?;
            let request = self.client.batch_get_item().request_items(&self.name, keys);
            let output = request
                .send()
                .await
                .map_err(|error| StorageError::sdk(OPERATION, error))?;
            let items = output.responses.unwrap_or_default().into_values().flatten();
            for item in items {
                let Record { message, .. } = item::read(item)?;
                found.insert(message.id, Read::Record(Box::new(message)));
            }
            let left = output.unprocessed_keys.unwrap_or_default().into_values();
            wanted = left.flat_map(|keys| keys.keys).collect();
        }
        let left = ids
            .iter()
            .filter(|id| wanted.contains(&message_key(tenant, **id)));
        found.extend(left.map(|id| (*id, Read::NotYet)));
        Ok(found)
    }
}

/// What came of reading a record that is there.
enum Read {
    Record(Box<Message>),
    /// The table had no time for it.
    NotYet,
}

fn id(item: &Item) -> Option<MessageId> {
    item.get("id")?.as_s().ok()?.parse().ok()
}

fn expression(filter: &Filter) -> Option<String> {
    let status = filter.status.map(|_| "#status = :status");
    let connection = filter
        .connection_id
        .map(|_| "effective.connection_id = :connection");
    let parts: Vec<_> = status.into_iter().chain(connection).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}
