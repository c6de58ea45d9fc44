//! The suite that every engine passes, over workflow-queue.

use crate::Workflow;

queue_core::conformance_tests!(Workflow);
