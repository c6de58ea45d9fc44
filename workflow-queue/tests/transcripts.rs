//! The pages of transcripts are the reference of the command line; every one is run.

use std::path::Path;

use queue_testing::transcripts;

#[test]
fn every_page_says_what_the_program_does() {
    let program = Path::new(env!("CARGO_BIN_EXE_workflow-queue"));
    transcripts::run_all(program, Path::new(env!("CARGO_MANIFEST_DIR")));
}
