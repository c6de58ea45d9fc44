//! Runs the transcripts, which are the reference pages of the command line.

use std::path::Path;

use queue_testing::transcripts;

#[test]
fn every_transcript_matches_the_program() {
    let program = Path::new(env!("CARGO_BIN_EXE_workflow-queue"));
    transcripts::run_all(program, Path::new(env!("CARGO_MANIFEST_DIR")));
}
