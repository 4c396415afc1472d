//! One connection's password, changed and removed by two requests at once that may crash between any two calls, while secrets are
//! collected and a delivery reads the host and then the password.

mod conformance;
mod partition;
mod tests;
mod writer;

use stateright::{Model, Property};

use self::partition::{Connection, Note, Partition, REVISIONS, Write, step};
use self::writer::{Change, Request, Step, Writer, revision};

/// The protocol, a design that was rejected, or ours without something that it trusts.
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
    /// Ours, but a request may take longer to create its secret than the note's grace.
    Slow,
    /// Ours, but a request to note may be carried out once more, long after it was repeated.
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
                state.writers[i] = request.proceed(*self, &mut state, revision(i), at);
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
    /// Whether a secret is taken into use as if its note were there.
    fn needs_no_note(self) -> bool {
        matches!(
            self,
            Self::InPlace | Self::ItemFirst | Self::WithoutNote | Self::UnguardedNote
        )
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
