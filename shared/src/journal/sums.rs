//! Sums of a queue over a span of time, and their form in the database.

use super::{AttemptEnd, Histogram};

/// Version of the form.
const VERSION: u8 = 1;

/// Sums of one queue over a span of time. They stop at their largest value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sums {
    /// Number of enqueued tasks.
    pub enqueued: u64,
    /// Number of ended attempts by the code of [`AttemptEnd`].
    pub attempts: [u64; AttemptEnd::ALL.len()],
    /// Times from the moment at which an attempt could start to its start.
    pub wait: Histogram,
    /// Times from the start of an attempt to its end.
    pub run: Histogram,
    /// Processor times of attempts, of those that were measured.
    pub cpu: Histogram,
}

impl Sums {
    /// Number of attempts that ended so.
    pub fn ended(&self, end: AttemptEnd) -> u64 {
        self.attempts[end as usize]
    }

    /// Number of attempts that ended, whichever way.
    pub fn all_ended(&self) -> u64 {
        let all = self.attempts.iter();
        all.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds the sums of another span.
    pub fn add(&mut self, other: &Self) {
        self.enqueued = self.enqueued.saturating_add(other.enqueued);
        for (own, added) in self.attempts.iter_mut().zip(other.attempts) {
            *own = own.saturating_add(added);
        }
        self.wait.add(&other.wait);
        self.run.add(&other.run);
        self.cpu.add(&other.cpu);
    }

    /// The sums as bytes, some dozens.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        put(&mut bytes, self.enqueued);
        for count in self.attempts {
            put(&mut bytes, count);
        }
        for histogram in [&self.wait, &self.run, &self.cpu] {
            put(&mut bytes, histogram.sum_us());
            let counts = histogram.counts();
            let mask = (0..).zip(counts).filter(|(_, count)| **count > 0);
            put(&mut bytes, mask.fold(0, |mask, (bit, _)| mask | 1 << bit));
            let counts = counts.iter().filter(|count| **count > 0);
            counts.for_each(|count| put(&mut bytes, *count));
        }
        bytes
    }

    /// Sums from bytes; `None` if they hold none that this version knows.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut sums = Self {
            enqueued: take(&mut rest)?,
            ..Self::default()
        };
        for count in &mut sums.attempts {
            *count = take(&mut rest)?;
        }
        for histogram in [&mut sums.wait, &mut sums.run, &mut sums.cpu] {
            let (sum_us, mask) = (take(&mut rest)?, take(&mut rest)?);
            let mut counts = [0; Histogram::BUCKETS];
            if mask >> counts.len() != 0 {
                return None;
            }
            for (bit, count) in counts.iter_mut().enumerate() {
                if mask & 1 << bit != 0 {
                    *count = take(&mut rest).filter(|count| *count > 0)?;
                }
            }
            *histogram = Histogram::of(counts, sum_us);
        }
        rest.is_empty().then_some(sums)
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        // Of the tenth byte one bit is left.
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if first & 0x80 == 0 {
            // A number has one form: its last byte is not empty.
            return (shift == 0 || part > 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AttemptEnd, Histogram, Sums};

    fn sums() -> impl Strategy<Value = Sums> {
        let histogram = || {
            let counts = prop::array::uniform19(prop_oneof![Just(0), 0..300_u64, any::<u64>()]);
            (counts, any::<u64>()).prop_map(|(counts, sum)| Histogram::of(counts, sum))
        };
        let parts = (
            any::<u64>(),
            any::<[u64; AttemptEnd::ALL.len()]>(),
            histogram(),
            histogram(),
            histogram(),
        );
        parts.prop_map(|(enqueued, attempts, wait, run, cpu)| Sums {
            enqueued,
            attempts,
            wait,
            run,
            cpu,
        })
    }

    proptest! {
        #[test]
        fn sums_are_read_as_they_are_written(sums in sums()) {
            prop_assert_eq!(Sums::decode(&sums.encode()), Some(sums));
        }

        #[test]
        fn bytes_that_are_read_are_the_only_form_of_their_sums(
            mut bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Some(first) = bytes.first_mut() {
                *first = 1;
            }
            if let Some(sums) = Sums::decode(&bytes) {
                prop_assert_eq!(sums.encode(), bytes);
            }
        }
    }

    #[test]
    fn sums_of_another_version_are_not_read() {
        let mut bytes = Sums::default().encode();
        bytes[0] = 2;
        assert_eq!(Sums::decode(&bytes), None);
        assert_eq!(Sums::decode(&[]), None);
    }
}
