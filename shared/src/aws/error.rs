//! A call to AWS that failed.

use std::error::Error;
use std::sync::Arc;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Why storage didn't do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} failed")]
pub struct StorageError {
    operation: &'static str,
    transient: bool,
    missing: bool,
    source: Arc<dyn Error + Send + Sync>,
}

/// What a conditional write gave; `None` where its condition did not hold.
///
/// # Errors
/// When it failed for another reason.
pub fn conditional<T, E>(
    operation: &'static str,
    written: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, StorageError>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match written {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(StorageError::sdk(operation, error)),
    }
}

/// Error codes that mean "later" though their status, 400, says that the request is wrong: DynamoDB, Secrets Manager, SQS and S3.
const TRANSIENT: [&str; 6] = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TransactionInProgressException",
    "TransactionConflictException",
    "RequestTimeout",
];

/// Error codes that mean "there is no such thing": S3 and Secrets Manager.
const MISSING: [&str; 2] = ["NoSuchKey", "ResourceNotFoundException"];

impl StorageError {
    /// From the SDK's error of `operation`.
    pub fn sdk<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let transient = match &error {
            SdkError::TimeoutError(_)
            | SdkError::DispatchFailure(_)
            | SdkError::ResponseError(_) => true,
            other => {
                let failed = |it: &HttpResponse| it.status().is_server_error();
                let by_code = other.code().is_some_and(|code| TRANSIENT.contains(&code));
                by_code || other.raw_response().is_some_and(failed)
            }
        };
        let missing = error.code().is_some_and(|code| MISSING.contains(&code));
        Self {
            operation,
            transient,
            missing,
            source: Arc::new(error),
        }
    }

    /// The stored data is not what it should be.
    pub fn corrupt(
        operation: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            operation,
            transient: false,
            missing: true,
            source: source.into().into(),
        }
    }

    /// Others were faster, again and again.
    #[must_use]
    pub fn contended(operation: &'static str) -> Self {
        Self {
            operation,
            transient: true,
            missing: false,
            source: Box::<dyn Error + Send + Sync>::from("too many concurrent changes").into(),
        }
    }

    /// What was tried.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Whether what was asked for is not there, or is not what it should be: no other call will find it.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    /// The chain of causes, for the log. Only what errors say of themselves: the SDK's debugging output may hold the body of an answer.
    #[must_use]
    pub fn cause(&self) -> String {
        let mut chain = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            chain = format!("{chain}: {error}");
            cause = error.source();
        }
        chain
    }
}
