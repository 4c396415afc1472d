//! Each call to AWS is throttled, never arrives, or loses its answer: those of a worker, of a sweeper, and of a submission.

use shared::model::retry::Ambiguous;
use sweep::run as sweep;
use tests::world::World;

use crate::extent::{self, Report};
use crate::queue;
use crate::requests::{self, Requests};
use crate::scene::Scene;
use crate::verdicts::Verdicts;
use crate::way::{POLICIES, Way};
use crate::wire::{Fault, Wire};

/// Each fault once and several times in a row, on clients that repeat nothing, and on clients that repeat as Lambda's do.
fn troubles() -> impl Iterator<Item = (Fault, usize, bool)> {
    let repeated = [(1, false), (3, false), (1, true), (6, true)];
    let faults = [Fault::Throttled, Fault::BeforeEffect, Fault::AfterEffect];
    faults
        .into_iter()
        .flat_map(move |fault| repeated.map(|(times, retries)| (fault, times, retries)))
}

/// Runs `run` with each trouble at each of `calls`, as it is named.
async fn at_every_call<F>(calls: &[String], kind: &'static str, sample: usize, run: F)
where
    F: AsyncFn(Ambiguous, Wire) -> Verdicts,
{
    let mut report = Report::new(kind);
    for (turn, (fault, times, retries)) in troubles().enumerate() {
        for call in extent::of(calls.len(), sample, turn) {
            // Half of the policies' runs each; which half differs from one trouble to the next.
            let chosen = (call + turn) % 2;
            let policies = if extent::is_whole() {
                &POLICIES[..]
            } else {
                &POLICIES[chosen..=chosen]
            };
            for policy in policies {
                let wire = Wire::new()
                    .with_retries(retries)
                    .failing(fault, call, times);
                let name = &calls[call];
                let text = format!(
                    "{policy:?}, {times} x {fault:?} at call {call}, {name}, SDK retries: {retries}"
                );
                report.add(&text, run(*policy, wire).await);
            }
        }
    }
    report.must_be_clean();
}

fn messages() -> usize {
    if extent::is_whole() { 10 } else { 2 }
}

/// One invocation by `wire`, then others without trouble.
async fn deliver(scene: &Scene<'_>, wire: &Wire) {
    let embedded = &scene.world.embedded;
    let entries = queue::receive(embedded).await;
    let outcome = scene
        .invoke(&scene.instance(wire), queue::event(&entries))
        .await;
    let again = queue::settle(embedded, entries, Some(outcome)).await;
    queue::show_again(embedded, again).await;
    scene.end(&Wire::new()).await;
}

async fn a_worker_in_trouble(way: Way, kind: &'static str, sample: usize) {
    let world = World::start().await;
    let calm = Wire::new();
    let scene = way.scene(&world, Ambiguous::Retry, messages()).await;
    deliver(&scene, &calm).await;
    assert_eq!(scene.judge().await.violations(), 0);
    at_every_call(&calm.calls(), kind, sample, async |policy, wire| {
        let scene = way.scene(&world, policy, messages()).await;
        deliver(&scene, &wire).await;
        scene.judge().await
    })
    .await;
}

#[tokio::test]
async fn a_call_of_a_worker_that_fails_loses_and_doubles_nothing() {
    a_worker_in_trouble(Way::LoggedIn, "calls of a worker", 2).await;
}

#[tokio::test]
async fn nor_does_one_of_a_worker_that_queues_the_messages_anew() {
    a_worker_in_trouble(Way::Moved, "calls of a worker that queues anew", 1).await;
}

/// One sweep by `wire` over messages that never reached the queue, then others without trouble.
async fn sweep_up(scene: &Scene<'_>, wire: &Wire) {
    let lost = queue::receive_all(&scene.world.embedded).await;
    queue::delete(&scene.world.embedded, lost).await;
    scene
        .world
        .clock
        .advance(shared::aws::messages::TAKEN_WITHIN);
    // It may fail: what it has not done is still due.
    let _ = sweep(&scene.sweeper(wire)).await;
    scene.end(&Wire::new()).await;
}

#[tokio::test]
async fn a_call_of_a_sweeper_that_fails_loses_and_doubles_nothing() {
    let world = World::start().await;
    let calm = Wire::new();
    let scene = Way::Groups
        .scene(&world, Ambiguous::Retry, messages())
        .await;
    sweep_up(&scene, &calm).await;
    assert_eq!(scene.judge().await.violations(), 0);
    at_every_call(
        &calm.calls(),
        "calls of a sweeper",
        1,
        async |policy, wire| {
            let scene = Way::Groups.scene(&world, policy, messages()).await;
            sweep_up(&scene, &wire).await;
            scene.judge().await
        },
    )
    .await;
}

#[tokio::test]
async fn a_call_of_a_submission_that_fails_loses_and_doubles_nothing() {
    let world = World::start().await;
    let calm = Wire::new();
    let run = async |policy, wire: &Wire| {
        let mut scene = Way::Groups.scene(&world, policy, 0).await;
        let requests = Requests::new(&scene, messages());
        requests.take(&requests::submitter(&scene, wire)).await;
        requests.end(&mut scene).await
    };
    assert_eq!(run(Ambiguous::Retry, &calm).await.violations(), 0);
    at_every_call(
        &calm.calls(),
        "calls of a submission",
        1,
        async |policy, wire| run(policy, &wire).await,
    )
    .await;
}
