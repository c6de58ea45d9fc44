//! Finds the smallest run with which a seed fails.

use super::{Options, simulate};

/// Size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Number of steps in the fault phase.
    pub steps: u32,
    /// Largest number of tasks.
    pub tasks: usize,
}

impl Size {
    /// Most runs are small, for many seeds; every eighth is large.
    pub(super) fn of(seed: u64) -> Self {
        if seed % 8 == 7 {
            return Self {
                steps: 4_000,
                tasks: 120,
            };
        }
        Self {
            steps: 700,
            tasks: 30,
        }
    }
}

/// The smallest size found with which a seed still fails: sizes are reduced by halves, quarters, and so
/// on, as long as the run still fails. `None` if the seed does not fail.
#[must_use]
pub fn shrink(seed: u64, options: &Options) -> Option<Size> {
    let fails = |size: Size| {
        let size = Some(size);
        let run = simulate(seed, &Options { size, ..*options });
        !run.report.violations.is_empty()
    };
    let mut least = options.size.unwrap_or_else(|| Size::of(seed));
    if !fails(least) {
        return None;
    }
    let mut part = 2;
    while part <= 64 {
        let steps = least.steps - (least.steps / part).max(1).min(least.steps);
        let tasks = least.tasks - (least.tasks / part as usize).max(1).min(least.tasks - 1);
        let smaller = [Size { steps, ..least }, Size { tasks, ..least }];
        match smaller
            .into_iter()
            .find(|size| *size != least && fails(*size))
        {
            Some(size) => least = size,
            None => part *= 2,
        }
    }
    Some(least)
}
