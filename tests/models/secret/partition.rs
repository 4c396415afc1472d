//! What a tenant's partition says about one connection's password, and what each write of the code makes of it.

/// How many passwords the connection is ever given; each has a secret and a host of its own, of the same number.
pub(crate) const REVISIONS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) connection: Option<Connection>,
    pub(crate) notes: [Note; REVISIONS],
}

/// The connection's item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) version: u8,
    pub(crate) host: usize,
    pub(crate) secret: Option<usize>,
}

/// The note that a secret is to be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Note {
    None,
    /// The grace has not passed.
    Fresh,
    Due,
    /// Due, and the sweeper has begun.
    Collecting,
}

/// A conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Note(usize),
    Create {
        host: usize,
        secret: Option<usize>,
    },
    /// On the version that was seen. The settings' host goes with its password.
    Update {
        seen: Connection,
        host: usize,
        secret: Option<usize>,
    },
    Delete {
        seen: Connection,
    },
    /// The sweeper begins to collect a secret.
    Mark(usize),
    /// The sweeper has collected it.
    Drop(usize),
}

impl Note {
    /// Whether the secret may be taken into use.
    fn is_kept(self) -> bool {
        matches!(self, Self::Fresh | Self::Due)
    }
}

/// The partition after `write`; `None` where its condition refuses it.
pub(crate) fn step(before: Partition, write: Write) -> Option<Partition> {
    let is_as_seen = |seen: Connection| {
        let version = |connection: Connection| connection.version;
        before.connection.map(version) == Some(seen.version)
    };
    let allowed = match write {
        Write::Note(_) | Write::Drop(_) => true,
        Write::Create { secret, .. } => {
            before.connection.is_none() && secret.is_none_or(|new| before.notes[new].is_kept())
        }
        Write::Update { seen, secret, .. } => {
            let is_new = |secret: &usize| seen.secret != Some(*secret);
            is_as_seen(seen)
                && secret
                    .filter(is_new)
                    .is_none_or(|new| before.notes[new].is_kept())
        }
        Write::Delete { seen } => is_as_seen(seen),
        Write::Mark(secret) => matches!(before.notes[secret], Note::Due | Note::Collecting),
    };
    allowed.then(|| write.of(before))
}

impl Write {
    /// What is written, whatever is there.
    pub(crate) fn of(self, mut after: Partition) -> Partition {
        let notes = &mut after.notes;
        let mut swap = |old: Option<usize>, new: Option<usize>| {
            if old != new {
                if let Some(new) = new {
                    notes[new] = Note::None;
                }
                if let Some(old) = old {
                    notes[old] = Note::Fresh;
                }
            }
        };
        match self {
            Self::Note(secret) => notes[secret] = Note::Fresh,
            Self::Create { host, secret } => {
                swap(None, secret);
                let version = 1;
                after.connection = Some(Connection {
                    version,
                    host,
                    secret,
                });
            }
            Self::Update { seen, host, secret } => {
                swap(seen.secret, secret);
                let version = seen.version + 1;
                after.connection = Some(Connection {
                    version,
                    host,
                    secret,
                });
            }
            Self::Delete { seen } => {
                swap(seen.secret, None);
                after.connection = None;
            }
            Self::Mark(secret) => notes[secret] = Note::Collecting,
            Self::Drop(secret) => notes[secret] = Note::None,
        }
        after
    }
}
