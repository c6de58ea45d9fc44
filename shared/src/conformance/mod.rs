//! One test suite for every [`Queue`](crate::Queue).
