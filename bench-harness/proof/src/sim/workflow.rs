//! The verbs that only workflow-queue has, in one run.

use std::sync::{Arc, Mutex};

use queue_core::TaskId;
use queue_testing::simulation::{Call, Context, Extension, Ledger};
use workflow_queue::WorkflowQueue;

use super::flows::Flows;
use super::schedules::{Firings, Mistake, Schedules};

/// Number of actions in 100 on workflows and limits.
const FLOWS: u32 = 43;
/// Number of actions in 100 on schedules, which act by themselves too.
const SCHEDULES: u32 = 12;

/// Workflows, limits and schedules.
#[derive(Debug)]
pub(super) struct Workflow {
    flows: Flows,
    schedules: Schedules,
}

impl Workflow {
    /// Verbs on a file in which these tasks were enqueued before the run.
    pub(super) fn new(before: Arc<Mutex<Vec<TaskId>>>, mistake: Option<Mistake>) -> Self {
        Self {
            flows: Flows::new(before),
            schedules: Schedules::new(mistake),
        }
    }

    /// Counts of the run's firings.
    pub(super) fn firings(&self) -> Firings {
        self.schedules.firings()
    }
}

impl Extension<WorkflowQueue> for Workflow {
    fn begin(&self, context: &Context<'_, WorkflowQueue>) {
        self.flows.begin(context);
        self.schedules.begin(context);
    }

    fn share(&self) -> u32 {
        FLOWS + SCHEDULES
    }

    fn act(&self, context: &Context<'_, WorkflowQueue>) {
        if context.ledger.draw(FLOWS + SCHEDULES) < SCHEDULES {
            self.schedules.act(context);
        } else {
            self.flows.act(context);
        }
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        self.flows.committed(call, queue, ledger);
        self.schedules.committed(call, queue, ledger);
    }

    fn lost_power(&self, queue: &WorkflowQueue, keeps: bool, ledger: &Ledger<'_>) {
        self.schedules.lost_power(queue, keeps, ledger);
    }

    fn drain(&self, context: &Context<'_, WorkflowQueue>) {
        self.schedules.drain(context);
    }
}
