//! Recommendations based on the measurements of this run.

use queue_core::sqlite::Durability;

use super::Comparison;
use super::scale::{DEPTHS, Scale, THREADS};
use crate::features::of_workflow_only;
use crate::report::short;
use crate::systems::SystemName;
use crate::workload::Commits;

/// Ratios below this count as equal.
const NOISE: f64 = 1.15;
/// Limit of the design: a claim from many tasks that takes this many times as long is not called flat.
const FLAT: f64 = 1.5;

/// One sentence per criterion.
pub(super) fn advice(comparison: &Comparison) -> Vec<String> {
    let ratio = |level| {
        let line = comparison
            .hundred
            .line(level, Commits::Each, SystemName::Workflow);
        line.map_or(1.0, |line| line.to_fast)
    };
    let mut sentences = vec![
        speed(ratio(Durability::Fast), ratio(Durability::Full)),
        features(),
    ];
    sentences.extend(comparison.scale.iter().map(depth));
    sentences.push(threads(&comparison.scale));
    sentences
}

fn speed(fast: f64, full: f64) -> String {
    match (fast >= NOISE, full >= NOISE) {
        (true, true) => format!(
            "Take fast-queue where operations count: workflow-queue took {fast:.2} times as long, \
             and {full:.2} times at full."
        ),
        (true, false) => format!(
            "Take fast-queue where operations at `fast` count: workflow-queue took {fast:.2} times \
             as long; at full the disk hides the difference ({full:.2})."
        ),
        (false, true) => format!(
            "Take fast-queue where operations at full count: workflow-queue took {full:.2} times \
             as long; at `fast` there is no difference ({fast:.2})."
        ),
        (false, false) => format!(
            "Speed does not decide here: workflow-queue took {fast:.2} times as long as \
             fast-queue, and {full:.2} times at full."
        ),
    }
}

fn features() -> String {
    let needs: Vec<&str> = of_workflow_only().map(|feature| feature.need).collect();
    format!(
        "Take workflow-queue for any of these, which fast-queue does not do: {}.",
        needs.join(", ")
    )
}

fn depth(scale: &Scale) -> String {
    let [shallow, deep] = scale.claim_us.map(|spread| short(spread.median));
    let verdict = if scale.deeper <= FLAT {
        "does not slow down"
    } else {
        "slows down"
    };
    format!(
        "{} {verdict} with a backlog: a claim from {} pending tasks took {deep} us, from {} \
         {shallow} us.",
        scale.engine, DEPTHS[1], DEPTHS[0]
    )
}

fn threads(scales: &[Scale; 2]) -> String {
    let [fast, workflow] = scales.each_ref().map(|scale| scale.wider);
    let verdict = if fast.min(workflow) >= NOISE {
        "Threads share commits"
    } else {
        "Threads gained nothing on this disk"
    };
    format!(
        "{verdict}: {} at full push {fast:.2} (fast-queue) and {workflow:.2} times \
         (workflow-queue) as much as one.",
        THREADS[1]
    )
}

#[cfg(test)]
mod tests {
    use super::{depth, speed, threads};
    use crate::compare::scale::Scale;
    use crate::measure::Spread;
    use crate::systems::EngineName;

    fn scale(deeper: f64, wider: f64) -> Scale {
        let spread = |value| Spread::of(&[value]);
        Scale {
            engine: EngineName::Fast,
            claim_us: [spread(10.0), spread(10.0 * deeper)],
            deeper,
            pushes: [spread(100.0), spread(100.0 * wider)],
            wider,
        }
    }

    #[test]
    fn speed_decides_only_if_it_differs() {
        assert!(speed(1.4, 1.3).starts_with("Take fast-queue where operations count"));
        assert!(speed(1.4, 1.1).contains("the disk hides the difference (1.10)"));
        assert!(speed(1.1, 1.3).starts_with("Take fast-queue where operations at full count"));
        assert!(speed(1.1, 1.0).starts_with("Speed does not decide"));
    }

    #[test]
    fn poor_scaling_is_mentioned() {
        assert!(depth(&scale(1.1, 1.0)).contains("does not slow down"));
        assert!(depth(&scale(2.0, 1.0)).contains("slows down"));
        assert!(threads(&[scale(1.0, 8.0), scale(1.0, 7.0)]).starts_with("Threads share"));
        assert!(threads(&[scale(1.0, 8.0), scale(1.0, 1.0)]).contains("gained nothing"));
    }
}
