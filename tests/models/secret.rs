//! One connection's password, changed and removed by two requests at once that may crash between any two calls, while secrets are
//! collected and a delivery reads the host and then the password.

mod conformance;
mod partition;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::partition::{Connection, Note, Partition, REVISIONS, Write, step};
use crate::reach;

/// The protocol, or a design that was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Design {
    Ours,
    /// The connection keeps one secret, whose content is replaced before the item.
    InPlace,
    /// The item is written before its secret is created.
    ItemFirst,
    /// Secrets are created without a note.
    WithoutNote,
    /// A secret is taken into use without a look at its note.
    UnguardedNote,
    /// As ours, but a request may take longer to create its secret than the note's grace.
    Slow,
    /// As ours, but a request to note may be carried out once more, long after it was repeated.
    LateNotes,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    partition: Partition,
    /// The password in each secret that is there.
    secrets: [Option<usize>; REVISIONS],
    /// The identifiers of connections are not used again.
    created: bool,
    writers: [Writer; 2],
    sweepers: [Sweeper; 2],
    /// The item that a delivery has read.
    read: Option<Connection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Waiting,
    At(Step, Request),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    change: Change,
    /// The connection as it was read; nothing for one that creates it.
    seen: Option<Connection>,
    /// Whether it has created its secret.
    kept: bool,
}

/// What a request does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Read,
    Note,
    Keep,
    Write,
    /// Only in designs where the item comes first.
    KeepAfterwards,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Change {
    Create,
    /// Another server with another password.
    Move,
    RemovePassword,
    Rename,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sweeper {
    Idle,
    Marked(usize),
    Collected(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Begin(usize, Change),
    Proceed(usize),
    Crash(usize),
    LateNote(usize),
    GracePasses(usize),
    Mark(usize, usize),
    Sweep(usize),
    SweeperCrashes(usize),
    Read,
}

/// The secret that this writer's request creates, and its password and host. The connection that is there at first has the number 0.
fn revision(writer: usize) -> usize {
    writer + 1
}

impl Change {
    fn has_password(self) -> bool {
        matches!(self, Self::Create | Self::Move)
    }
}

impl Model for Design {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let empty = State {
            partition: Partition {
                connection: None,
                notes: [Note::None; REVISIONS],
            },
            secrets: [None; REVISIONS],
            created: false,
            writers: [Writer::Waiting; 2],
            sweepers: [Sweeper::Idle; 2],
            read: None,
        };
        let mut saved = empty.clone();
        saved.created = true;
        saved.secrets[0] = Some(0);
        saved.partition.connection = Some(Connection {
            version: 1,
            host: 0,
            secret: Some(0),
        });
        vec![empty, saved]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (i, writer) in state.writers.iter().enumerate() {
            match writer {
                Writer::Waiting => actions.extend(
                    [
                        Change::Create,
                        Change::Move,
                        Change::RemovePassword,
                        Change::Rename,
                        Change::Delete,
                    ]
                    .map(|change| Action::Begin(i, change)),
                ),
                Writer::At(..) => actions.extend([Action::Proceed(i), Action::Crash(i)]),
                Writer::Done => {}
            }
            if *self == Self::LateNotes {
                actions.push(Action::LateNote(i));
            }
        }
        actions.extend((0..REVISIONS).map(Action::GracePasses));
        for (i, sweeper) in state.sweepers.iter().enumerate() {
            if *sweeper == Sweeper::Idle {
                actions.extend((0..REVISIONS).map(|secret| Action::Mark(i, secret)));
            } else {
                actions.extend([Action::Sweep(i), Action::SweeperCrashes(i)]);
            }
        }
        actions.push(Action::Read);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin(_, Change::Create) if state.created => return None,
            Action::Begin(i, change) => {
                if change == Change::Create {
                    state.created = true;
                }
                let request = Request {
                    change,
                    seen: None,
                    kept: false,
                };
                state.writers[i] = Writer::At(Step::Read, request);
            }
            Action::Proceed(i) => {
                let Writer::At(at, request) = state.writers[i] else {
                    return None;
                };
                state.writers[i] = self.proceed(&mut state, i, at, request);
            }
            Action::Crash(i) => state.writers[i] = Writer::Done,
            Action::LateNote(i) => {
                // It was noted before if its secret is there, or still is.
                state.secrets[revision(i)]?;
                state.write(Write::Note(revision(i)))?;
            }
            Action::GracePasses(secret) => {
                let awaited = (0..2).any(|i| {
                    let keeping = matches!(state.writers[i], Writer::At(Step::Keep, _));
                    keeping && revision(i) == secret
                });
                if awaited && *self != Self::Slow {
                    return None;
                }
                let note = &mut state.partition.notes[secret];
                if *note == Note::Fresh {
                    *note = Note::Due;
                }
            }
            Action::Mark(i, secret) => {
                state.write(Write::Mark(secret))?;
                state.sweepers[i] = Sweeper::Marked(secret);
            }
            Action::Sweep(i) => {
                state.sweepers[i] = match state.sweepers[i] {
                    Sweeper::Idle => return None,
                    Sweeper::Marked(secret) => {
                        state.secrets[secret] = None;
                        Sweeper::Collected(secret)
                    }
                    Sweeper::Collected(secret) => {
                        state.write(Write::Drop(secret))?;
                        Sweeper::Idle
                    }
                };
            }
            Action::SweeperCrashes(i) => state.sweepers[i] = Sweeper::Idle,
            Action::Read => state.read = state.partition.connection,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SECRET_IS_THERE, |_, state: &State| {
                let secret = state.pointed_to();
                secret.is_none_or(|secret| state.secrets[secret].is_some())
            }),
            // Whenever the delivery that has read the item reads the password, it is the host's.
            Property::always(NEVER_MIXED, |_, State { read, secrets, .. }| {
                read.is_none_or(|Connection { host, secret, .. }| {
                    let password = secret.and_then(|secret| secrets[secret]);
                    password.is_none_or(|password| password == host)
                })
            }),
            Property::always(NOTHING_LEAKS, |_, state: &State| {
                (0..REVISIONS).all(|secret| {
                    let noted = state.partition.notes[secret] != Note::None;
                    let known = noted || state.pointed_to() == Some(secret);
                    known || state.secrets[secret].is_none()
                })
            }),
            Property::sometimes("a password replaces another", |_, state: &State| {
                state.pointed_to().is_some_and(|secret| secret > 0) && state.secrets[0].is_some()
            }),
            Property::sometimes("a secret is collected", |_, state: &State| {
                state.sweepers.contains(&Sweeper::Collected(1))
            }),
        ]
    }
}

