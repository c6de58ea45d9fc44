//! The common half of both command lines.
