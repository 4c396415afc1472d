//! Where the tests' tables, secrets, contents and queues are: embedded, and the first two in a moto server where `MOTO` names one, for a
//! second opinion on DynamoDB and Secrets Manager. `tests/real/store` starts one and says which tests are for it.

use std::net::SocketAddr;

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use local::embedded::Embedded;

/// Storage of its own, with empty tables.
///
/// # Panics
/// When it can't be started, or `MOTO` is no loopback address: nothing that a test writes may leave this machine.
pub async fn storage() -> Embedded {
    let mut embedded = Embedded::start(None).await.expect("embedded services");
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the tests, not configuration"
    )]
    let moto = std::env::var("MOTO");
    if let Ok(address) = moto {
        let address: SocketAddr = address.parse().expect("MOTO is an address and a port");
        assert!(address.ip().is_loopback(), "MOTO is a loopback address");
        keep_in(address, &mut embedded);
        embedded.create_tables().await.expect("moto's tables");
    }
    embedded
}

/// Has the tables and the secrets in the moto server at `address`, in an account of their own.
fn keep_in(address: SocketAddr, embedded: &mut Embedded) {
    let number = u64::from_be_bytes(shared::clock::random()) % 1_000_000_000_000;
    let account = Account(format!("{number:012}"));
    let url = format!("http://{address}");
    let tables = embedded.dynamodb.config();
    // The secrets' own client never leaves the process.
    let http = tables.http_client().expect("one over TCP");
    let secrets = embedded.secrets.config().to_builder().http_client(http);
    let secrets = secrets.endpoint_url(&url).interceptor(account.clone());
    let tables = tables.to_builder().endpoint_url(url).interceptor(account);
    embedded.dynamodb = aws_sdk_dynamodb::Client::from_conf(tables.build());
    embedded.secrets = aws_sdk_secretsmanager::Client::from_conf(secrets.build());
}

/// The account that a call is for, as moto is told it: nothing is shared between accounts.
#[derive(Debug, Clone)]
struct Account(String);

impl Intercept for Account {
    fn name(&self) -> &'static str {
        "account"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("x-moto-account-id", self.0.clone());
        Ok(())
    }
}
