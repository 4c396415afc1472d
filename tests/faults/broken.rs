//! The suite can see: a protocol that is broken on its way to AWS has violations.

use shared::model::retry::Ambiguous;
use tests::world::World;

use crate::extent::Report;
use crate::kills;
use crate::pauses::{self, Meanwhile};
use crate::queue;
use crate::tamper::Tamper;
use crate::verdicts::Verdicts;
use crate::way::{POLICIES, Way};
use crate::wire::Wire;

fn broken(tamper: Tamper) -> Wire {
    Wire::new().tampered(Some(tamper))
}

/// What comes of a message whose worker dies after the server has taken it, where workers reach AWS by `wire`.
async fn killed_after_the_dot(wire: &Wire, policy: Ambiguous) -> Verdicts {
    let world = World::start().await;
    let steps = Way::Groups.steps(&world, 1).await;
    // The last reply is the one to the dot.
    let reply = |name: &String| name.contains("is about to come");
    let reply = steps.iter().rposition(reply).expect("a reply");
    let scene = Way::Groups.scene(&world, policy, 1).await;
    kills::kill(&scene, reply, wire, true).await;
    scene.judge().await
}

#[tokio::test]
async fn without_the_fence_a_killed_worker_doubles_what_it_sent() {
    let mut report = Report::new("without the fence");
    for policy in POLICIES {
        let sound = killed_after_the_dot(&Wire::new(), policy).await;
        assert_eq!(sound.violations(), 0, "{sound:?}");
        report.add(
            "",
            killed_after_the_dot(&broken(Tamper::NoFence), policy).await,
        );
    }
    report.tell();
    assert_eq!(report.verdicts.doubled.len(), 2, "{report:?}");
}

/// What comes of a message whose entry comes again while its body is on its way, where workers reach AWS by `wire`.
async fn duplicated_amid_the_body(wire: &Wire, policy: Ambiguous) -> Verdicts {
    let world = World::start().await;
    let steps = Way::Groups.steps(&world, 1).await;
    // The last thing that leaves.
    let body = |name: &String| name.contains("is about to leave");
    let body = steps.iter().rposition(body).expect("a body");
    let scene = Way::Groups.scene(&world, policy, 1).await;
    pauses::pause(&scene, body, wire, Meanwhile::Duplicates).await;
    scene.judge().await
}

#[tokio::test]
async fn with_an_unconditional_claim_a_duplicated_entry_doubles_its_message() {
    let mut report = Report::new("with an unconditional claim");
    for policy in POLICIES {
        let sound = duplicated_amid_the_body(&Wire::new(), policy).await;
        assert_eq!(sound.violations(), 0, "{sound:?}");
        let wire = broken(Tamper::UnconditionalClaim);
        report.add("", duplicated_amid_the_body(&wire, policy).await);
    }
    report.tell();
    assert_eq!(report.verdicts.doubled.len(), 2, "{report:?}");
}

/// What comes of messages whose first entries are lost, where sweepers reach AWS by `wire`.
async fn queued_again(wire: &Wire) -> Verdicts {
    let world = World::start().await;
    let scene = Way::Groups.scene(&world, Ambiguous::Retry, 4).await;
    let lost = queue::receive_all(&world.embedded).await;
    queue::delete(&world.embedded, lost).await;
    scene.end(wire).await;
    scene.judge().await
}

#[tokio::test]
async fn with_one_number_for_every_queueing_the_queue_swallows_messages() {
    let mut report = Report::new("queued without counting");
    let sound = queued_again(&Wire::new()).await;
    assert_eq!(sound.violations(), 0, "{sound:?}");
    report.add("", queued_again(&broken(Tamper::UncountedQueueing)).await);
    report.tell();
    assert_eq!(report.verdicts.lost.len(), 4, "{report:?}");
}
