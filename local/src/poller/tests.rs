use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::settle::failures;
use super::*;
use crate::embedded::MAX_RECEIVES;

/// A batch that a test has in hand, and its answer.
type Batch = (Vec<(String, String)>, tokio::sync::oneshot::Sender<Value>);

struct Polled {
    embedded: Embedded,
    batches: mpsc::UnboundedReceiver<Batch>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

async fn start() -> Polled {
    start_with(Poller::new).await
}

async fn start_with(poller: impl FnOnce(&Embedded, Duration) -> Poller) -> Polled {
    let embedded = Embedded::start(None).await.expect("starts");
    let (send, batches) = mpsc::unbounded_channel();
    let handler = move |event: Value| {
        let records = event["Records"].as_array().cloned().unwrap_or_default();
        let records = records
            .iter()
            .map(|record| {
                assert_eq!(record["eventSource"], "aws:sqs");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let count = text(&record["attributes"]["ApproximateReceiveCount"]);
                let body = format!("{} {count}", text(&record["body"]));
                (body, record.to_string())
            })
            .collect();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let _ = send.send((records, answer));
        // A dropped answer is an error of the function.
        answered
    };
    let (stop, stopped) = watch::channel(false);
    let poller = poller(&embedded, Duration::ZERO);
    let running = tokio::spawn(poller.run(handler, stopped));
    Polled {
        embedded,
        batches,
        stop,
        running,
    }
}

impl Polled {
    async fn send(&self, group: &str, body: &str) {
        self.embedded
            .queue
            .send_message()
            .queue_url(&self.embedded.queue_url)
            .message_body(body)
            .message_group_id(group)
            .message_deduplication_id(body)
            .send()
            .await
            .expect("send");
    }

