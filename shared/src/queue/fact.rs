//! Facts that only one engine knows of a task.

use crate::clock::Timestamp;
use crate::task::TaskId;

/// Fact that only one engine knows of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fact {
    /// Name, as of a field.
    pub name: &'static str,
    /// Value; `None` if it was never set.
    pub value: Option<FactValue>,
}

impl Fact {
    /// Makes a fact of that name.
    pub fn new(name: &'static str, value: Option<FactValue>) -> Self {
        Self { name, value }
    }
}

/// Value of a [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactValue {
    /// Id of another task.
    Task(TaskId),
    /// Point in time.
    Time(Timestamp),
    /// Key: arbitrary bytes.
    Key(Vec<u8>),
    /// Name.
    Name(String),
}