const SECRET_IS_THERE: &str = "a connection's secret is there";
const NEVER_MIXED: &str = "a host is never shown another one's password";
const NOTHING_LEAKS: &str = "a secret is pointed to or noted";

impl Design {
    /// Makes the writer's next call. What it is at then.
    fn proceed(self, state: &mut State, i: usize, at: Step, mut request: Request) -> Writer {
        let (new, change) = (revision(i), request.change);
        let next = match at {
            Step::Read => {
                request.seen = state.partition.connection;
                if request.seen.is_none() && change != Change::Create {
                    return Writer::Done;
                }
                if !change.has_password() || request.kept || self == Self::ItemFirst {
                    Step::Write
                } else if matches!(self, Self::InPlace | Self::WithoutNote) {
                    Step::Keep
                } else {
                    Step::Note
                }
            }
            Step::Note => {
                let noted = state.write(Write::Note(new));
                noted.map_or(Step::Read, |()| Step::Keep)
            }
            Step::Keep => {
                let place = self.place(request.seen, new);
                state.secrets[place] = Some(new);
                request.kept = true;
                Step::Write
            }
            Step::Write => {
                let written = self.write(state, new, request);
                match (written, change, self) {
                    (Some(()), Change::Create | Change::Move, Self::ItemFirst) => {
                        Step::KeepAfterwards
                    }
                    (Some(()), ..) | (None, Change::Create, _) => return Writer::Done,
                    // Somebody was faster: it is read again, and the secret that was created is used.
                    (None, ..) => Step::Read,
                }
            }
            Step::KeepAfterwards => {
                state.secrets[new] = Some(new);
                return Writer::Done;
            }
        };
        Writer::At(next, request)
    }

    /// The secret into which a new password goes.
    fn place(self, seen: Option<Connection>, new: usize) -> usize {
        let old = seen.and_then(|seen| seen.secret);
        old.filter(|_| self == Self::InPlace).unwrap_or(new)
    }

    fn write(self, state: &mut State, new: usize, request: Request) -> Option<()> {
        let Request { change, seen, .. } = request;
        let secret = Some(self.place(seen, new));
        let write = match (change, seen) {
            (Change::Create, _) => Write::Create { host: new, secret },
            (_, None) => return None,
            (Change::Move, Some(seen)) => Write::Update {
                seen,
                host: new,
                secret,
            },
            (Change::RemovePassword, Some(seen)) => Write::Update {
                seen,
                host: seen.host,
                secret: None,
            },
            (Change::Rename, Some(seen)) => Write::Update {
                seen,
                host: seen.host,
                secret: seen.secret,
            },
            (Change::Delete, Some(seen)) => Write::Delete { seen },
        };
        let needs_no_note = matches!(
            self,
            Self::InPlace | Self::ItemFirst | Self::WithoutNote | Self::UnguardedNote
        );
        if needs_no_note && change.has_password() {
            // As if the note were there.
            let mut noted = state.partition;
            noted.notes[new] = Note::Fresh;
            step(noted, write)?;
            state.partition = write.of(state.partition);
            return Some(());
        }
        state.write(write)
    }
}

impl State {
    fn write(&mut self, write: Write) -> Option<()> {
        self.partition = step(self.partition, write)?;
        Some(())
    }

    fn pointed_to(&self) -> Option<usize> {
        self.partition.connection?.secret
    }

    fn is_tidy(&self) -> bool {
        let noted = |note: &Note| *note != Note::None;
        let kept = (0..REVISIONS).filter(|secret| self.secrets[*secret].is_some());
        let mut unused = kept.filter(|secret| self.pointed_to() != Some(*secret));
        !self.partition.notes.iter().any(noted) && unused.next().is_none()
    }
}

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
