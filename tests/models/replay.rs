//! What the functions write to the table of connections and to Secrets Manager, caught on its way: in which order, and with which
//! conditions, so that a write can be made again on other states than the one that it met.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput,
};
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{CancellationReason, Delete, Put, TransactWriteItem, Update};
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretInput;
use aws_sdk_secretsmanager::operation::delete_secret::DeleteSecretInput;
use local::embedded::CONNECTIONS_TABLE;
use shared::aws::item::{self, Item};
use shared::aws::secrets::SecretWriter;
use tests::mail_server;
use tests::world::World;

use crate::items;

/// The partition of the tenant `acme`.
pub(crate) const PARTITION: &str = "acme";

/// A call that changes something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    /// Writes to the table, which happen together or not at all.
    Write(Vec<TransactWriteItem>),
    CreateSecret,
    DeleteSecret,
}

/// A world in which what `connections` and `sweep` call is recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) world: World,
    recorder: Recorder,
}

impl Recording {
    pub(crate) async fn start() -> Self {
        let recorder = Recorder::default();
        let world = World::adjusted(mail_server::dialer(), |functions| {
            let connections = Arc::get_mut(&mut functions.connections).expect("nobody else's yet");
            let sweep = Arc::get_mut(&mut functions.sweep).expect("nobody else's yet");
            for table in [&mut connections.connections, &mut sweep.connections] {
                let config = table.client.config().to_builder();
                table.client = Client::from_conf(config.interceptor(recorder.clone()).build());
            }
            let config = sweep.secrets.config().to_builder();
            let config = config.interceptor(recorder.clone()).build();
            sweep.secrets = aws_sdk_secretsmanager::Client::from_conf(config);
            connections.secrets = SecretWriter::new(sweep.secrets.clone(), "test");
        })
        .await;
        Self { world, recorder }
    }

    /// The calls since this was asked for the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.recorder.calls())
    }

    /// The one write since the calls were asked for the last time.
    pub(crate) fn write(&self) -> Vec<TransactWriteItem> {
        match <[Call; 1]>::try_from(self.calls()) {
            Ok([Call::Write(write)]) => write,
            other => panic!("not one write: {other:?}"),
        }
    }

    /// Makes a write again. Whether its conditions allowed it.
    pub(crate) async fn replay(&self, write: &[TransactWriteItem]) -> bool {
        let again = self.client().transact_write_items();
        let again = again.set_transact_items(Some(write.to_vec()));
        let Err(error) = again.send().await else {
            return true;
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            panic!("not carried out: {error:?}");
        };
        let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        assert!(
            cancelled.cancellation_reasons().iter().any(refused),
            "{cancelled:?}"
        );
        false
    }

    /// Puts these items in the place of all that the partition has.
    pub(crate) async fn set(&self, wanted: Vec<Item>) {
        let table = (self.client(), CONNECTIONS_TABLE);
        let key = |item: &Item| item::key(&items::text(item, "pk"), &items::text(item, "sk"));
        let kept: Vec<Item> = wanted.iter().map(key).collect();
        let there = self.all().await;
        let gone = there.iter().map(key).filter(|key| !kept.contains(key));
        items::write(table, wanted, gone.collect()).await;
    }

    pub(crate) async fn all(&self) -> Vec<Item> {
        items::all((self.client(), CONNECTIONS_TABLE)).await
    }

    /// The item of the connection at `path`.
    pub(crate) async fn connection(&self, path: &str) -> Item {
        let id = path.rsplit('/').next().unwrap_or_default();
        let is_its = |item: &Item| items::optional_text(item, "id").is_some_and(|it| it == id);
        let all = self.all().await;
        all.into_iter().find(is_its).expect("the connection")
    }

    fn client(&self) -> &Client {
        &self.world.embedded.dynamodb
    }
}

#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Call>>>);

impl Recorder {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        let call = if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
            Call::Write(transaction.transact_items().to_vec())
        } else if let Some(input) = input.downcast_ref::<PutItemInput>() {
            Call::Write(vec![put(input)?])
        } else if let Some(input) = input.downcast_ref::<UpdateItemInput>() {
            Call::Write(vec![update(input)?])
        } else if let Some(input) = input.downcast_ref::<DeleteItemInput>() {
            Call::Write(vec![delete(input)?])
        } else if input.downcast_ref::<CreateSecretInput>().is_some() {
            Call::CreateSecret
        } else if input.downcast_ref::<DeleteSecretInput>().is_some() {
            Call::DeleteSecret
        } else {
            return Ok(());
        };
        self.calls().push(call);
        Ok(())
    }
}

fn put(input: &PutItemInput) -> Result<TransactWriteItem, BoxError> {
    let put = Put::builder()
        .set_table_name(input.table_name.clone())
        .set_item(input.item.clone())
        .set_condition_expression(input.condition_expression.clone())
        .set_expression_attribute_names(input.expression_attribute_names.clone())
        .set_expression_attribute_values(input.expression_attribute_values.clone());
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn update(input: &UpdateItemInput) -> Result<TransactWriteItem, BoxError> {
    let update = Update::builder()
        .set_table_name(input.table_name.clone())
        .set_key(input.key.clone())
        .set_update_expression(input.update_expression.clone())
        .set_condition_expression(input.condition_expression.clone())
        .set_expression_attribute_names(input.expression_attribute_names.clone())
        .set_expression_attribute_values(input.expression_attribute_values.clone());
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn delete(input: &DeleteItemInput) -> Result<TransactWriteItem, BoxError> {
    let delete = Delete::builder()
        .set_table_name(input.table_name.clone())
        .set_key(input.key.clone())
        .set_condition_expression(input.condition_expression.clone())
        .set_expression_attribute_names(input.expression_attribute_names.clone())
        .set_expression_attribute_values(input.expression_attribute_values.clone());
    Ok(TransactWriteItem::builder().delete(delete.build()?).build())
}
