//! `step` against the code: every write of the functions, as they make it, on every abstract partition.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde_json::{Value, json};
use shared::aws::connections::{COLLECTING, SECRET_GRACE, noted_secret};
use shared::aws::due;
use shared::aws::item::{self, Item, number, string};
use tests::world::Client;

use super::partition::{Connection, Note, Partition, Write, step};
use crate::items;
use crate::replay::{Call, PARTITION, Recording};

const HOSTS: [&str; 2] = ["zero.example.com", "one.example.com"];

/// The connection as each request read it.
const SEEN: Connection = Connection {
    version: 1,
    host: 0,
    secret: Some(0),
};

/// What the numbers of the model stand for in a recorded request.
struct Names {
    /// Any item of the connection.
    template: Item,
    secrets: [String; 2],
}

fn partitions() -> Vec<Partition> {
    let changed = Connection { version: 2, ..SEEN };
    let mut partitions = Vec::new();
    for connection in [None, Some(SEEN), Some(changed)] {
        for old in [Note::None, Note::Due] {
            for new in [Note::None, Note::Fresh, Note::Due, Note::Collecting] {
                partitions.push(Partition {
                    connection,
                    notes: [old, new, Note::None],
                });
            }
        }
    }
    partitions
}

/// Asserts that what was `made` does to every partition what the model says of `write`.
async fn assert_is(recording: &Recording, names: &Names, made: &[TransactWriteItem], write: Write) {
    for before in partitions() {
        recording.set(names.items(recording, before)).await;
        let allowed = recording.replay(made).await;
        let after = names.read(recording, &recording.all().await);
        let expected = step(before, write);
        let case = format!("{write:?} on {before:?}");
        assert_eq!(allowed, expected.is_some(), "{case}");
        assert_eq!(after, expected.unwrap_or(before), "{case}");
    }
}

#[tokio::test]
async fn every_write_about_a_secret_is_the_models() {
    let recording = Recording::start().await;
    let tenant = recording.world.tenant(PARTITION);
    let login = |host: &str| json!({"host": host, "username": "u", "password": "s3cr3t"});

    // Both of a new connection's requests carry a secret of its own.
    let path = tenant.connection(login(HOSTS[1])).await;
    let [note, create] = around(&Call::CreateSecret, recording.calls());
    let created = recording.connection(&path).await;
    let mut names = Names {
        secrets: ["test/another".to_owned(), items::text(&created, "secret")],
        template: created,
    };
    assert_is(&recording, &names, &note, Write::Note(1)).await;
    let (host, secret) = (1, Some(1));
    assert_is(&recording, &names, &create, Write::Create { host, secret }).await;

    let seen = Partition {
        connection: Some(SEEN),
        notes: [Note::None; 3],
    };
    let (host, seen_secret) = (SEEN.host, SEEN.secret);
    let changes = [
        (json!({"name": "New"}), host, seen_secret),
        (json!({"username": null, "password": null}), host, None),
    ];
    for (change, host, secret) in changes {
        recording.set(names.items(&recording, seen)).await;
        patch(&tenant, &path, &change).await;
        let update = recording.write();
        let write = Write::Update {
            seen: SEEN,
            host,
            secret,
        };
        assert_is(&recording, &names, &update, write).await;
    }

    recording.set(names.items(&recording, seen)).await;
    patch(&tenant, &path, &login(HOSTS[1])).await;
    let [note, update] = around(&Call::CreateSecret, recording.calls());
    let moved = recording.connection(&path).await;
    names.secrets[1] = items::text(&moved, "secret");
    assert_is(&recording, &names, &note, Write::Note(1)).await;
    let write = Write::Update {
        seen: SEEN,
        host: 1,
        secret: Some(1),
    };
    assert_is(&recording, &names, &update, write).await;

    recording.set(names.items(&recording, seen)).await;
    assert_eq!(tenant.delete(&path).await.status, 204);
    let delete = recording.write();
    assert_is(&recording, &names, &delete, Write::Delete { seen: SEEN }).await;

    let mut noted = seen;
    noted.notes[1] = Note::Due;
    recording.set(names.items(&recording, noted)).await;
    recording.world.sweep().await;
    let [mark, drop] = around(&Call::DeleteSecret, recording.calls());
    assert_is(&recording, &names, &mark, Write::Mark(1)).await;
    assert_is(&recording, &names, &drop, Write::Drop(1)).await;
}

