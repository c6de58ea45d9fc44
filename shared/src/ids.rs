//! Ids of tasks and workers, and the claim that ties a task to a worker.

use std::fmt;

/// Number of a task in its file: counts from 1 and is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Id of a worker: 63 random bits, so that no two workers share one, not even across restored
/// backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub i64);

impl WorkerId {
    /// Makes a positive id of random `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits >> 1).cast_signed() | 1)
    }

    /// Parses an id as it is shown; `None` if the text is not an id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = i64::from_str_radix(text, 16).ok().filter(|_| is_id)?;
        Some(Self(number))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Ownership of a task for one execution. Every write on its behalf checks all three fields, so a
/// worker that lost its claim changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The claimed task.
    pub task: TaskId,
    /// Fencing token: raised at every claim, never lowered.
    pub token: i64,
    /// Worker that claimed it.
    pub worker: WorkerId,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::WorkerId;

    proptest! {
        #[test]
        fn an_id_of_any_bits_is_positive_and_reads_back(bits: u64) {
            let id = WorkerId::from_bits(bits);
            prop_assert!(id.0 > 0);
            prop_assert_eq!(id.0.cast_unsigned(), bits >> 1 | 1);
            prop_assert_eq!(WorkerId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn text_that_is_no_id_is_not_parsed() {
        for text in [
            "",
            "7",
            "+000000000000007",
            "00000000000000007",
            "000000000000000g",
        ] {
            assert_eq!(WorkerId::parse(text), None, "{text}");
        }
    }
}
