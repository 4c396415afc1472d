//! How much of the suite is run, and what came of it.

use std::time::Instant;

use crate::verdicts::Verdicts;

/// Whether all of it is run, and not a sample.
pub(crate) fn is_whole() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of this suite, not configuration"
    )]
    let extent = std::env::var("FAULTS");
    extent.is_ok_and(|extent| extent == "whole")
}

/// All of these numbers, or `sample` of them, spread evenly; `turn` moves the sample, so that two of them see more than one.
pub(crate) fn of(total: usize, sample: usize, turn: usize) -> impl Iterator<Item = usize> {
    let stride = if is_whole() {
        1
    } else {
        total.div_ceil(sample.max(1)).max(1)
    };
    (turn % stride..total).step_by(stride)
}

/// The runs of one kind of fault.
#[derive(Debug)]
pub(crate) struct Report {
    kind: &'static str,
    began: Instant,
    runs: usize,
    pub(crate) verdicts: Verdicts,
}

impl Report {
    /// No runs yet.
    pub(crate) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            began: Instant::now(),
            runs: 0,
            verdicts: Verdicts::default(),
        }
    }

    /// Adds a run. Of many, it says now and then how far they are.
    pub(crate) fn add(&mut self, run: &str, verdicts: Verdicts) {
        self.runs += 1;
        self.verdicts.add(run, verdicts);
        if is_whole() && self.runs.is_multiple_of(100) {
            self.tell();
        }
    }

    /// Says what was run and what came of it.
    #[expect(
        clippy::print_stdout,
        reason = "who asks for the whole wants to know what it was"
    )]
    pub(crate) fn tell(&self) {
        let Verdicts {
            messages,
            lost,
            doubled,
            wrong,
        } = &self.verdicts;
        println!(
            "{}: {} runs, {messages} messages: {} lost, {} unmarked duplicates, {} wrong verdicts ({} s)",
            self.kind,
            self.runs,
            lost.len(),
            doubled.len(),
            wrong.len(),
            self.began.elapsed().as_secs(),
        );
    }

    /// As [`Self::tell`]; fails when anything is wrong.
    pub(crate) fn must_be_clean(self) {
        self.tell();
        let all = self.verdicts;
        let violations = [&all.lost, &all.doubled, &all.wrong];
        let first: Vec<_> = violations.into_iter().flatten().take(5).collect();
        assert_eq!(all.violations(), 0, "{first:#?}");
    }
}
