//! Runs every page of transcripts, which are the reference of the command line.

use std::path::Path;

use queue_testing::transcripts;

#[test]
fn every_page_says_what_the_program_does() {
    let program = Path::new(env!("CARGO_BIN_EXE_fast-queue"));
    transcripts::run_all(program, Path::new(env!("CARGO_MANIFEST_DIR")));
}
