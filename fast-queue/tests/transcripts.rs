//! Runs every page of transcripts, which are the reference of the command line.

use std::path::Path;

use queue_testing::transcripts;

#[test]
fn every_transcript_matches_the_program() {
    let program = Path::new(env!("CARGO_BIN_EXE_fast-queue"));
    transcripts::run_all(program, Path::new(env!("CARGO_MANIFEST_DIR")));
}