#[test]
fn a_note_is_due_when_its_grace_has_passed() {
    let tenant = shared::model::tenant::Tenant::new(PARTITION).expect("a tenant");
    let now = shared::model::timestamp::Timestamp::from_millis(0);
    let note = shared::aws::connections::secret_note(&tenant, "test/secret", now);
    assert_eq!(
        items::text(&note, "due_at"),
        (now + SECRET_GRACE).to_string()
    );
}

impl Names {
    /// The items of a partition.
    fn items(&self, recording: &Recording, partition: Partition) -> Vec<Item> {
        let now = recording.world.clock.now();
        let connection = partition.connection.map(|connection| {
            let secret = connection
                .secret
                .map(|secret| string(&self.secrets[secret]));
            let secret = secret.unwrap_or(AttributeValue::Null(true));
            let mut item = self.template.clone();
            item.extend([
                ("version".to_owned(), number(connection.version)),
                ("host".to_owned(), string(HOSTS[connection.host])),
                ("secret".to_owned(), secret),
            ]);
            item
        });
        let note = |(secret, note): (&String, Note)| {
            let due_at = match note {
                Note::None => return None,
                Note::Fresh => now + SECRET_GRACE,
                Note::Due | Note::Collecting => now,
            };
            let mut item = item::key(PARTITION, &format!("secret#{secret}"));
            due::mark(&mut item, secret, due_at);
            if note == Note::Collecting {
                item.insert(COLLECTING.to_owned(), string("yes"));
            }
            Some(item)
        };
        let notes = self.secrets.iter().zip(partition.notes).filter_map(note);
        connection.into_iter().chain(notes).collect()
    }

    /// The partition that these items are to the model; what else is there, is not about a password.
    fn read(&self, recording: &Recording, all: &[Item]) -> Partition {
        let now = recording.world.clock.now().to_string();
        let number_of = |secret: &str| self.secrets.iter().position(|name| name == secret);
        let mut partition = Partition {
            connection: None,
            notes: [Note::None; 3],
        };
        for item in all {
            let sort_key = items::text(item, "sk");
            if let Some(secret) = noted_secret(&sort_key) {
                let secret = number_of(secret).expect("a secret of the request's");
                partition.notes[secret] = if item.contains_key(COLLECTING) {
                    Note::Collecting
                } else if items::text(item, "due_at") <= now {
                    Note::Due
                } else {
                    Note::Fresh
                };
            } else if item["sk"] == self.template["sk"] {
                let host = items::text(item, "host");
                let secret = items::optional_text(item, "secret");
                let version = item["version"].as_n().expect("a number");
                partition.connection = Some(Connection {
                    version: version.parse().expect("a small number"),
                    host: HOSTS.iter().position(|name| *name == host).expect("a host"),
                    secret: secret.map(|name| number_of(&name).expect("a known secret")),
                });
            }
        }
        partition
    }
}

async fn patch(tenant: &Client, path: &str, change: &Value) {
    let answer = tenant.patch(path, change).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The write before and the one after the call about a secret: the order that the model has.
fn around(secret: &Call, calls: Vec<Call>) -> [Vec<TransactWriteItem>; 2] {
    match <[Call; 3]>::try_from(calls) {
        Ok([Call::Write(before), call, Call::Write(after)]) if call == *secret => [before, after],
        other => panic!("not a write on either side of {secret:?}: {other:?}"),
    }
}
