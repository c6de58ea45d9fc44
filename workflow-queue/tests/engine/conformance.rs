//! The suite that every engine passes, over workflow-queue.

use crate::Workflow;

queue_testing::conformance_tests!(Workflow);
