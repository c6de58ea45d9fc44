//! The faults, in every layer: each loses, doubles or blocks work.

mod beside;
mod fast_queue;
mod hooks;
mod monitors;
mod running;
mod schedules;
mod storage;
mod workflow_queue;

use super::{Fault, Suite};

const fn core(filter: &'static str) -> Suite {
    Suite {
        package: "queue-core",
        test: None,
        filter,
    }
}

const fn fast(test: &'static str) -> Suite {
    Suite {
        package: "fast-queue",
        test: Some(test),
        filter: "",
    }
}

const fn workflow(test: &'static str, filter: &'static str) -> Suite {
    Suite {
        package: "workflow-queue",
        test: Some(test),
        filter,
    }
}

/// Tests of the executor with real processes.
const fn executor(filter: &'static str) -> Suite {
    Suite {
        package: "queue-core",
        test: Some("executor"),
        filter,
    }
}

/// Tests of the program with real commands.
const fn program(filter: &'static str) -> Suite {
    Suite {
        package: "fast-queue",
        test: Some("command_line"),
        filter,
    }
}

/// Tests of a command's environment for every start of its worker.
const ENVIRONMENT: Suite = Suite {
    package: "fast-queue",
    test: Some("command_line"),
    filter: "environment",
};

/// Tests of both programs on one file.
const PROMOTION: Suite = Suite {
    package: "bench-harness",
    test: Some("promotion"),
    filter: "",
};

/// Tests of an engine on a failing disk.
const FAILED_SYNC: Suite = Suite {
    package: "queue-proof",
    test: Some("errors"),
    filter: "a_failed_sync",
};

/// Every fault, by layer from the file up to the workflow.
pub const FAULTS: [&[Fault]; 8] = [
    storage::STORAGE,
    beside::BESIDE,
    running::RUNNING,
    fast_queue::FAST_QUEUE,
    workflow_queue::WORKFLOW_QUEUE,
    schedules::SCHEDULES,
    hooks::HOOKS,
    monitors::MONITORS,
];
