//! What people ask for, and the transaction that the code makes of it.

use super::partition::{Change, Connection, Role, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) id: usize,
    pub(super) wish: Wish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wish {
    Create {
        default: bool,
    },
    Rename,
    Activate {
        default: bool,
    },
    Deactivate {
        give_up: bool,
    },
    Take,
    GiveUp,
    Delete,
    /// The other connection takes the role over.
    Replace,
}

impl Wish {
    pub(super) const ALL: [Self; 11] = [
        Self::Create { default: false },
        Self::Create { default: true },
        Self::Rename,
        Self::Activate { default: false },
        Self::Activate { default: true },
        Self::Deactivate { give_up: false },
        Self::Deactivate { give_up: true },
        Self::Take,
        Self::GiveUp,
        Self::Delete,
        Self::Replace,
    ];
}

impl Request {
    /// The transaction that this request makes of what it read; `None` where it is refused, or has nothing to do.
    pub(super) fn write(self, seen: Option<Connection>, default: bool) -> Option<Write> {
        let Self { id, wish } = self;
        let write = |change, role| {
            Some(Write {
                id,
                seen,
                change,
                role,
            })
        };
        let put = |active, role| write(Change::Put { active }, role);
        let take = |taken: bool| if taken { Role::Take } else { Role::Leave };
        match (wish, seen) {
            // An identifier is new, so nothing was read.
            (Wish::Create { default }, None) => put(true, take(default)),
            (Wish::Rename, Some(seen)) => put(seen.active, Role::Leave),
            (Wish::Activate { default: taken }, Some(_)) => put(true, take(taken && !default)),
            (Wish::Deactivate { give_up: false }, Some(_)) if default => None,
            (Wish::Deactivate { .. }, Some(_)) if default => put(false, Role::GiveUp),
            (Wish::Deactivate { .. }, Some(seen)) if seen.active => put(false, Role::NotHeld),
            (Wish::Take, Some(seen)) if seen.active && !default => {
                write(Change::Nothing, Role::Take)
            }
            (Wish::GiveUp, Some(_)) if default => write(Change::Nothing, Role::GiveUp),
            (Wish::Delete, Some(_)) if !default => write(Change::Delete, Role::NotHeld),
            (_, None)
            | (
                Wish::Create { .. }
                | Wish::Deactivate { .. }
                | Wish::Take
                | Wish::GiveUp
                | Wish::Delete
                | Wish::Replace,
                Some(_),
            ) => None,
        }
    }
}
