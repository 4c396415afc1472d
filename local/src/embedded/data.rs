//! The directory that outlives the process.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::EmbeddedError;

/// A directory with a place for each service, held by this process alone while it lives.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    // The lock goes with the handle.
    _lock: File,
}

impl DataDir {
    /// Makes the directory, or takes what is there.
    pub(super) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let failed = |source| EmbeddedError::Data {
            path: path.to_owned(),
            source,
        };
        // An existing directory keeps its mode, since it may hold more than ours; what is ours inside is closed to others.
        if !path.is_dir() {
            make_private(path).map_err(failed)?;
        }
        for part in ["tables", "secrets", "content"] {
            make_private(&path.join(part)).map_err(failed)?;
        }
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(EmbeddedError::DataInUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The database file of the tables.
    pub(super) fn tables(&self) -> PathBuf {
        self.path.join("tables").join("dynamodb.sqlite")
    }

    /// The file of all secrets.
    pub(super) fn secrets(&self) -> PathBuf {
        self.path.join("secrets").join("secrets.json")
    }

    /// The directory of the objects.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("content")
    }

    /// The error for something in here that failed.
    pub(super) fn failed(&self) -> impl Fn(io::Error) -> EmbeddedError {
        let path = self.path.clone();
        move |source| EmbeddedError::Data {
            path: path.clone(),
            source,
        }
    }
}

/// A directory that only its owner can enter.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(path)?;
        // It may have been there with another mode.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    builder.create(path)
}
