//! Messages are queued again inside the five minutes in which SQS swallows what it takes for the same entry. On the machine's clock, which
//! the queue goes by, all of this takes less.

use std::sync::Arc;

use shared::aws::messages::TAKEN_WITHIN;
use shared::model::retry::Ambiguous;
use tests::world::World;

use crate::extent::{self, Report};
use crate::process::Process;
use crate::queue;
use crate::scene::Scene;
use crate::steps::Steps;
use crate::way::{POLICIES, Way};
use crate::wire::Wire;

fn messages() -> usize {
    if extent::is_whole() { 100 } else { 3 }
}

/// Every entry of the queue is lost, and it is time to sweep. How many there were.
async fn lose(scene: &Scene<'_>) -> usize {
    let entries = queue::receive_all(&scene.world.embedded).await;
    let lost = entries.len();
    queue::delete(&scene.world.embedded, entries).await;
    scene.world.clock.advance(TAKEN_WITHIN);
    lost
}

async fn sweep(scene: &Scene<'_>) {
    let swept = sweep::run(&scene.sweeper(&Wire::new())).await;
    swept.expect("a sweep");
}

#[tokio::test]
async fn entries_that_are_lost_again_and_again_are_queued_as_often() {
    let world = World::start().await;
    let mut report = Report::new("entries lost again and again");
    for policy in POLICIES {
        let scene = Way::Groups.scene(&world, policy, messages()).await;
        for _ in 0..4 {
            assert_eq!(lose(&scene).await, messages());
            sweep(&scene).await;
        }
        scene.end(&Wire::new()).await;
        report.add(&format!("{policy:?}"), scene.judge().await);
    }
    report.must_be_clean();
}

#[tokio::test]
async fn what_the_queue_swallows_is_queued_with_the_next_number() {
    let world = World::start().await;
    let mut report = Report::new("swallowed by the queue");
    for policy in POLICIES {
        let scene = Way::Groups.scene(&world, policy, messages()).await;
        lose(&scene).await;
        // Somebody has sent the entries that the sweeper is about to send, and they are gone.
        for mut record in scene.records().await {
            record.enqueued += 1;
            let pushed = world.functions.sweep.queue.push(&record).await;
            pushed.expect("the queue takes it");
        }
        let entries = queue::receive_all(&world.embedded).await;
        queue::delete(&world.embedded, entries).await;
        sweep(&scene).await;
        assert_eq!(lose(&scene).await, 0, "all are swallowed");
        scene.end(&Wire::new()).await;
        report.add(&format!("{policy:?}"), scene.judge().await);
    }
    report.must_be_clean();
}

/// A sweep over lost entries in a process of its own, which may die.
async fn mortal_sweep(scene: &Scene<'_>, steps: &Arc<Steps>) {
    let sweeper = scene.sweeper(&Wire::counted(steps));
    let work = async move { sweep::run(&sweeper).await.is_ok() };
    let process = Process::start(Arc::clone(steps), work);
    let swept = process.ends_or_dies().await;
    assert_ne!(swept, Some(false), "nothing fails but the process");
}

#[tokio::test]
async fn a_sweeper_that_dies_at_any_step_loses_nothing() {
    let world = World::start().await;
    let messages = if extent::is_whole() { 10 } else { 2 };
    let steps = Arc::new(Steps::all());
    let scene = Way::Groups.scene(&world, Ambiguous::Retry, messages).await;
    lose(&scene).await;
    mortal_sweep(&scene, &steps).await;
    scene.end(&Wire::new()).await;
    assert_eq!(scene.judge().await.violations(), 0);
    let mut report = Report::new("a sweeper killed");
    for (turn, policy) in POLICIES.into_iter().enumerate() {
        for step in extent::of(steps.names().len(), 4, turn) {
            let scene = Way::Groups.scene(&world, policy, messages).await;
            lose(&scene).await;
            let steps = Arc::new(Steps::until(step));
            mortal_sweep(&scene, &steps).await;
            scene.end(&Wire::new()).await;
            let died_at = steps.names().pop().unwrap_or_default();
            let run = format!("{policy:?}, dead at step {step}, {died_at}");
            report.add(&run, scene.judge().await);
        }
    }
    report.must_be_clean();
}
