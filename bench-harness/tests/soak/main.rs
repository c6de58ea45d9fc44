//! Soaks of a promotion, which involves both programs: real commands and workers, real `kill -9`.
//!
//! `cargo test` runs them in short form. At full length (100,000 commands; a promotion killed at each
//! of its system calls):
//!
//! ```text
//! SOAK=long cargo test --release -p fast-queue -p workflow-queue -p bench-harness --test soak -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a soak's helpers fail as its tests do")]

mod killed;
mod running;
mod stopped;
mod template;

use std::path::{Path, PathBuf};

use fast_queue::FastQueue;
use workflow_queue::WorkflowQueue;

use queue_testing::soak::database::SoakDatabase;

/// Path of a program of this workspace. It lies beside the tests, where building the workspace's tests
/// puts it.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name(name);
    assert!(
        path.is_file(),
        "there is no {}; test the whole workspace, or name package {name} too",
        path.display()
    );
    path
}

/// The folder's database, opened by fast-queue.
fn fast_database(folder: &Path) -> SoakDatabase<FastQueue> {
    SoakDatabase::new(folder, &program("fast-queue"), |path| {
        FastQueue::open(path).unwrap()
    })
}

/// The folder's database, opened by workflow-queue.
fn flow_database(folder: &Path) -> SoakDatabase<WorkflowQueue> {
    SoakDatabase::new(folder, &program("workflow-queue"), |path| {
        WorkflowQueue::open(path).unwrap()
    })
}