    /// The next batch, its bodies with how often they were received.
    async fn batch(&mut self) -> (Vec<String>, Vec<Value>, tokio::sync::oneshot::Sender<Value>) {
        let next = tokio::time::timeout(Duration::from_secs(10), self.batches.recv()).await;
        let (records, answer) = next.expect("in time").expect("a batch");
        let (bodies, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
        let records = records
            .iter()
            .map(|record| serde_json::from_str(record).expect("JSON"))
            .collect();
        (bodies, records, answer)
    }

    async fn attribute(&self, url: &str, name: &str) -> String {
        let attributes = self.embedded.queue.get_queue_attributes();
        let attributes = attributes.queue_url(url).send().await.expect("attributes");
        attributes.attributes().expect("attributes")[&name.into()].clone()
    }
}

fn all_well() -> Value {
    json!({"batchItemFailures": []})
}

#[tokio::test]
async fn no_entry_of_a_group_is_handed_out_while_another_is_in_flight() {
    let mut polled = start().await;
    polled.send("a", "a1").await;
    let (bodies, _, first) = polled.batch().await;
    assert_eq!(bodies, ["a1 1"]);
    polled.send("a", "a2").await;
    polled.send("a", "a3").await;
    polled.send("b", "b1").await;
    // Sent after those of the group that is locked, and handed out before them.
    let (bodies, _, other) = polled.batch().await;
    assert_eq!(bodies, ["b1 1"]);
    first.send(all_well()).expect("answered");
    let (bodies, _, last) = polled.batch().await;
    assert_eq!(bodies, ["a2 1", "a3 1"]);
    other.send(all_well()).expect("answered");
    last.send(all_well()).expect("answered");
}

#[tokio::test]
async fn deleting_an_entry_frees_its_group_before_the_batch_has_ended() {
    let mut polled = start().await;
    polled.send("a", "a1").await;
    let (_, records, slow) = polled.batch().await;
    polled.send("a", "a2").await;
    polled
        .embedded
        .queue
        .delete_message()
        .queue_url(&polled.embedded.queue_url)
        .receipt_handle(records[0]["receiptHandle"].as_str().expect("a receipt"))
        .send()
        .await
        .expect("delete");
    let (bodies, _, answer) = polled.batch().await;
    assert_eq!(bodies, ["a2 1"]);
    slow.send(all_well()).expect("answered");
    answer.send(all_well()).expect("answered");
}

#[tokio::test]
async fn what_fails_comes_again_before_the_rest_of_its_group_and_what_succeeds_is_deleted() {
    let mut polled = start().await;
    polled.send("a", "a1").await;
    let (_, records, answer) = polled.batch().await;
    polled.send("a", "a2").await;
    let failed = json!({"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]});
    answer.send(failed).expect("answered");
    let (mut bodies, _, answer) = polled.batch().await;
    answer.send(all_well()).expect("answered");
    if bodies.len() == 1 {
        // The second was not there yet as the first came again.
        bodies.extend(polled.batch().await.0);
    }
    assert_eq!(bodies, ["a1 2", "a2 1"]);
}

#[tokio::test]
async fn an_entry_that_always_fails_ends_in_the_dead_letter_queue_and_frees_its_group() {
    let mut polled = start().await;
    polled.send("a", "poison").await;
    for count in 1..=MAX_RECEIVES {
        let (bodies, _, answer) = polled.batch().await;
        assert_eq!(bodies, [format!("poison {count}")]);
        // The function fails as a whole.
        drop(answer);
    }
    polled.send("a", "next").await;
    let (bodies, _, answer) = polled.batch().await;
    assert_eq!(bodies, ["next 1"]);
    answer.send(all_well()).expect("answered");

    let dead = polled
        .embedded
        .queue
        .receive_message()
        .queue_url(&polled.embedded.dead_letter_url)
        .wait_time_seconds(5)
        .send()
        .await
        .expect("receive");
    assert_eq!(dead.messages()[0].body(), Some("poison"));
}

#[tokio::test]
async fn an_entry_of_the_producers_queue_waits_for_no_other_and_ends_in_its_own_dead_letter_queue()
{
    let mut polled = start_with(Poller::of_requests).await;
    let url = polled.embedded.requests_url.clone();
    let queue = polled.embedded.queue.clone();
    let send = |body: &str| {
        let send = queue.send_message().queue_url(&url);
        send.message_body(body).send()
    };
    send("bad").await.expect("sent");
    let (_, _, bad) = polled.batch().await;
    send("good").await.expect("sent");
    let (bodies, records, good) = polled.batch().await;
    assert_eq!(bodies, ["good 1"]);
    let arn = records[0]["eventSourceARN"].as_str().expect("a text");
    assert!(arn.ends_with(":email-requests"), "{arn}");
    good.send(all_well()).expect("answered");
    drop(bad);
    for count in 2..=MAX_RECEIVES {
        let (bodies, _, answer) = polled.batch().await;
        assert_eq!(bodies, [format!("bad {count}")]);
        drop(answer);
    }
    let dead = polled
        .embedded
        .queue
        .receive_message()
        .queue_url(&polled.embedded.requests_dead_letter_url)
        .wait_time_seconds(5)
        .send()
        .await
        .expect("receive");
    assert_eq!(dead.messages()[0].body(), Some("bad"));
}

#[tokio::test]
async fn stopping_waits_for_the_batches_that_are_out() {
    let mut polled = start().await;
    polled.send("a", "a1").await;
    let (_, _, answer) = polled.batch().await;
    polled.stop.send_replace(true);
    answer.send(all_well()).expect("answered");
    (&mut polled.running).await.expect("ended");
    let url = polled.embedded.queue_url.clone();
    for name in [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ] {
        assert_eq!(polled.attribute(&url, name).await, "0", "{name}");
    }
}

#[test]
fn an_answer_that_names_no_entry_of_the_batch_fails_all_of_it() {
    let batch = [Entry {
        id: "m1".to_owned(),
        receipt: String::new(),
        place: String::new(),
        group: String::new(),
        receives: 1,
        record: Value::Null,
    }];
    let answer = |ids: &[&str]| {
        let failed: Vec<_> = ids
            .iter()
            .map(|id| json!({ "itemIdentifier": id }))
            .collect();
        failures(&batch, &json!({ "batchItemFailures": failed }))
    };
    assert_eq!(answer(&[]), Some(vec![]));
    assert_eq!(answer(&["m1"]), Some(vec!["m1".to_owned()]));
    assert_eq!(answer(&["m1", "m2"]), None);
    assert_eq!(answer(&[""]), None);
    assert_eq!(failures(&batch, &Value::Null), Some(vec![]));
    assert_eq!(failures(&batch, &json!({"batchItemFailures": 1})), None);
}
