//! Tests that need something of the machine.

use std::io::Write as _;

/// Says that a test is skipped, for want of a program that `.ci/run` installs: there it fails.
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{why}, and CI skips nothing that can be installed"
    );
    not_permitted(why);
}

/// Says that a test is skipped, for want of a right of this user, which CI need not have.
pub fn not_permitted(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
