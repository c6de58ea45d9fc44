//! The program from its users' side: processes, signals, files, exit codes.

#[cfg(test)]
mod drains;
#[cfg(test)]
mod flow_runs;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod spawn;
#[cfg(test)]
mod workflows;

#[cfg(test)]
use queue_testing::command_line::{UnderTest, program::Sandbox};

/// A sandbox for a test of this package.
#[cfg(test)]
fn sandbox() -> Sandbox {
    Sandbox::of(UnderTest {
        path: env!("CARGO_BIN_EXE_workflow-queue"),
        is_full: true,
    })
}

queue_testing::command_line_tests!(env!("CARGO_BIN_EXE_workflow-queue"), true);
