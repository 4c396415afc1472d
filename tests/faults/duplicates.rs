//! The queue delivers a fifth of its entries twice, in no order, to several workers at once; some of them die.

use std::sync::Arc;

use serde_json::json;
use tests::world::World;

use crate::chance::Chance;
use crate::extent::{self, Report};
use crate::queue::{self, Received};
use crate::scene::Scene;
use crate::steps::Steps;
use crate::way::POLICIES;
use crate::wire::Wire;

/// How many work at once.
const WORKERS: usize = 4;

/// Everything in the queue and a fifth of it twice, in no order.
async fn disordered(world: &World, chance: &mut Chance) -> Vec<Received> {
    let mut entries = queue::receive_all(&world.embedded).await;
    chance.shuffle(&mut entries);
    let twice = entries.len().div_ceil(5);
    entries.extend_from_within(..twice);
    chance.shuffle(&mut entries);
    entries
}

/// Workers on threads of their own take the entries, ten each, several at a time. Of `mortal` ones every other dies at some step.
async fn work(scene: &Scene<'_>, entries: Vec<Received>, chance: &mut Chance, mortal: bool) {
    let embedded = &scene.world.embedded;
    let batches: Vec<_> = entries.chunks(10).collect();
    for wave in batches.chunks(WORKERS) {
        let mut working = Vec::new();
        for batch in wave {
            let steps = if mortal && chance.below(2) == 0 {
                Steps::until(chance.below(batch.len() * 8))
            } else {
                Steps::all()
            };
            let steps = Arc::new(steps);
            let process = scene.process(batch, &steps, &Wire::counted(&steps));
            working.push((batch.to_vec(), process));
        }
        for (batch, process) in working {
            let outcome = process.ends_or_dies().await;
            let again = queue::settle(embedded, batch, outcome).await;
            queue::show_again(embedded, again).await;
        }
    }
}

async fn in_disorder(mortal: bool, seeds: usize, kind: &'static str) {
    let world = World::start().await;
    let (messages, seeds) = if extent::is_whole() {
        (100, seeds * 20)
    } else {
        (15, seeds)
    };
    let mut report = Report::new(kind);
    for seed in 0..seeds {
        for policy in POLICIES {
            let chance = &mut Chance::new(seed);
            let mut scene = Scene::set(&world, policy, json!({})).await;
            scene.submit(messages).await;
            // What is put back after the first time comes again in another disorder.
            for _ in 0..2 {
                let entries = disordered(&world, chance).await;
                work(&scene, entries, chance, mortal).await;
            }
            scene.end(&Wire::new()).await;
            report.add(&format!("{policy:?}, seed {seed}"), scene.judge().await);
        }
    }
    report.must_be_clean();
}

#[tokio::test]
async fn entries_that_come_twice_and_in_no_order_are_sent_once() {
    in_disorder(false, 1, "duplicated and reordered").await;
}

#[tokio::test]
async fn nor_is_anything_lost_or_doubled_when_some_of_the_workers_die() {
    in_disorder(true, 1, "duplicated and reordered, with deaths").await;
}
