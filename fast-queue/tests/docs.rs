//! Every shell block of the pages about this program is run.

use std::path::Path;

#[path = "../../shared/tests/docs/mod.rs"]
mod docs;

#[test]
fn every_shell_block_does_what_its_page_says() {
    let program = Path::new(env!("CARGO_BIN_EXE_fast-queue"));
    docs::run_all(program, Path::new(env!("CARGO_MANIFEST_DIR")));
}
