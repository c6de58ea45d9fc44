//! Decisions about the total of all logs: when to add it up, and which logs are cut.

/// Bytes that a file takes at least: a block of most file systems.
const BLOCK_BYTES: u64 = 4096;

/// Extent to which a log is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Head and tail stay.
    Short,
    /// Only the number of bytes stays.
    Note,
    /// Nothing stays.
    Removed,
}

impl Cut {
    /// All cuts. A cut is made only once all ended logs have the one before.
    const ALL: [Self; 3] = [Self::Short, Self::Note, Self::Removed];

    /// Bytes that a log takes at most after the cut.
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::Short => 64 << 10,
            Self::Note => BLOCK_BYTES,
            Self::Removed => 0,
        }
    }
}

/// Bytes that a file of that length takes on a disk.
pub(super) const fn occupied(length: u64) -> u64 {
    length.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

/// Total to which logs are cut once they exceed `most`: below it, so that they are not added up again
/// with the next log.
pub(super) const fn target(most: u64) -> u64 {
    most - most / 10
}

/// Returns true if the logs are to be added up: never yet, after a sixteenth of the total was added,
/// since other workers may have added as much, and once the total is exceeded, but not for every
/// small log.
pub(super) fn is_due(known: Option<u64>, added: u64, most: u64) -> bool {
    known.is_none_or(|known| {
        let exceeded = known.saturating_add(added) > most;
        added > most / 16 || (exceeded && added >= most / 256)
    })
}

/// Cuts logs until they take `target` bytes at most. `sizes` has the bytes of each, the oldest
/// first. `cut` cuts one log and returns its new size, or `None` if it stays as it is. Returns the
/// new total.
pub(super) fn reduce(
    sizes: &mut [u64],
    target: u64,
    mut cut: impl FnMut(usize, Cut) -> Option<u64>,
) -> u64 {
    let mut total: u64 = sizes.iter().sum();
    for extent in Cut::ALL {
        for (index, size) in sizes.iter_mut().enumerate() {
            if total <= target {
                return total;
            }
            if *size > extent.bytes()
                && let Some(new) = cut(index, extent)
            {
                total = total - *size + new;
                *size = new;
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cut, is_due, occupied, reduce, target};

    const SHORT: u64 = 64 << 10;

    /// Cuts made in `sizes`, and the total afterwards.
    fn cuts(sizes: &[u64], target: u64) -> (Vec<(usize, Cut)>, u64) {
        let mut made = Vec::new();
        let total = reduce(&mut sizes.to_vec(), target, |index, cut| {
            made.push((index, cut));
            Some(cut.bytes())
        });
        (made, total)
    }

    #[test]
    fn the_oldest_long_logs_are_shortened_until_the_rest_fits() {
        let sizes = [4096, 1 << 20, SHORT, 1 << 20, 1 << 20];
        let (made, total) = cuts(&sizes, 3 << 19);
        assert_eq!(made, [(1, Cut::Short), (3, Cut::Short)]);
        assert_eq!(total, 4096 + 3 * SHORT + (1 << 20));
    }

    #[test]
    fn logs_are_removed_only_once_all_are_as_short_as_possible() {
        let sizes = [SHORT, 1 << 20, 4096];
        let (made, _) = cuts(&sizes, SHORT);
        let expected = [(1, Cut::Short), (0, Cut::Note), (1, Cut::Note)];
        assert_eq!(made, expected);
        let (made, total) = cuts(&sizes, 4096);
        assert_eq!(made[3..], [(0, Cut::Removed), (1, Cut::Removed)]);
        assert_eq!(total, 4096);
    }

    #[test]
    fn logs_are_added_up_at_first_and_then_after_every_sixteenth() {
        let most = 1 << 30;
        assert!(is_due(None, 0, most));
        assert!(!is_due(Some(0), most / 16, most));
        assert!(is_due(Some(0), most / 16 + 1, most));
        assert!(!is_due(Some(most), 4096, most));
        assert!(is_due(Some(most), most / 256, most));
    }

    proptest! {
        #[test]
        fn the_total_is_kept_unless_logs_stay(
            sizes in proptest::collection::vec((0..40_u32, any::<bool>()), 0..40),
            target in 0..1_u64 << 22,
        ) {
            let logs: Vec<u64> = sizes.iter().map(|(blocks, _)| u64::from(*blocks) * 16_384).collect();
            let mut left = logs.clone();
            let total = reduce(&mut left, target, |index, cut| sizes[index].1.then_some(cut.bytes()));
            prop_assert_eq!(total, left.iter().sum::<u64>());
            let stays: u64 = logs.iter().zip(&sizes).filter(|(_, log)| !log.1).map(|(size, _)| size).sum();
            prop_assert!(total <= target.max(stays));
            prop_assert!(left.iter().zip(&logs).all(|(new, old)| new <= old));
        }

        #[test]
        fn a_file_takes_whole_blocks(length in 0..1_u64 << 50) {
            prop_assert!(occupied(length) >= length);
            prop_assert!(occupied(length) < length + 4096);
            prop_assert!(target(length) <= length);
        }
    }
}
