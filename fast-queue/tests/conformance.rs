//! The suite that every engine passes, over fast-queue.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use common::Fast;

queue_testing::conformance_tests!(Fast);
