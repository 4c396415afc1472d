//! What this process used.

use std::fs::read_to_string;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::job::Report;

pub(crate) struct Meter {
    began: Instant,
    before: Duration,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            began: Instant::now(),
            before: cpu(),
        }
    }

    pub(crate) fn stop(self, version: &str) -> Report {
        Report {
            seconds: self.began.elapsed().as_secs_f64(),
            cpu_seconds: cpu().saturating_sub(self.before).as_secs_f64(),
            peak_bytes: peak(),
            version: version.to_owned(),
        }
    }
}

/// All threads' CPU time, user's and system's.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().expect("a clock that counts up")
}

/// The most memory that was resident, in octets. Unlike getrusage's, it does not hold that of the program that started this one.
fn peak() -> f64 {
    let status = read_to_string("/proc/self/status").expect("proc");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let kilobytes: f64 = line
        .and_then(|line| line.trim().parse().ok())
        .expect("a peak");
    kilobytes * 1024.
}
