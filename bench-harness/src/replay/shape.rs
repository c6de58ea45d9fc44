//! Size of a trace, and the shortest time in which it can run.

use super::trace::Trace;
use crate::measure::count;

/// Size of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) tasks: usize,
    pub(super) edges: usize,
    /// Tasks on the longest path.
    pub(super) depth: usize,
    /// Largest number of tasks at the same depth.
    pub(super) width: usize,
}

impl Shape {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut depths = vec![0_usize; trace.tasks.len()];
        for index in &trace.order {
            let dependencies = trace.tasks[*index].dependencies.iter();
            depths[*index] = 1 + dependencies.map(|on| depths[*on]).max().unwrap_or(0);
        }
        let depth = depths.iter().copied().max().unwrap_or(0);
        let mut layers = vec![0; depth + 1];
        for depth in depths {
            layers[depth] += 1;
        }
        Self {
            tasks: trace.tasks.len(),
            edges: trace.edges(),
            depth,
            width: layers.into_iter().max().unwrap_or(0),
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tasks,
            edges,
            depth,
            width,
        } = self;
        write!(
            f,
            "{tasks} tasks, {edges} edges, {depth} deep, {width} wide"
        )
    }
}

/// Shortest possible schedule on that many slots, in seconds: the longest path, or all work spread
/// evenly (Graham, Bounds on multiprocessing timing anomalies, 1969). `seconds` is indexed like the
/// tasks.
pub(super) fn lower_bound(trace: &Trace, seconds: &[f64], slots: usize) -> f64 {
    let mut ends = vec![0.0_f64; seconds.len()];
    for index in &trace.order {
        let dependencies = trace.tasks[*index].dependencies.iter();
        let start = dependencies.map(|on| ends[*on]).fold(0.0, f64::max);
        ends[*index] = start + seconds[*index];
    }
    let longest = ends.into_iter().fold(0.0, f64::max);
    let work: f64 = seconds.iter().sum();
    longest.max(work / count(slots))
}

#[cfg(test)]
mod tests {
    use super::{Shape, lower_bound};
    use crate::replay::trace::{Trace, TraceTask};

    /// A diamond 0 → 1, 2 → 3 with one task beside it.
    fn diamond() -> Trace {
        let task = |dependencies: &[usize]| TraceTask {
            id: String::new(),
            seconds: None,
            dependencies: dependencies.to_vec(),
        };
        Trace {
            tasks: vec![task(&[]), task(&[0]), task(&[0]), task(&[1, 2]), task(&[])],
            order: vec![0, 4, 1, 2, 3],
        }
    }

    #[test]
    fn a_diamond_is_three_deep_and_two_wide() {
        let shape = Shape {
            tasks: 5,
            edges: 4,
            depth: 3,
            width: 2,
        };
        assert_eq!(Shape::of(&diamond()), shape);
    }

    #[test]
    fn the_bound_is_the_longest_path_or_the_work_per_slot() {
        let seconds = [1.0, 2.0, 3.0, 1.0, 5.0];
        let bound = |slots| lower_bound(&diamond(), &seconds, slots);
        assert!((bound(1) - 12.0).abs() < 1e-9);
        assert!((bound(2) - 6.0).abs() < 1e-9);
        assert!((bound(100) - 5.0).abs() < 1e-9);
    }
}
