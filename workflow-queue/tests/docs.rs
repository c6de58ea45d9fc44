//! Every page about this program is typed from a fresh home.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")
)]

use std::path::Path;

#[path = "../../shared/tests/docs/mod.rs"]
mod docs;
#[path = "../../shared/tests/docs/pages.rs"]
mod pages;
mod recording;
#[path = "../../shared/tests/skipped/mod.rs"]
mod skipped;

#[test]
fn every_page_can_be_typed_from_its_first_line_to_its_last() {
    let program = Path::new(env!("CARGO_BIN_EXE_workflow-queue"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pages = pages::about(root, program);
    docs::type_each(root, program.parent().unwrap(), &pages);
}
