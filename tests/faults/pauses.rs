//! A worker stands still at each of its steps while others get its entries, and then goes on as if nothing had happened.

use std::sync::Arc;
use std::time::Duration;

use tests::world::World;

use crate::extent::{self, Report};
use crate::proxy::Passage;
use crate::queue;
use crate::scene::Scene;
use crate::steps::Steps;
use crate::way::{POLICIES, Way};
use crate::wire::Wire;

/// What happens while it stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// Its entries come again while its claims hold, as a queue may deliver twice.
    Duplicates,
    /// Its claims have run out, and others have finished its work: it is a zombie.
    TakenOver,
}

/// The first invocation stands still at this step, and another works on its entries before it goes on; all by `wire`. Gives the step.
pub(crate) async fn pause(
    scene: &Scene<'_>,
    step: usize,
    wire: &Wire,
    meanwhile: Meanwhile,
) -> String {
    let embedded = &scene.world.embedded;
    let entries = queue::receive(embedded).await;
    let steps = Arc::new(Steps::until(step));
    let process = scene.invocation(&entries, &steps, &wire.counted_by(&steps));
    let outcome = match process.stands_still().await {
        Err(outcome) => outcome,
        Ok(process) => {
            scene.proxy.set(Passage::Free);
            queue::show_again(embedded, entries.clone()).await;
            if meanwhile == Meanwhile::TakenOver {
                scene.world.clock.advance(Duration::from_mins(5));
            }
            scene.work(wire).await;
            process.resumed().await
        }
    };
    let again = queue::settle(embedded, entries, Some(outcome)).await;
    queue::show_again(embedded, again).await;
    scene.end(wire).await;
    steps.names().pop().unwrap_or_default()
}

async fn at_every_step(meanwhile: Meanwhile, kind: &'static str) {
    let world = World::start().await;
    let messages = if extent::is_whole() { 10 } else { 2 };
    let total = Way::LoggedIn.steps(&world, messages).await.len();
    let mut report = Report::new(kind);
    for (turn, policy) in POLICIES.into_iter().enumerate() {
        for step in extent::of(total, 6, turn) {
            let scene = Way::LoggedIn.scene(&world, policy, messages).await;
            let stood_at = pause(&scene, step, &Wire::new(), meanwhile).await;
            let run = format!("{policy:?}, paused at step {step}, {stood_at}");
            report.add(&run, scene.judge().await);
        }
    }
    report.must_be_clean();
}

#[tokio::test]
async fn entries_that_come_twice_while_they_are_worked_on_are_sent_once() {
    at_every_step(Meanwhile::Duplicates, "paused while the entries came twice").await;
}

#[tokio::test]
async fn a_worker_that_wakes_up_after_others_took_its_messages_over_does_no_harm() {
    at_every_step(Meanwhile::TakenOver, "paused until others had taken over").await;
}
