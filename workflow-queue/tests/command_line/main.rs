//! The program from its users' side: processes, signals, files, exit codes.

#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod dashboard_hooks;
#[cfg(test)]
#[path = "../dead_letter/mod.rs"]
mod dead_letter;
#[cfg(test)]
mod drains;
#[cfg(test)]
mod flow_runs;
#[cfg(test)]
mod hooks;
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
mod top;
#[cfg(test)]
mod usage;
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

#[test]
fn the_dashboard_takes_no_action_from_a_foreign_origin() {
    use queue_testing::command_line::dashboard_guards;
    let paths = queue_core::internals::web::post_paths::<workflow_queue::WorkflowQueue>(true);
    for path in ["/schedules/change", "/hooks/change", "/services/change"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    let sandbox = sandbox();
    let words = ["schedule", "add", "nightly", "0 3 * * *", "true"];
    sandbox.ok(&words);
    dashboard_guards::no_action_is_taken_from_a_foreign_origin(&sandbox, &paths);
    let schedules = sandbox.json(&["schedule", "list"]);
    assert!(schedules[0]["paused_at"].is_null(), "{schedules}");
}
