//! Items put into a table and read back as they are, past the code that writes and reads them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use shared::aws::item::Item;

/// How many items DynamoDB takes in one request.
const BATCH: usize = 25;

pub(crate) async fn put(client: &Client, table: &str, mut items: Vec<Item>) {
    while !items.is_empty() {
        let batch = items.drain(..items.len().min(BATCH)).map(|item| {
            let put = PutRequest::builder().set_item(Some(item)).build();
            WriteRequest::builder()
                .put_request(put.expect("an item"))
                .build()
        });
        let request = client
            .batch_write_item()
            .request_items(table, batch.collect());
        let written = request.send().await.expect("the items are written");
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
}

pub(crate) async fn all(client: &Client, table: &str) -> Vec<Item> {
    let pages = client.scan().table_name(table).into_paginator();
    let items = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    items.expect("the table is read")
}

/// A text attribute that must be there.
pub(crate) fn text(item: &Item, name: &str) -> String {
    optional_text(item, name).unwrap_or_else(|| panic!("no {name} in {item:?}"))
}

/// A text attribute.
pub(crate) fn optional_text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}
