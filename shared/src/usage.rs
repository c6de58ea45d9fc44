//! Processor time and memory that a command took.

/// Peaks within this part of the worker's own, a fraction of its denominator, are not told from it:
/// the system counts the pages of a process with several threads only roughly.
const DOUBT_DIVISOR: u64 = 8;
/// The least of that doubt, in KiB.
const DOUBT_KB: u64 = 1 << 10;

/// Resources that the command of an attempt used. It includes the processes that the command started
/// and waited for. Handlers run within their worker, and have no figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processor time, in user and system mode together, in microseconds.
    pub cpu_us: Option<u64>,
    /// Peak memory of its largest process, in KiB. `None` if that is not above the peak of the worker
    /// itself: a command begins in the memory of its worker, so that the system counts that too.
    pub rss_kb: Option<u64>,
}

impl Usage {
    /// Makes a usage of these figures.
    pub fn new(cpu_us: Option<u64>, rss_kb: Option<u64>) -> Self {
        Self { cpu_us, rss_kb }
    }

    /// The usage of a command from the system's figures. `worker_kb` is the peak of the process in
    /// whose memory it began.
    pub(crate) fn measured(cpu_us: u64, peak_kb: u64, worker_kb: u64) -> Self {
        let doubt = (worker_kb / DOUBT_DIVISOR).max(DOUBT_KB);
        let is_own = peak_kb > worker_kb.saturating_add(doubt);
        Self {
            cpu_us: Some(cpu_us),
            rss_kb: is_own.then_some(peak_kb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn a_peak_counts_only_if_it_is_clearly_above_the_workers() {
        let known = |peak_kb, worker_kb| Usage::measured(1, peak_kb, worker_kb).rss_kb;
        assert_eq!(known(10_000, 10_000), None);
        assert_eq!(known(11_000, 10_000), None, "the system counts roughly");
        assert_eq!(known(12_000, 10_000), Some(12_000));
        assert_eq!(known(330_000, 300_000), None);
        assert_eq!(known(340_000, 300_000), Some(340_000));
        assert_eq!(known(u64::MAX, u64::MAX), None);
    }
}
