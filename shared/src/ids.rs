//! Ids of tasks and workers, and the claim that ties one to the other.

use std::fmt;

/// A task's number in its file: from 1 up, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A worker's name: 63 random bits, so that two workers never share one, not even across
/// restored backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub i64);

impl WorkerId {
    /// A positive id made of random `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits >> 1).cast_signed() | 1)
    }

    /// Reads an id as it is shown; `None` for what is none.
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

/// One execution's ownership of a task. Every write on its behalf checks all three fields, so a
/// worker that lost its claim changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The claimed task.
    pub task: TaskId,
    /// The fencing token: raised at every claim, never lowered.
    pub token: i64,
    /// Who claimed it.
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
    fn what_is_no_id_is_not_read() {
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
