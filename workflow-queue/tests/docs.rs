//! Runs the commands of every page about this program, from a fresh home.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")
)]

mod recording;

use std::path::Path;

use queue_testing::docs;

#[test]
fn every_page_runs_from_its_first_line_to_its_last() {
    docs::type_pages_about(Path::new(env!("CARGO_BIN_EXE_workflow-queue")));
}
