//! A change that lost against another one is made again from a fresh read, a bounded number of times.

use std::time::Duration;

use super::error::StorageError;
use crate::clock::random;

/// Counts the attempts of one change and spaces them out.
#[derive(Debug, Default)]
pub struct Attempts(u32);

impl Attempts {
    const MAX: u32 = 12;

    /// Waits before the next attempt: up to 5 ms, 10 ms, 20 ms … 320 ms, at random, so that those who collided don't again.
    ///
    /// # Errors
    /// When there were too many.
    pub async fn another(&mut self, operation: &'static str) -> Result<(), StorageError> {
        self.0 += 1;
        if self.0 >= Self::MAX {
            return Err(StorageError::contended(operation));
        }
        let longest = Duration::from_millis(5 << self.0.min(6));
        let chance = f64::from(u16::from_be_bytes(random())) / f64::from(u16::MAX);
        tokio::time::sleep(longest.mul_f64(chance)).await;
        Ok(())
    }
}
