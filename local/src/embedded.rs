//! DynamoDB, Secrets Manager, S3 and SQS inside this process, behind the SDK clients that the functions use everywhere.
//!
//! DynamoDB listens on a loopback port of its own; the others never leave the process. With a data directory the tables,
//! the secrets and the objects outlive it. **The queue does not**: its entries hold ids only, and the sweeper queues again
//! whatever the tables say is due.

mod data;
mod queue;
mod secrets;
mod set_up;
mod streams;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Region, SharedCredentialsProvider};
use dynoxide::Database;
use shared::aws::https::Https;
use shared::aws::s3;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use winterbaume_core::{FsVfs, MockAws};
use winterbaume_s3::S3Service;

use self::data::DataDir;
use self::queue::FifoQueues;
use self::secrets::KeptSecrets;
use self::streams::Tables;

pub use self::streams::{Forwarded, Streams};

/// The region that the embedded services believe to be in.
pub const REGION: &str = "eu-west-3";
/// The table of connections, default pointers and secrets to collect: hash `pk`, range `sk`.
pub const CONNECTIONS_TABLE: &str = "connections";
/// The table of message records: hash `pk`, with the index of a tenant's messages.
pub const MESSAGES_TABLE: &str = "messages";
/// The bucket that holds what messages contain.
pub const CONTENT_BUCKET: &str = "content";
/// The queue of deliveries.
pub const QUEUE: &str = "deliveries.fifo";
/// Where an entry of the queue ends after [`MAX_RECEIVES`] failures.
pub const DEAD_LETTER_QUEUE: &str = "deliveries-dlq.fifo";
/// The queue in which producers ask for messages; not FIFO.
pub const REQUESTS_QUEUE: &str = "email-requests";
/// Where an entry of the producers' queue ends after [`MAX_RECEIVES`] failures.
pub const REQUESTS_DEAD_LETTER_QUEUE: &str = "email-requests-dlq";
/// How often an entry is received before it is moved to the dead-letter queue.
pub const MAX_RECEIVES: u32 = 5;

/// The embedded services, as the clients to use them. They stop when this is dropped.
#[derive(Debug)]
pub struct Embedded {
    /// Holds [`CONNECTIONS_TABLE`] and [`MESSAGES_TABLE`].
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Empty at first.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Holds [`CONTENT_BUCKET`]; what functions do with it goes by [`Embedded::content`].
    pub s3: aws_sdk_s3::Client,
    /// Holds [`QUEUE`] and [`REQUESTS_QUEUE`], each with its dead-letter queue.
    pub queue: aws_sdk_sqs::Client,
    /// The URL of [`QUEUE`].
    pub queue_url: String,
    /// The URL of [`DEAD_LETTER_QUEUE`].
    pub dead_letter_url: String,
    /// The URL of [`REQUESTS_QUEUE`].
    pub requests_url: String,
    /// The URL of [`REQUESTS_DEAD_LETTER_QUEUE`].
    pub requests_dead_letter_url: String,
    tables_inside: Tables,
    deleted: broadcast::Sender<String>,
    tables: JoinHandle<()>,
    // Dropping it stops the server of the tables.
    stop_tables: oneshot::Sender<()>,
    data: Option<DataDir>,
}

