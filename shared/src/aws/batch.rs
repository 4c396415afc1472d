//! A batch of queue entries as Lambda hands it over, and the answer that says which of them are to come again.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use serde::{Deserialize, Serialize};

/// A batch of entries.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The entries, of one group or several.
    #[serde(rename = "Records")]
    pub records: Vec<Entry>,
}

/// An entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What SQS calls it.
    pub message_id: String,
    /// What it is to be deleted by.
    #[serde(default)]
    pub receipt_handle: String,
    /// What it carries.
    pub body: String,
    /// What SQS knows of it.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What SQS knows of an entry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The group in whose order it comes.
    pub message_group_id: Option<String>,
    /// How often it was received, this time included.
    pub approximate_receive_count: Option<String>,
}

/// Which entries are to come again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Those that failed; all others are done with.
    pub batch_item_failures: Vec<Failure>,
}

/// An entry that failed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its `messageId`.
    pub item_identifier: String,
}
