//! The one door through which time and chance enter, so that tests own them.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use ulid::Ulid;

use crate::model::timestamp::Timestamp;

/// Tells the time and makes ULIDs.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Mutex<Manual>>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    made: u128,
}

impl Clock {
    /// The machine's clock and its random numbers.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `now` until it is moved, and makes the same ULIDs each time.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(Manual { now, made: 0 }))))
    }

    /// Moves a manual clock forward; the machine's clock moves by itself.
    pub fn advance(&self, duration: Duration) {
        if let Some(manual) = &self.0 {
            let mut manual = lock(manual);
            manual.now = manual.now + duration;
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => lock(manual).now,
            None => system_now(),
        }
    }

    /// A new ULID for the present.
    #[must_use]
    pub fn ulid(&self) -> Ulid {
        let millis = |now: Timestamp| u64::try_from(now.as_millis()).unwrap_or(0);
        match &self.0 {
            Some(manual) => {
                let mut manual = lock(manual);
                manual.made += 1;
                Ulid::from_parts(millis(manual.now), manual.made)
            }
            None => Ulid::from_parts(millis(system_now()), u128::from_be_bytes(random())),
        }
    }
}

fn lock(manual: &Mutex<Manual>) -> std::sync::MutexGuard<'_, Manual> {
    manual
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn system_now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has none to give: nothing safe can be done without.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
