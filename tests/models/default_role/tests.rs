//! What the protocol keeps, and what the designs that were rejected don't.

use stateright::{Checker, HasDiscoveries, Model};

use super::{DEFAULT_IS_ACTIVE, Design, READERS_SEE_ONE};

#[test]
fn there_is_one_default_at_most_and_it_is_active_for_every_reader() {
    let checker = Design::Ours.checker().spawn_bfs().join();
    checker.assert_properties();
}

fn assert_breaks(design: Design, property: &'static str) {
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = design.checker().finish_when(until).spawn_bfs();
    checker.join().assert_any_discovery(property);
}

#[test]
fn with_a_flag_on_each_connection_a_reader_sees_two_defaults() {
    assert_breaks(Design::Flags, READERS_SEE_ONE);
}

#[test]
fn without_a_look_at_the_pointer_the_default_is_deactivated() {
    assert_breaks(Design::UnguardedPointer, DEFAULT_IS_ACTIVE);
}

#[test]
fn without_a_look_at_the_version_an_inactive_connection_takes_the_role() {
    assert_breaks(Design::UnguardedVersion, DEFAULT_IS_ACTIVE);
}

#[test]
fn a_reader_that_takes_what_it_gets_sees_a_default_that_is_inactive() {
    assert_breaks(Design::TornReads, READERS_SEE_ONE);
}
