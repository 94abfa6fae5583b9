//! The file of the store, which is opened anew after a failure: redb answers nothing any more once a write has failed, be it
//! only for want of room.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::sleep;
use std::time::Duration;

use redb::{Database, DatabaseError};

use super::{CACHE_BYTES, StoreError, unavailable};

/// How often the file is tried to be opened while a read that has begun still holds it.
const TRIES: u32 = 20;
/// How long such a read is given each time.
const PAUSE: Duration = Duration::from_millis(5);

/// A database, while it works.
pub(super) struct File {
    /// Nothing for a store in memory.
    path: Option<PathBuf>,
    db: RwLock<Option<Arc<Database>>>,
}

impl File {
    pub(super) fn new(db: Database, path: Option<PathBuf>) -> Self {
        Self {
            path,
            db: RwLock::new(Some(Arc::new(db))),
        }
    }

    /// Opens a file, which is made if it is missing.
    pub(super) fn open(path: &PathBuf) -> Result<Database, DatabaseError> {
        Database::builder().set_cache_size(CACHE_BYTES).create(path)
    }

    /// The database; an error while it is away.
    pub(super) fn database(&self) -> Result<Arc<Database>, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone()
            .ok_or_else(|| StoreError::Unavailable("the file failed and cannot be opened yet".to_owned()))
    }

    /// Closes the file and opens it again. What was committed is there; what was not is undone.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        drop(self.db.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut opened = Self::open(path);
        for _ in 0..TRIES {
            if !matches!(opened, Err(DatabaseError::DatabaseAlreadyOpen)) {
                break;
            }
            sleep(PAUSE);
            opened = Self::open(path);
        }
        let db = opened.map_err(unavailable)?;
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(db));
        Ok(())
    }
}
