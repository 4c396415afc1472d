//! What the protocol keeps, and what the designs that were rejected don't.

use stateright::{Checker, HasDiscoveries, Model};

use super::{Design, NEVER_MIXED, NOTHING_LEAKS, SECRET_IS_THERE, State};
use crate::reach;

#[test]
fn no_password_is_shown_to_another_host_and_no_secret_is_lost_or_left() {
    let checker = Design::Ours.checker().spawn_bfs().join();
    checker.assert_properties();
}

#[test]
fn wherever_it_is_all_unused_secrets_can_be_collected() {
    assert_eq!(reach::trap(&Design::Ours, State::is_tidy), None);
}

fn assert_breaks(design: Design, property: &'static str) {
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = design.checker().finish_when(until).spawn_bfs();
    checker.join().assert_any_discovery(property);
}

#[test]
fn a_secret_updated_in_place_is_shown_to_another_host() {
    assert_breaks(Design::InPlace, NEVER_MIXED);
}

#[test]
fn an_item_written_before_its_secret_points_to_nothing() {
    assert_breaks(Design::ItemFirst, SECRET_IS_THERE);
}

#[test]
fn without_a_note_a_secret_is_left() {
    assert_breaks(Design::WithoutNote, NOTHING_LEAKS);
}

#[test]
fn without_a_look_at_the_note_a_collected_secret_is_taken_into_use() {
    assert_breaks(Design::UnguardedNote, SECRET_IS_THERE);
}

#[test]
fn a_request_that_outlives_the_grace_leaves_its_secret() {
    assert_breaks(Design::Slow, NOTHING_LEAKS);
}

#[test]
fn a_note_that_is_written_once_more_after_its_secret_is_in_use_has_it_collected() {
    assert_breaks(Design::LateNotes, SECRET_IS_THERE);
}
