//! The least that a seed fails with.

use super::{Options, simulate};

/// How much happens in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Steps of the wild phase.
    pub steps: u32,
    /// Tasks, at most.
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

/// The smallest size found with which a seed still fails: the rest is left out by halves, quarters,
/// and so on, as long as that helps. `None` if it does not fail.
#[must_use]
pub fn shrink(seed: u64, options: &Options) -> Option<Size> {
    let fails = |size: Size| {
        let size = Some(size);
        let (report, _) = simulate(seed, &Options { size, ..*options });
        !report.violations.is_empty()
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
