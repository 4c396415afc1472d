//! What the protocol keeps, and what the designs that were rejected don't.

use shared::model::retry::Ambiguous;
use stateright::{Checker, HasDiscoveries, Model};

use super::{DUPLICATES_MARKED, Delivery, Design};
use crate::reach;

pub(super) const POLICIES: [Ambiguous; 2] = [Ambiguous::Retry, Ambiguous::Hold];

/// Two workers can be stalled past their leases while a third has the message.
fn undisturbed(policy: Ambiguous) -> Delivery {
    Delivery {
        design: Design::Ours,
        policy,
        workers: 3,
        by_hand: false,
    }
}

#[test]
fn nothing_is_lost_and_nothing_is_silently_sent_twice() {
    for policy in POLICIES {
        let checker = undisturbed(policy).checker().spawn_bfs();
        checker.join().assert_properties();
    }
}

#[test]
fn nor_is_it_when_people_retry_and_cancel() {
    for policy in POLICIES {
        let model = Delivery {
            workers: 2,
            by_hand: true,
            ..undisturbed(policy)
        };
        model.checker().spawn_bfs().join().assert_properties();
    }
}

#[test]
fn wherever_a_message_is_an_end_is_within_reach() {
    for policy in POLICIES {
        let trap = reach::trap(&undisturbed(policy), |state| state.record.status.is_end());
        assert_eq!(trap, None, "{policy:?}");
    }
}

/// Asserts that with this design a message is silently sent twice, whatever the policy.
fn assert_breaks(design: Design) {
    for policy in POLICIES {
        let model = Delivery {
            design,
            workers: 2,
            ..undisturbed(policy)
        };
        let until = HasDiscoveries::AnyOf([DUPLICATES_MARKED].into());
        let checker = model.checker().finish_when(until).spawn_bfs();
        checker.join().assert_any_discovery(DUPLICATES_MARKED);
    }
}

#[test]
fn without_the_fence_a_message_is_silently_sent_twice() {
    assert_breaks(Design::WithoutFence);
}

#[test]
fn with_an_unconditional_claim_a_message_is_silently_sent_twice() {
    assert_breaks(Design::UnconditionalClaim);
}

#[test]
fn with_leases_alone_a_message_is_silently_sent_twice() {
    assert_breaks(Design::LeaseOnly);
}
