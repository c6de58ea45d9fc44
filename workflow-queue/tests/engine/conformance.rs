//! The suite that every engine passes, run on workflow-queue.

use crate::Workflow;

queue_testing::conformance_tests!(Workflow);
