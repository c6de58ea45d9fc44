//! Notes of tests that lack a program or a right.

use std::io::Write as _;

/// Prints that a test is skipped because a program is missing. `.ci/run` installs all of them, so
/// in CI this fails.
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{why}, and CI skips nothing that can be installed"
    );
    not_permitted(why);
}

/// Prints that a test is skipped because this user lacks a right, which CI need not have.
pub fn not_permitted(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
