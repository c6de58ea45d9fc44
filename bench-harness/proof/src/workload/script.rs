//! Scripts of random calls.

use crate::test_machine::Engine;

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A process opens the file, in place of the current one.
    Open,
    /// The file is promoted, and workflow-queue opens it.
    Promote,
    /// A checkpoint moves the log into the file.
    Checkpoint,
    /// A call that both engines have.
    Both(Common),
    /// A call that only workflow-queue has.
    Workflow(OfWorkflows),
}

/// A method of [`Queue`](queue_core::Queue).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named after the methods")]
pub enum Common {
    Enqueue,
    EnqueueMany,
    Claim,
    Settle,
    SettleAndClaim,
    Cancel,
    Retry,
    Reprioritize,
    Hold,
    Release,
    Start,
    Edit,
    Pause,
    Prune,
    Register,
    Reap,
    Heartbeat,
}

/// A method of [`WorkflowQueue`](workflow_queue::WorkflowQueue).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named after the methods")]
pub enum OfWorkflows {
    Submit,
    Spawn,
    Link,
    SetLimit,
    RetryDownstream,
    Expire,
}

impl Step {
    /// Returns true if the call may commit more than once.
    #[must_use]
    pub fn is_several(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Promote | Self::Both(Common::Prune | Common::Reap)
        )
    }
}

/// Calls on fast-queue, frequent ones several times.
const COMMON: [Step; 24] = [
    Step::Both(Common::Enqueue),
    Step::Both(Common::Enqueue),
    Step::Both(Common::Enqueue),
    Step::Both(Common::EnqueueMany),
    Step::Both(Common::Claim),
    Step::Both(Common::Claim),
    Step::Both(Common::Claim),
    Step::Both(Common::Settle),
    Step::Both(Common::Settle),
    Step::Both(Common::Settle),
    Step::Both(Common::SettleAndClaim),
    Step::Both(Common::Cancel),
    Step::Both(Common::Retry),
    Step::Both(Common::Reprioritize),
    Step::Both(Common::Hold),
    Step::Both(Common::Release),
    Step::Both(Common::Start),
    Step::Both(Common::Edit),
    Step::Both(Common::Pause),
    Step::Both(Common::Prune),
    Step::Both(Common::Register),
    Step::Checkpoint,
    Step::Checkpoint,
    Step::Open,
];

/// Further calls on workflow-queue.
const OF_WORKFLOWS: [Step; 8] = [
    Step::Workflow(OfWorkflows::Submit),
    Step::Workflow(OfWorkflows::Submit),
    Step::Workflow(OfWorkflows::Submit),
    Step::Workflow(OfWorkflows::Spawn),
    Step::Workflow(OfWorkflows::Link),
    Step::Workflow(OfWorkflows::SetLimit),
    Step::Workflow(OfWorkflows::RetryDownstream),
    Step::Both(Common::Heartbeat),
];

/// A script: its first engine, and its calls.
#[derive(Clone, Debug)]
pub struct Script {
    /// Engine that opens the file first.
    pub engine: Engine,
    /// The calls.
    pub steps: Vec<Step>,
}

impl Script {
    /// The script of `length` calls determined by `seed`. Every third begins with fast-queue and
    /// continues with workflow-queue.
    #[must_use]
    pub fn new(seed: u64, length: usize) -> Self {
        let mut lots = fastrand::Rng::with_seed(seed);
        let promoted_at = (seed % 3 == 2).then_some(length / 2);
        let first = match seed % 3 {
            1 => Engine::Workflow,
            _ => Engine::Fast,
        };
        let mut engine = first;
        let mut steps = vec![Step::Open];
        for place in 1..length {
            if promoted_at == Some(place) {
                engine = Engine::Workflow;
                steps.push(Step::Promote);
                continue;
            }
            let workflows = engine == Engine::Workflow && lots.u8(0..5) < 2;
            let step = if workflows {
                lots.choice(OF_WORKFLOWS)
            } else {
                lots.choice(COMMON)
            };
            steps.extend(step);
            // A dead process is recovered now and then.
            if lots.u8(0..16) == 0 {
                steps.push(if engine == Engine::Workflow {
                    Step::Workflow(OfWorkflows::Expire)
                } else {
                    Step::Both(Common::Reap)
                });
            }
        }
        Self {
            engine: first,
            steps,
        }
    }
}
