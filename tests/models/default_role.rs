//! The default role, taken, handed over, given up and lost to deactivation and deletion by two requests at once, from every state that a
//! tenant with two connections can be in, while somebody reads one item after the other.

mod conformance;
mod partition;
mod request;
mod tests;

use stateright::{Model, Property};

use self::partition::{Change, Connection, Partition, Role, Write, step};
use self::request::{Request, Wish};

/// The protocol, or a design that was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Design {
    Ours,
    /// Each connection says whether it is the default; a transaction changes both.
    Flags,
    /// A connection is deactivated and deleted whatever the pointer says.
    UnguardedPointer,
    /// The role is taken without a look at the version that was read.
    UnguardedVersion,
    /// What is read is answered, whether it fits together or not.
    TornReads,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    partition: Partition,
    writers: [Writer; 2],
    reader: Reader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Waiting,
    /// Has not read the connection yet, or must again.
    Begun(Request),
    /// Has read the connection and whether it is the default, both at one instant.
    Read(Request, Option<Connection>, bool),
    /// Has read the one that is to take the role over, too.
    ReadBoth(Request, Connection, bool, Connection),
    Done,
}

/// Somebody who reads the connections one after the other and then the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reader {
    Nothing,
    First(Seen),
    Both([Seen; 2]),
    Answers(Answer),
}

/// A connection as it was read: whether it is active, if it is there, and whether it had the role at that instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen {
    active: Option<bool>,
    default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Answer {
    NoDefault,
    Default { active: bool },
    TwoDefaults,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Begin(usize, Request),
    Proceed(usize),
    Read,
}

impl Model for Design {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let version = 1;
        let connections = [
            None,
            Some(Connection {
                version,
                active: false,
            }),
            Some(Connection {
                version,
                active: true,
            }),
        ];
        let mut states = Vec::new();
        for first in connections {
            for second in connections {
                for pointer in [None, Some(0), Some(1)] {
                    let partition = Partition {
                        connections: [first, second],
                        pointer,
                    };
                    if partition.is_right() {
                        states.push(State {
                            partition,
                            writers: [Writer::Waiting; 2],
                            reader: Reader::Nothing,
                        });
                    }
                }
            }
        }
        states
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (i, writer) in state.writers.iter().enumerate() {
            match writer {
                Writer::Waiting => {
                    for id in 0..2 {
                        actions
                            .extend(Wish::ALL.map(|wish| Action::Begin(i, Request { id, wish })));
                    }
                }
                Writer::Done => {}
                Writer::Begun(_) | Writer::Read(..) | Writer::ReadBoth(..) => {
                    actions.push(Action::Proceed(i));
                }
            }
        }
        actions.push(Action::Read);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin(i, request) => state.writers[i] = Writer::Begun(request),
            Action::Proceed(i) => self.proceed(&mut state, i),
            Action::Read => state.reader = self.read(&state.partition, state.reader),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(DEFAULT_IS_ACTIVE, |_, state: &State| {
                state.partition.is_right()
            }),
            Property::always(READERS_SEE_ONE, |_, state: &State| {
                let wrong = [Answer::TwoDefaults, Answer::Default { active: false }];
                !wrong.map(Reader::Answers).contains(&state.reader)
            }),
            Property::sometimes("a reader sees a default", |_, state: &State| {
                state.reader == Reader::Answers(Answer::Default { active: true })
            }),
            Property::sometimes("a reader sees none", |_, state: &State| {
                state.reader == Reader::Answers(Answer::NoDefault)
            }),
        ]
    }
}

const DEFAULT_IS_ACTIVE: &str = "the default is there and active";
const READERS_SEE_ONE: &str = "a reader sees one default at most, and it is there and active";

impl Design {
    fn proceed(self, state: &mut State, i: usize) {
        let partition = &mut state.partition;
        let writer = &mut state.writers[i];
        *writer = match *writer {
            Writer::Waiting | Writer::Done => return,
            Writer::Begun(request) => Writer::Read(
                request,
                partition.connections[request.id],
                partition.pointer == Some(request.id),
            ),
            Writer::Read(request, Some(seen), default) if request.wish == Wish::Replace => {
                match partition.connections[1 - request.id] {
                    Some(other) if other.active => Writer::ReadBoth(request, seen, default, other),
                    Some(_) | None => Writer::Done,
                }
            }
            Writer::Read(request, seen, default) => match request.write(seen, default) {
                Some(write) => self.write(partition, request, write),
                None => Writer::Done,
            },
            Writer::ReadBoth(request, seen, default, other) => {
                let role = if default {
                    Role::HandOver(other)
                } else {
                    Role::NotHeldBeside(other)
                };
                let write = Write {
                    id: request.id,
                    seen: Some(seen),
                    change: Change::Delete,
                    role,
                };
                self.write(partition, request, write)
            }
        };
    }

    fn write(self, partition: &mut Partition, request: Request, write: Write) -> Writer {
        let unguarded = match self {
            Self::UnguardedPointer => write.role == Role::NotHeld,
            Self::UnguardedVersion => write.role == Role::Take,
            Self::Ours | Self::Flags | Self::TornReads => false,
        };
        let written = if unguarded {
            Some(write.of(*partition))
        } else {
            step(*partition, write)
        };
        match written {
            Some(after) => {
                *partition = after;
                Writer::Done
            }
            // A name that is taken is not tried again; a connection that was changed is read again.
            None if write.seen.is_none() => Writer::Done,
            None => Writer::Begun(request),
        }
    }

    fn read(self, partition: &Partition, reader: Reader) -> Reader {
        let seen = |id: usize| Seen {
            active: partition.connections[id].map(|connection| connection.active),
            default: partition.pointer == Some(id),
        };
        match reader {
            Reader::Nothing | Reader::Answers(_) => Reader::First(seen(0)),
            Reader::First(first) => Reader::Both([first, seen(1)]),
            Reader::Both(both) if self == Self::Flags => {
                let mut defaults = both.iter().filter(|seen| seen.default);
                Reader::Answers(match (defaults.next(), defaults.next()) {
                    (None, _) => Answer::NoDefault,
                    (Some(seen), None) => Answer::Default {
                        active: seen.active == Some(true),
                    },
                    (Some(_), Some(_)) => Answer::TwoDefaults,
                })
            }
            Reader::Both(both) => match partition.pointer.map(|id| both[id].active == Some(true)) {
                None => Reader::Answers(Answer::NoDefault),
                Some(false) if self != Self::TornReads => Reader::Nothing,
                Some(active) => Reader::Answers(Answer::Default { active }),
            },
        }
    }
}

impl Partition {
    fn is_right(&self) -> bool {
        let is_active = |id: usize| self.connections[id].is_some_and(|it| it.active);
        self.pointer.is_none_or(is_active)
    }
}
