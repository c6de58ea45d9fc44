//! Types every page about this program in a fresh home.

use std::path::Path;

use queue_testing::docs;

#[test]
fn every_page_runs_from_its_first_line_to_its_last() {
    docs::type_pages_about(Path::new(env!("CARGO_BIN_EXE_fast-queue")));
}
