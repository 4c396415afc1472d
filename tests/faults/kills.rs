//! A worker dies at each of its steps: before and after every call to AWS, and before, amid and after whatever it and the server say.

use std::sync::Arc;
use std::time::Duration;

use tests::world::World;

use crate::extent::{self, Report};
use crate::queue;
use crate::scene::Scene;
use crate::steps::Steps;
use crate::way::{POLICIES, Way};
use crate::wire::Wire;

/// Every invocation on what is in the queue dies at the same step, if it comes to it. Then others finish, all by `wire`. Gives the step.
pub(crate) async fn kill(scene: &Scene<'_>, step: usize, wire: &Wire, late: bool) -> String {
    let embedded = &scene.world.embedded;
    let mut again = Vec::new();
    let mut died_at = String::new();
    loop {
        let entries = queue::receive(embedded).await;
        if entries.is_empty() {
            break;
        }
        let steps = Arc::new(Steps::until(step));
        let invocation = scene.invocation(&entries, &steps, &wire.counted_by(&steps));
        let outcome = invocation.ends_or_dies().await;
        if outcome.is_none() {
            died_at = steps.names().pop().unwrap_or_default();
        }
        again.extend(queue::settle(embedded, entries, outcome).await);
    }
    if late {
        scene.world.clock.advance(Duration::from_mins(5));
    }
    queue::show_again(embedded, again).await;
    scene.end(wire).await;
    died_at
}

async fn at_every_step(way: Way, whole: usize, sample: usize, kind: &'static str) {
    let world = World::start().await;
    // An invocation has ten of them in the whole.
    let (batch, messages) = if extent::is_whole() {
        (10, whole)
    } else {
        (2, 2)
    };
    let total = way.steps(&world, batch).await.len();
    let mut report = Report::new(kind);
    for (turn, policy) in POLICIES.into_iter().enumerate() {
        for step in extent::of(total, sample, turn) {
            let scene = way.scene(&world, policy, messages).await;
            // Whether the entries come again before or after the leases have run out.
            let late = step % 2 == 0;
            let died_at = kill(&scene, step, &Wire::new(), late).await;
            let run = format!("{policy:?}, dead at step {step}, {died_at}");
            report.add(&run, scene.judge().await);
        }
    }
    report.must_be_clean();
}

#[tokio::test]
async fn a_worker_that_dies_at_any_step_loses_and_doubles_nothing() {
    at_every_step(
        Way::LoggedIn,
        100,
        10,
        "killed with one group, a login and TLS",
    )
    .await;
}

#[tokio::test]
async fn nor_does_one_with_several_groups_at_once() {
    at_every_step(
        Way::Groups,
        100,
        8,
        "killed with four groups and open sessions",
    )
    .await;
}

#[tokio::test]
async fn nor_does_one_that_queues_the_messages_anew() {
    at_every_step(Way::Moved, 100, 5, "killed while queueing anew").await;
}