/// The embedded services could not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The data directory can't be made, read or written.
    #[error("cannot keep data in {}", path.display())]
    Data {
        /// What could not be used.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Two processes would overwrite each other's secrets.
    #[error("{} is in use by another process", .0.display())]
    DataInUse(PathBuf),
    /// No loopback port for the tables.
    #[error("no loopback port for the tables")]
    Listen(#[source] std::io::Error),
    /// An embedded service refused to start or to be set up.
    #[error("the embedded {service} did not start")]
    Service {
        /// Which.
        service: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn service<E>(service: &'static str) -> impl Fn(E) -> EmbeddedError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| EmbeddedError::Service {
        service,
        source: source.into(),
    }
}

/// A loopback listener for the tables. Their server asks nobody who they are and answers pages of any origin, so on Linux,
/// where all of 127.0.0.0/8 is this machine, it hides among sixteen million addresses: no page finds it by trying.
async fn hidden_listener() -> std::io::Result<TcpListener> {
    if cfg!(target_os = "linux") {
        let [a, b, c] = shared::clock::random();
        let address = Ipv4Addr::new(127, a, b, c.clamp(1, 254));
        if let Ok(listener) = TcpListener::bind((address, 0)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

fn credentials() -> Credentials {
    // dynoxide wants an access key that looks like one.
    Credentials::from_keys("AKIALOCALLOCALLOCAL0", "local", None)
}

/// What every client has in common. No retries: an embedded service that fails should be seen to.
macro_rules! config {
    ($sdk:ident, $http:expr) => {
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::from_static(REGION))
            .credentials_provider(credentials())
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
            .http_client($http)
    };
}

impl Embedded {
    /// Starts the services, in memory or on what an earlier run left in `data`. Any number may run in one process, each on
    /// its own.
    ///
    /// # Errors
    /// When the directory can't be used, or a service doesn't start.
    pub async fn start(data: Option<&Path>) -> Result<Self, EmbeddedError> {
        let data = data.map(DataDir::open).transpose()?;

        let database = match &data {
            Some(data) => Database::new(&data.tables().to_string_lossy()),
            None => Database::memory(),
        }
        .map_err(service("DynamoDB"))?;
        let served = database.clone();
        let listener = hidden_listener().await.map_err(EmbeddedError::Listen)?;
        let address = listener.local_addr().map_err(EmbeddedError::Listen)?;
        let (stop_tables, stopped) = oneshot::channel::<()>();
        let tables = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, stop).await
            {
                tracing::error!(error, "the embedded DynamoDB has stopped");
            }
        });

        let objects = match &data {
            Some(data) => {
                let files = FsVfs::new(data.objects()).map_err(data.failed())?;
                S3Service::recover_with_vfs(Arc::new(files))
                    .await
                    .map_err(service("S3"))?
            }
            None => S3Service::new(),
        };
        let secrets = KeptSecrets::open(data.as_ref().map(DataDir::secrets))
            .await
            .map_err(|source| match &data {
                Some(data) => data.failed()(source),
                None => service("Secrets Manager")(source),
            })?;
        let queues = FifoQueues::new();
        let deleted = queues.deleted();
        let http = MockAws::builder()
            .with_service(objects)
            .with_service(secrets)
            .with_service(queues)
            .build()
            .http_client();

        let plain_http = Https::plain();
        let dynamodb = config!(aws_sdk_dynamodb, plain_http)
            .endpoint_url(format!("http://{address}"))
            .build();
        let mut embedded = Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            secrets: aws_sdk_secretsmanager::Client::from_conf(
                config!(aws_sdk_secretsmanager, http.clone()).build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(
                config!(aws_sdk_s3, http.clone())
                    .force_path_style(true)
                    .build(),
            ),
            queue: aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, http).build()),
            queue_url: String::new(),
            dead_letter_url: String::new(),
            requests_url: String::new(),
            requests_dead_letter_url: String::new(),
            tables_inside: Tables(database),
            deleted,
            tables,
            stop_tables,
            data,
        };
        embedded.create_tables().await?;
        embedded.create_bucket().await?;
        (embedded.queue_url, embedded.dead_letter_url) =
            embedded.create_queues(QUEUE, DEAD_LETTER_QUEUE).await?;
        (embedded.requests_url, embedded.requests_dead_letter_url) = embedded
            .create_queues(REQUESTS_QUEUE, REQUESTS_DEAD_LETTER_QUEUE)
            .await?;
        Ok(embedded)
    }

    /// How functions reach the objects in [`CONTENT_BUCKET`].
    #[must_use]
    pub fn content(&self) -> s3::Config {
        s3::Config {
            url: format!("https://s3.{REGION}.amazonaws.com/{CONTENT_BUCKET}"),
            region: Region::from_static(REGION),
            credentials: SharedCredentialsProvider::new(credentials()),
            http: self.s3.config().http_client().expect("it was given one"),
            retry: RetryConfig::disabled(),
            timeout: TimeoutConfig::disabled(),
        }
    }

    /// The receipt handles of queue entries as they are deleted: what frees an entry's group before its batch has ended.
    #[must_use]
    pub fn deleted_receipts(&self) -> broadcast::Receiver<String> {
        self.deleted.subscribe()
    }

    /// Stops the services and waits until the data directory is free for another start.
    pub async fn stop(self) {
        drop(self.stop_tables);
        // The pooled connections of the client are closed with it, or the server would wait for them.
        drop(self.dynamodb);
        drop(self.tables_inside);
        // A clone of the client that somebody still holds may keep a request open: that is not worth waiting for.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.tables).await;
        drop(self.data);
    }
}

#[cfg(test)]
mod tests;
