//! Writes that happen together or not at all (DynamoDB `TransactWriteItems`), and which of their conditions failed.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::error::StorageError;
use super::item::Item;

/// Reasons of a cancelled transaction that mean "later".
pub(super) const LATER: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// The writes of a transaction, each with a label of the caller's, so that a failed condition can be told by name.
#[derive(Debug)]
pub struct Transaction<'a, L> {
    client: &'a Client,
    table: &'a str,
    writes: Vec<(L, TransactWriteItem)>,
}

/// How a transaction ended.
#[derive(Debug)]
pub enum Ended<L> {
    /// All of it was written.
    Written,
    /// Nothing was written: these conditions failed. Each with the item that it met.
    Refused(Vec<(L, Option<Item>)>),
    /// Nothing was written: another transaction was at one of the items, or DynamoDB was throttling. May be repeated.
    Conflict,
}

/// A condition on an item, with its values.
#[derive(Debug, Default)]
pub struct Condition {
    expression: Option<String>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// No condition.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This expression; no attribute name in it may be a reserved word.
    #[must_use]
    pub fn new(expression: &str) -> Self {
        Self {
            expression: Some(expression.to_owned()),
            values: Vec::new(),
        }
    }

    /// Gives the placeholder `name` (`:x`) its value.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.push((name.to_owned(), value));
        self
    }

    fn values(self) -> Option<std::collections::HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.into_iter().collect())
    }
}

impl<'a, L: Copy> Transaction<'a, L> {
    /// An empty transaction on one table.
    #[must_use]
    pub fn new(client: &'a Client, table: &'a str) -> Self {
        Self {
            client,
            table,
            writes: Vec::new(),
        }
    }

    /// Writes an item whole.
    #[must_use]
    pub fn put(mut self, label: L, item: Item, mut condition: Condition) -> Self {
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(item))
            .set_condition_expression(condition.expression.take())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a put has a table and an item");
        self.writes
            .push((label, TransactWriteItem::builder().put(put).build()));
        self
    }

    /// Deletes an item.
    #[must_use]
    pub fn delete(mut self, label: L, key: Item, mut condition: Condition) -> Self {
        let delete = Delete::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .set_condition_expression(condition.expression.take())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a delete has a table and a key");
        self.writes
            .push((label, TransactWriteItem::builder().delete(delete).build()));
        self
    }

    /// Changes an item, or makes it, by an update expression whose values are the condition's as well.
    #[must_use]
    pub fn update(
        mut self,
        label: L,
        key: Item,
        expression: &str,
        mut condition: Condition,
    ) -> Self {
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .update_expression(expression)
            .set_condition_expression(condition.expression.take())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("an update has a table, a key and an expression");
        self.writes
            .push((label, TransactWriteItem::builder().update(update).build()));
        self
    }

    /// Demands that an item meets a condition.
    #[must_use]
    pub fn check(mut self, label: L, key: Item, mut condition: Condition) -> Self {
        let check = ConditionCheck::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .condition_expression(condition.expression.take().unwrap_or_default())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a check has a table, a key and a condition");
        self.writes.push((
            label,
            TransactWriteItem::builder().condition_check(check).build(),
        ));
        self
    }

    /// Writes it all, or nothing.
    ///
    /// # Errors
    /// When DynamoDB could not be asked, or refused for another reason than a condition.
    pub async fn write(self) -> Result<Ended<L>, StorageError> {
        let (labels, writes): (Vec<L>, Vec<_>) = self.writes.into_iter().unzip();
        let Err(error) = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await
        else {
            return Ok(Ended::Written);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let is = |reason: &CancellationReason, code| reason.code() == Some(code);
                let refused: Vec<_> = labels
                    .into_iter()
                    .zip(reasons)
                    .filter(|(_, reason)| is(reason, "ConditionalCheckFailed"))
                    .map(|(label, reason)| (label, reason.item().cloned()))
                    .collect();
                if !refused.is_empty() {
                    Ok(Ended::Refused(refused))
                } else if reasons
                    .iter()
                    .any(|reason| LATER.iter().any(|code| is(reason, code)))
                {
                    Ok(Ended::Conflict)
                } else {
                    Err(StorageError::sdk("write a transaction", error))
                }
            }
            _ => Err(StorageError::sdk("write a transaction", error)),
        }
    }
}
