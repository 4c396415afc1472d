//! The session with the mail server is cut after each of its bytes, in both directions.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::retry::Ambiguous;
use shared::smtp::Deadlines;
use tests::world::World;

use crate::extent::{self, Report};
use crate::proxy::{Cut, Direction, Passage};
use crate::scene::Scene;
use crate::way::POLICIES;
use crate::wire::Wire;

const CUTS: [Cut; 3] = [Cut::Close, Cut::Reset, Cut::Silence];
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

/// Cuts a session after each byte: in every way where it is `thorough`, else in one of them. In a sample the server's replies are cut
/// more often than what is much longer, as there the verdicts are decided.
async fn after_every_byte(
    settings: Value,
    thorough: bool,
    samples: [usize; 2],
    kind: &'static str,
) {
    let world = World::start().await;
    let lengths = lengths(&world, settings.clone()).await;
    let mut report = Report::new(kind);
    for direction in [Direction::ToServer, Direction::ToClient] {
        let length = lengths[direction as usize];
        for after in extent::of(length, samples[direction as usize], length / 5) {
            let one = after % CUTS.len();
            let cuts = if thorough {
                &CUTS[..]
            } else {
                &CUTS[one..=one]
            };
            for cut in cuts {
                let policy = POLICIES[after % 2];
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

#[tokio::test]
async fn a_session_that_is_cut_after_any_byte_loses_and_doubles_nothing() {
    let one_slot = json!({"limits": {"concurrency": 1}});
    after_every_byte(one_slot, extent::is_whole(), [10, 24], "cut in plain text").await;
}

#[tokio::test]
async fn nor_does_one_under_tls() {
    let login = json!({
        "username": "info@example.com", "password": "s3cr3t", "limits": {"concurrency": 1},
    });
    // There are many bytes: each is the last before one of the cuts.
    after_every_byte(login, false, [5, 9], "cut under TLS").await;
}
