//! The session with the mail server is cut after each of its bytes, in both directions.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::retry::Ambiguous;
use shared::smtp::Deadlines;
use tests::world::World;

use crate::extent::{self, Report};
use crate::proxy::{Cut, Direction, Passage};
use crate::scene::Scene;
use crate::wire::Wire;

/// In the session that is cut.
const MESSAGES: usize = 3;
/// How long a worker waits for a server that says nothing. Where the machine is slow, it gives up on one that would have spoken, which
/// must do no harm either.
const SHORT: Duration = Duration::from_millis(40);

/// A scene with its messages in the queue, and the session that they go through.
async fn scene(world: &World, policy: Ambiguous, settings: Value, wait: Duration) -> Scene<'_> {
    let mut scene = Scene::set(world, policy, settings).await;
    scene.deadlines = Some(Deadlines {
        connect: wait,
        reply: wait,
        final_reply: wait,
    });
    scene.submit(MESSAGES).await;
    scene
}

/// How many bytes an uncut session has in each direction.
async fn lengths(world: &World, settings: Value) -> [usize; 2] {
    let unhurried = Duration::from_secs(20);
    let scene = scene(world, Ambiguous::Retry, settings, unhurried).await;
    scene.work(&Wire::new()).await;
    assert_eq!(scene.judge().await.violations(), 0);
    let ledger = scene.server.until(|_| true).await;
    assert_eq!(ledger.sessions.len(), 1, "one session to cut");
    scene.proxy.passed()
}

async fn after_every_byte<'a>(
    settings: Value,
    cuts: impl Fn(usize) -> &'a [Cut],
    sample: usize,
    kind: &'static str,
) {
    let world = World::start().await;
    let lengths = lengths(&world, settings.clone()).await;
    let mut report = Report::new(kind);
    for direction in [Direction::ToServer, Direction::ToClient] {
        let length = lengths[direction as usize];
        for after in extent::of(length, sample, length / 5) {
            for cut in cuts(after) {
                let policy = [Ambiguous::Retry, Ambiguous::Hold][after % 2];
                let mut scene = scene(&world, policy, settings.clone(), SHORT).await;
                scene.proxy.set(Passage::CutOnce(direction, after, *cut));
                scene.work(&Wire::new()).await;
                scene.deadlines = None;
                scene.end(&Wire::new()).await;
                let run = format!("{policy:?}, {cut:?} after {after} bytes {direction:?}");
                report.add(&run, scene.judge().await);
            }
        }
    }
    report.must_be_clean();
}

const CUTS: [Cut; 3] = [Cut::Close, Cut::Reset, Cut::Silence];

#[tokio::test]
async fn a_session_that_is_cut_after_any_byte_loses_and_doubles_nothing() {
    let one_slot = json!({"limits": {"concurrency": 1}});
    after_every_byte(one_slot, |_| &CUTS, 5, "cut in plain text").await;
}

#[tokio::test]
async fn nor_does_one_under_tls() {
    let login = json!({
        "username": "info@example.com", "password": "s3cr3t", "limits": {"concurrency": 1},
    });
    // There are many bytes: each is the last before one of the cuts.
    let one = |after: usize| &CUTS[after % 3..=after % 3];
    after_every_byte(login, one, 7, "cut under TLS").await;
}
