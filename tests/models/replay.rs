//! What the functions write to the table of connections, caught on its way with its conditions, and made again on other states than the
//! one that they met.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use local::embedded::CONNECTIONS_TABLE;
use shared::aws::item::{self, Item};
use tests::mail_server;
use tests::world::World;

use crate::items;

/// The partition of the tenant `acme`.
pub(crate) const PARTITION: &str = "acme";

/// The writes of one request, which happen together or not at all.
pub(crate) type Request = Vec<TransactWriteItem>;

/// A world in which the writes of `connections` and `sweep` are recorded.
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
        })
        .await;
        Self { world, recorder }
    }

    /// The requests that wrote since this was asked for the last time.
    pub(crate) fn requests<const N: usize>(&self) -> [Request; N] {
        let requests = std::mem::take(&mut *self.recorder.requests());
        requests.try_into().expect("as many as the test expects")
    }

    /// Makes a request again. Whether its conditions allowed it.
    pub(crate) async fn replay(&self, request: &Request) -> bool {
        let again = self.client().transact_write_items();
        let answer = again.set_transact_items(Some(request.clone())).send().await;
        match answer {
            Ok(_) => true,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_transaction_canceled_exception()) =>
            {
                false
            }
            Err(error) => panic!("not carried out: {error:?}"),
        }
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
struct Recorder(Arc<Mutex<Vec<Request>>>);

impl Recorder {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
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
        let request = if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
            transaction.transact_items().to_vec()
        } else if let Some(input) = input.downcast_ref() {
            vec![put(input)?]
        } else if let Some(input) = input.downcast_ref() {
            vec![update(input)?]
        } else if let Some(input) = input.downcast_ref() {
            vec![delete(input)?]
        } else {
            return Ok(());
        };
        self.requests().push(request);
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
