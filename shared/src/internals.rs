//! Parts of this package that only tests of its workspace reach: queue-testing, the fuzz targets, the
//! proofs, and the engines' and this package's own tests. They exist with the feature `internals`,
//! which no product turns on, and change without notice.

/// Private parsers and writers, for tests that hand them any bytes.
pub mod fuzzing {
    #[cfg(feature = "cli")]
    pub use crate::cli::fuzzing::{exit_code, task_lines, unit, variable};
    pub use crate::runtime::fuzzing::capture;
}
