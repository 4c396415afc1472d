//! What a tenant's partition says about its default, and what each write of the code makes of it.

/// Two connections and the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) connections: [Option<Connection>; 2],
    pub(crate) pointer: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) version: u8,
    pub(crate) active: bool,
}

/// A transaction about the connection `id`, on the version that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) id: usize,
    pub(crate) seen: Option<Connection>,
    pub(crate) change: Change,
    pub(crate) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The role alone.
    Nothing,
    /// Creates it, or changes its settings.
    Put {
        active: bool,
    },
    Delete,
}

/// What a transaction does about the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Leave,
    /// It must not have it.
    NotHeld,
    Take,
    GiveUp,
    /// To the other connection, which was read in this version.
    HandOver(Connection),
    /// It must not have it, and the other connection must be as it was read.
    NotHeldBeside(Connection),
}

/// The partition after `write`; `None` where its condition refuses it.
pub(crate) fn step(before: Partition, write: Write) -> Option<Partition> {
    write.is_allowed(before).then(|| write.of(before))
}

impl Partition {
    fn version(&self, id: usize) -> Option<u8> {
        self.connections[id].map(|connection| connection.version)
    }
}

impl Write {
    fn is_allowed(self, before: Partition) -> bool {
        let as_seen = before.version(self.id) == self.seen.map(|seen| seen.version);
        let held = before.pointer == Some(self.id);
        let other = |seen: Connection| before.version(1 - self.id) == Some(seen.version);
        let role = match self.role {
            Role::Leave | Role::Take => true,
            Role::NotHeld => !held,
            Role::GiveUp => held,
            Role::HandOver(seen) => held && other(seen),
            Role::NotHeldBeside(seen) => !held && other(seen),
        };
        as_seen && role
    }

    /// What is written, whatever is there.
    pub(crate) fn of(self, mut after: Partition) -> Partition {
        match self.change {
            Change::Nothing => {}
            Change::Put { active } => {
                let version = self.seen.map_or(1, |seen| seen.version + 1);
                after.connections[self.id] = Some(Connection { version, active });
            }
            Change::Delete => after.connections[self.id] = None,
        }
        match self.role {
            Role::Leave | Role::NotHeld | Role::NotHeldBeside(_) => {}
            Role::Take => after.pointer = Some(self.id),
            Role::GiveUp => after.pointer = None,
            Role::HandOver(_) => after.pointer = Some(1 - self.id),
        }
        after
    }
}
