//! Items written to a table and read from it as they are, past the code that does so.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use shared::aws::item::Item;

/// How many items DynamoDB takes in one request.
const BATCH: usize = 25;

/// Puts items into a table, and takes those with the keys `gone` out of it.
pub(crate) async fn write((client, table): (&Client, &str), items: Vec<Item>, gone: Vec<Item>) {
    let put = |item| {
        let put = PutRequest::builder().set_item(Some(item)).build();
        WriteRequest::builder()
            .put_request(put.expect("an item"))
            .build()
    };
    let delete = |key| {
        let delete = DeleteRequest::builder().set_key(Some(key)).build();
        WriteRequest::builder()
            .delete_request(delete.expect("a key"))
            .build()
    };
    let items = items.into_iter().map(put);
    let writes: Vec<_> = items.chain(gone.into_iter().map(delete)).collect();
    for batch in writes.chunks(BATCH) {
        let request = client.batch_write_item();
        let request = request.request_items(table, batch.to_vec());
        let written = request.send().await.expect("the items are written");
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
}

pub(crate) async fn all((client, table): (&Client, &str)) -> Vec<Item> {
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
