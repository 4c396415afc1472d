//! A request that changes the connection, call by call.

use super::partition::{Connection, Note, Write, step};
use super::{Design, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Writer {
    Waiting,
    At(Step, Request),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) change: Change,
    /// The connection as it was read; nothing for one that creates it.
    pub(super) seen: Option<Connection>,
    /// Whether it has created its secret.
    pub(super) kept: bool,
}

/// What a request does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Read,
    Note,
    Keep,
    Write,
    /// Only in designs where the item comes first.
    KeepAfterwards,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Create,
    /// Another server with another password.
    Move,
    RemovePassword,
    Rename,
    Delete,
}

/// The secret that this writer's request creates, and its password and host. The connection that is there at first has the number 0.
pub(super) fn revision(writer: usize) -> usize {
    writer + 1
}

impl Change {
    fn has_password(self) -> bool {
        matches!(self, Self::Create | Self::Move)
    }
}

impl Request {
    /// Makes the next call of the request, whose secret is `new`. What it is at then.
    pub(super) fn proceed(
        mut self,
        design: Design,
        state: &mut State,
        new: usize,
        at: Step,
    ) -> Writer {
        let change = self.change;
        let next = match at {
            Step::Read => {
                self.seen = state.partition.connection;
                if self.seen.is_none() && change != Change::Create {
                    return Writer::Done;
                }
                if !change.has_password() || self.kept || design == Design::ItemFirst {
                    Step::Write
                } else if matches!(design, Design::InPlace | Design::WithoutNote) {
                    Step::Keep
                } else {
                    Step::Note
                }
            }
            Step::Note => {
                state.partition = Write::Note(new).of(state.partition);
                Step::Keep
            }
            Step::Keep => {
                state.secrets[self.place(design, new)] = Some(new);
                self.kept = true;
                Step::Write
            }
            Step::Write => match self.write(design, state, new) {
                Some(()) if change.has_password() && design == Design::ItemFirst => {
                    Step::KeepAfterwards
                }
                Some(()) => return Writer::Done,
                None if change == Change::Create => return Writer::Done,
                // Somebody was faster: it is read again, and the secret that was created is used.
                None => Step::Read,
            },
            Step::KeepAfterwards => {
                state.secrets[new] = Some(new);
                return Writer::Done;
            }
        };
        Writer::At(next, self)
    }

    /// The secret into which the new password goes.
    fn place(self, design: Design, new: usize) -> usize {
        let old = self.seen.and_then(|seen| seen.secret);
        old.filter(|_| design == Design::InPlace).unwrap_or(new)
    }

    fn write(self, design: Design, state: &mut State, new: usize) -> Option<()> {
        let update = |seen, host, secret| Some(Write::Update { seen, host, secret });
        let (host, secret) = (new, Some(self.place(design, new)));
        let write = match (self.change, self.seen) {
            (Change::Create, _) => Some(Write::Create { host, secret }),
            (_, None) => None,
            (Change::Move, Some(seen)) => update(seen, host, secret),
            (Change::RemovePassword, Some(seen)) => update(seen, seen.host, None),
            (Change::Rename, Some(seen)) => update(seen, seen.host, seen.secret),
            (Change::Delete, Some(seen)) => Some(Write::Delete { seen }),
        }?;
        if design.needs_no_note() && self.change.has_password() {
            let mut noted = state.partition;
            noted.notes[new] = Note::Fresh;
            step(noted, write)?;
            state.partition = write.of(state.partition);
            return Some(());
        }
        state.write(write)
    }
}
