//! A task's dependencies as one value, the content of `queue_upstream.tasks`. Pure.
//!
//! Each edge is a variable-length number (seven bits a byte, the lowest first): the distance from
//! the dependent's id down to the dependency's, with its sign in the lowest bit, above three bits
//! of condition. Tasks of one workflow lie close together, so an edge takes two or three bytes.

use queue_core::error::{Error, Result};
use queue_core::task::TaskId;
use queue_core::workflow::Condition;

/// Shift of the last byte of the longest number: 64 bits of distance above three of condition.
const LAST_SHIFT: u32 = 63;

/// The stored form of a task's dependencies.
pub(crate) fn encode(
    dependent: TaskId,
    dependencies: impl IntoIterator<Item = (TaskId, Condition)>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (task, condition) in dependencies {
        let distance = dependent.0.wrapping_sub(task.0);
        let zigzag = ((distance << 1) ^ (distance >> 63)).cast_unsigned();
        let mut number = u128::from(zigzag) << 3 | u128::from(condition as u8);
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push((number & 0x7f) as u8);
    }
    bytes
}

/// A task's dependencies, from their stored form.
///
/// # Errors
/// [`Error::Bug`] for bytes that [`encode`] did not write.
pub(crate) fn decode(dependent: TaskId, bytes: &[u8]) -> Result<Vec<(TaskId, Condition)>> {
    let mut dependencies = Vec::new();
    let mut number = 0_u128;
    let mut shift = 0;
    for byte in bytes {
        if shift > LAST_SHIFT {
            return Err(damaged(dependent));
        }
        number |= u128::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 != 0 {
            continue;
        }
        let condition = i64::try_from(number & 7)
            .ok()
            .and_then(Condition::from_code);
        let zigzag = u64::try_from(number >> 3).ok();
        let (Some(condition), Some(zigzag)) = (condition, zigzag) else {
            return Err(damaged(dependent));
        };
        let distance = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        dependencies.push((TaskId(dependent.0.wrapping_sub(distance)), condition));
        (number, shift) = (0, 0);
    }
    if shift != 0 {
        return Err(damaged(dependent));
    }
    Ok(dependencies)
}

fn damaged(dependent: TaskId) -> Error {
    Error::Bug {
        what: format!("the stored dependencies of task {dependent} cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use super::{decode, encode};

    proptest! {
        #[test]
        fn dependencies_come_back_as_they_were(
            dependent: i64,
            edges in prop::collection::vec((any::<i64>(), 0..3_i64), 0..20),
        ) {
            let edges: Vec<_> = edges
                .into_iter()
                .map(|(task, code)| (TaskId(task), Condition::from_code(code).unwrap()))
                .collect();
            let stored = encode(TaskId(dependent), edges.clone());
            prop_assert_eq!(decode(TaskId(dependent), &stored).unwrap(), edges);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(TaskId(7), &bytes);
        }
    }

    #[test]
    fn bytes_that_encode_no_edge_are_refused() {
        let longest = encode(TaskId(0), [(TaskId(i64::MIN), Condition::Any)]);
        assert_eq!(longest.len(), 10);
        let (last, rest) = longest.split_last().unwrap();
        let longer = [rest, &[last | 0x80, 0]].concat();
        let wider = [rest, &[last | 0x10]].concat();
        for bytes in [&longest[..9], &longer, &wider, &[7]] {
            let error = decode(TaskId(0), bytes).unwrap_err();
            assert!(error.to_string().contains("of task 0"), "{error}");
        }
    }

    #[test]
    fn a_neighbour_takes_one_byte() {
        assert_eq!(
            encode(TaskId(1_000_000), [(TaskId(999_999), Condition::Any)]).len(),
            1
        );
    }
}
