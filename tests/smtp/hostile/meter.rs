//! What a piece of work costs. Linux tells in /proc; elsewhere only the time is known.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const PEAK: &str = "/proc/self/clear_refs";
const PROCESSOR: &str = "/proc/thread-self/schedstat";

/// Measures the process that it is in, of which this thread is the only one at work.
#[derive(Debug)]
pub(super) struct Meter {
    started: Instant,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    cpu: Duration,
    memory: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) elapsed: Duration,
    pub(super) cpu: Option<Duration>,
    /// KiB, at the worst moment.
    pub(super) memory: Option<u64>,
}

impl Meter {
    pub(super) fn start() -> Self {
        let tells = [PEAK, PROCESSOR]
            .iter()
            .all(|path| Path::new(path).exists());
        let before = tells.then(|| {
            // The peak starts again from here (proc_pid_clear_refs(5)).
            fs::write(PEAK, "5").expect("its own file");
            Before {
                cpu: cpu(),
                memory: memory("VmRSS:"),
            }
        });
        let started = Instant::now();
        Self { started, before }
    }

    pub(super) fn stop(&self) -> Cost {
        let elapsed = self.started.elapsed();
        let before = self.before.as_ref();
        Cost {
            elapsed,
            cpu: before.map(|before| cpu().saturating_sub(before.cpu)),
            memory: before.map(|before| memory("VmHWM:").saturating_sub(before.memory)),
        }
    }
}

/// What this thread has spent on a processor (Documentation/scheduler/sched-stats.rst).
fn cpu() -> Duration {
    let spent = fs::read_to_string(PROCESSOR).expect("its own file");
    let nanoseconds = spent.split(' ').next().and_then(|spent| spent.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// A line of the process's status (`proc_pid_status(5)`), in KiB.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("its own file");
    let size = status.lines().find_map(|found| found.strip_prefix(line));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB"));
    size.and_then(|size| size.parse().ok()).expect("a number")
}
