//! Health of a file, its workers and its machine: readings that take some milliseconds however many
//! tasks there are, and their judgement.

mod health;
mod machine;
mod readings;

pub use health::{Check, Level, Measure, judge, worst};
pub use readings::Readings;
