use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;

use super::*;

async fn put_one_of_each(embedded: &Embedded) {
    let s = |text: &str| AttributeValue::S(text.to_owned());
    embedded
        .dynamodb
        .put_item()
        .table_name(CONNECTIONS_TABLE)
        .item("pk", s("t#local"))
        .item("sk", s("c#1"))
        .item("due_shard", s("0"))
        .item("due_at", s("2026"))
        .send()
        .await
        .expect("put item");
    embedded
        .secrets
        .create_secret()
        .name("mittente/local/1")
        .secret_string("canary")
        .send()
        .await
        .expect("create secret");
    embedded
        .s3
        .put_object()
        .bucket(CONTENT_BUCKET)
        .key("local/msg_1")
        .body(ByteStream::from_static(b"content"))
        .send()
        .await
        .expect("put object");
}

async fn read_one_of_each(embedded: &Embedded) -> (usize, String, Vec<u8>) {
    let due = embedded
        .dynamodb
        .query()
        .table_name(CONNECTIONS_TABLE)
        .index_name(shared::aws::due::INDEX)
        .key_condition_expression("due_shard = :shard")
        .expression_attribute_values(":shard", AttributeValue::S("0".to_owned()))
        .send()
        .await
        .expect("query");
    let secret = embedded
        .secrets
        .get_secret_value()
        .secret_id("mittente/local/1")
        .send()
        .await
        .expect("get secret");
    let object = embedded
        .s3
        .get_object()
        .bucket(CONTENT_BUCKET)
        .key("local/msg_1")
        .send()
        .await
        .expect("get object");
    let content = object.body.collect().await.expect("body").to_vec();
    let secret = secret.secret_string().unwrap_or_default().to_owned();
    (due.items().len(), secret, content)
}

#[tokio::test]
async fn tables_secrets_and_objects_are_served_from_memory() {
    let (one, other) = tokio::join!(Embedded::start(None), Embedded::start(None));
    let (one, other) = (one.expect("starts"), other.expect("starts"));
    put_one_of_each(&one).await;
    assert_eq!(
        read_one_of_each(&one).await,
        (1, "canary".to_owned(), b"content".to_vec())
    );
    let elsewhere = other.secrets.list_secrets().send().await.expect("list");
    assert!(elsewhere.secret_list().is_empty(), "nothing is shared");
    one.stop().await;
}

#[tokio::test]
async fn a_data_directory_outlives_a_restart() {
    let directory = tempfile::tempdir().expect("directory");
    let data = directory.path().join("data");
    let first = Embedded::start(Some(&data)).await.expect("starts");
    put_one_of_each(&first).await;
    for (key, body) in [("local/msg_1", &b"newer"[..]), ("local/gone", b"x")] {
        let put = first.s3.put_object().bucket(CONTENT_BUCKET).key(key);
        let put = put.body(ByteStream::from_static(body)).send().await;
        put.expect("put object");
    }
    let delete = first.s3.delete_object().bucket(CONTENT_BUCKET);
    let deleted = delete.key("local/gone").send().await;
    deleted.expect("delete object");
    first.stop().await;

    let second = Embedded::start(Some(&data)).await.expect("starts again");
    assert_eq!(
        read_one_of_each(&second).await,
        (1, "canary".to_owned(), b"newer".to_vec())
    );
    let get = second.s3.get_object().bucket(CONTENT_BUCKET);
    let gone = get.key("local/gone").send().await.expect_err("deleted");
    assert!(
        gone.as_service_error()
            .is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key)
    );
    second.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("directory");
    let data = directory.path().join("data");
    let embedded = Embedded::start(Some(&data)).await.expect("starts");
    put_one_of_each(&embedded).await;
    let mode = |path: &str| {
        let metadata = std::fs::metadata(data.join(path)).expect("exists");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("secrets"), 0o700);
    assert_eq!(mode("secrets/secrets.json"), 0o600);
}

#[tokio::test]
async fn a_data_directory_has_one_process_at_a_time() {
    let directory = tempfile::tempdir().expect("directory");
    let first = Embedded::start(Some(directory.path()))
        .await
        .expect("starts");
    let second = Embedded::start(Some(directory.path())).await;
    assert!(matches!(second, Err(EmbeddedError::DataInUse(_))));
    first.stop().await;
}

#[tokio::test]
async fn an_entry_of_the_queue_keeps_its_group_and_place() {
    let embedded = Embedded::start(None).await.expect("starts");
    for id in ["1", "2"] {
        embedded
            .queue
            .send_message()
            .queue_url(&embedded.queue_url)
            .message_body(id)
            .message_group_id("conn#0")
            .message_deduplication_id(id)
            .send()
            .await
            .expect("send");
    }
    let received = embedded
        .queue
        .receive_message()
        .queue_url(&embedded.queue_url)
        .max_number_of_messages(10)
        .send()
        .await
        .expect("receive");
    let attributes: Vec<_> = received
        .messages()
        .iter()
        .map(|message| {
            let attributes = message.attributes().expect("attributes");
            let of = |name: &str| attributes[&name.into()].clone();
            (of("MessageGroupId"), of("SequenceNumber"))
        })
        .collect();
    let place = |number: u64| ("conn#0".to_owned(), format!("{number:020}"));
    assert_eq!(attributes, [place(1), place(2)]);
    assert!(received.messages()[0].message_attributes().is_none());
}

#[tokio::test]
async fn a_waiting_receive_sees_an_entry_as_it_is_sent() {
    let embedded = Embedded::start(None).await.expect("starts");
    let receive = embedded
        .queue
        .receive_message()
        .queue_url(&embedded.queue_url)
        .wait_time_seconds(20)
        .send();
    let send = embedded
        .queue
        .send_message()
        .queue_url(&embedded.queue_url)
        .message_body("now")
        .message_group_id("g")
        .message_deduplication_id("d")
        .send();
    let (received, queued) = tokio::join!(receive, send);
    queued.expect("send");
    assert_eq!(received.expect("receive").messages().len(), 1);
}
