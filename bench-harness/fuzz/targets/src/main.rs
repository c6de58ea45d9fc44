//! A target of `queue-fuzz` under libFuzzer, named by `FUZZ_TARGET`.
#![no_main]

use std::sync::LazyLock;

use queue_fuzz::{Check, TARGETS, target};

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    target(&name).unwrap_or_else(|| panic!("set FUZZ_TARGET to one of {}", names.join(", ")))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| CHECK(bytes));
