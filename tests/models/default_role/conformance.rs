//! `step` against the code: every transaction about the role, as the functions make it, on every abstract partition.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde_json::{Value, json};
use shared::aws::item::{self, Item, number, string};

use super::partition::{Change, Connection, Partition, Role, Write, step};
use crate::items;
use crate::replay::{PARTITION, Recording};

/// The connection that the requests are about, and the other one.
const ME: usize = 0;
const OTHER: usize = 1;

const ACTIVE: Connection = Connection {
    version: 1,
    active: true,
};
const INACTIVE: Connection = Connection {
    version: 1,
    active: false,
};

/// An item of each of the two connections.
struct Names([Item; 2]);

fn partitions() -> Vec<Partition> {
    let states = [
        None,
        Some(ACTIVE),
        Some(Connection {
            version: 2,
            active: false,
        }),
    ];
    let mut partitions = Vec::new();
    for mine in states {
        for others in states {
            for pointer in [None, Some(ME), Some(OTHER)] {
                partitions.push(Partition {
                    connections: [mine, others],
                    pointer,
                });
            }
        }
    }
    partitions
}

/// Asserts that what was `made` does to every partition what the model says of `write`.
async fn assert_is(recording: &Recording, names: &Names, made: &[TransactWriteItem], write: Write) {
    for before in partitions() {
        recording.set(names.items(before)).await;
        let allowed = recording.replay(made).await;
        let after = names.read(&recording.all().await);
        let expected = step(before, write);
        let case = format!("{write:?} on {before:?}");
        assert_eq!(allowed, expected.is_some(), "{case}");
        assert_eq!(after, expected.unwrap_or(before), "{case}");
    }
}

#[tokio::test]
async fn every_creation_is_the_models() {
    let recording = Recording::start().await;
    let tenant = recording.world.tenant(PARTITION);
    let other = tenant.connection(json!({"name": "Other"})).await;
    let other = recording.connection(&other).await;
    recording.calls();
    for (name, default, role) in [("New", false, Role::Leave), ("Default", true, Role::Take)] {
        let asked = json!({"name": name, "default": default});
        let path = tenant.connection(asked).await;
        let create = recording.write();
        let names = Names([recording.connection(&path).await, other.clone()]);
        let write = Write {
            id: ME,
            seen: None,
            change: Change::Put { active: true },
            role,
        };
        assert_is(&recording, &names, &create, write).await;
    }
}

#[tokio::test]
async fn every_change_is_the_models() {
    let recording = Recording::start().await;
    let tenant = recording.world.tenant(PARTITION);
    let path = tenant.connection(json!({"name": "Mine"})).await;
    let other = tenant.connection(json!({"name": "Other"})).await;
    let names = Names([
        recording.connection(&path).await,
        recording.connection(&other).await,
    ]);
    recording.calls();
    let put = |active| Change::Put { active };
    let changes: [(Connection, Option<usize>, Value, Change, Role); 8] = [
        (ACTIVE, None, json!({"name": "New"}), put(true), Role::Leave),
        (
            INACTIVE,
            None,
            json!({"active": true}),
            put(true),
            Role::Leave,
        ),
        (
            INACTIVE,
            None,
            json!({"active": true, "default": true}),
            put(true),
            Role::Take,
        ),
        (
            ACTIVE,
            None,
            json!({"active": false}),
            put(false),
            Role::NotHeld,
        ),
        (
            ACTIVE,
            Some(ME),
            json!({"active": false, "default": false}),
            put(false),
            Role::GiveUp,
        ),
        (
            ACTIVE,
            None,
            json!({"default": true}),
            Change::Nothing,
            Role::Take,
        ),
        (
            ACTIVE,
            Some(OTHER),
            json!({"default": true}),
            Change::Nothing,
            Role::Take,
        ),
        (
            ACTIVE,
            Some(ME),
            json!({"default": false}),
            Change::Nothing,
            Role::GiveUp,
        ),
    ];
    for (seen, pointer, asked, change, role) in changes {
        let connections = [Some(seen), Some(ACTIVE)];
        let partition = Partition {
            connections,
            pointer,
        };
        recording.set(names.items(partition)).await;
        let answer = tenant.patch(&path, &asked).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
        let made = recording.write();
        let write = Write {
            id: ME,
            seen: Some(seen),
            change,
            role,
        };
        assert_is(&recording, &names, &made, write).await;
    }

    let replacing = format!("{path}?replacement={}", items::text(&names.0[OTHER], "id"));
    let deletions = [
        (None, &path, Role::NotHeld),
        (None, &replacing, Role::NotHeldBeside(ACTIVE)),
        (Some(ME), &replacing, Role::HandOver(ACTIVE)),
    ];
    for (pointer, path, role) in deletions {
        let connections = [Some(ACTIVE), Some(ACTIVE)];
        let partition = Partition {
            connections,
            pointer,
        };
        recording.set(names.items(partition)).await;
        assert_eq!(tenant.delete(path).await.status, 204, "{path}");
        let made = recording.write();
        let write = Write {
            id: ME,
            seen: Some(ACTIVE),
            change: Change::Delete,
            role,
        };
        assert_is(&recording, &names, &made, write).await;
    }
}

impl Names {
    /// The items of a partition.
    fn items(&self, partition: Partition) -> Vec<Item> {
        let both = self.0.iter().zip(partition.connections);
        let connections = both.filter_map(|(template, connection)| {
            let Connection { version, active } = connection?;
            let mut item = template.clone();
            item.extend([
                ("version".to_owned(), number(version)),
                ("active".to_owned(), AttributeValue::Bool(active)),
            ]);
            Some(item)
        });
        let pointer = partition.pointer.map(|id| {
            let mut item = item::key(PARTITION, "default");
            let id = items::text(&self.0[id], "id");
            item.insert("connection_id".to_owned(), string(id));
            item
        });
        connections.chain(pointer).collect()
    }

    /// The partition that these items are to the model; what else is there, is not about the role.
    fn read(&self, all: &[Item]) -> Partition {
        let find = |sk: &AttributeValue| all.iter().find(|item| item["sk"] == *sk);
        let connections = self.0.each_ref().map(|template| {
            let item = find(&template["sk"])?;
            let version = item["version"].as_n().expect("a number");
            Some(Connection {
                version: version.parse().expect("a small number"),
                active: *item["active"].as_bool().expect("yes or no"),
            })
        });
        let pointer = find(&string("default")).map(|item| {
            let is_its = |template: &Item| item["connection_id"] == template["id"];
            self.0.iter().position(is_its).expect("one of the two")
        });
        Partition {
            connections,
            pointer,
        }
    }
}
