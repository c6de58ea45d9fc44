//! Words for the resources that an attempt used.

use std::time::Duration;

use super::{moment, size};
use crate::usage::Usage;

/// Processor time: `0.6ms`, `250ms`, `1.5s`, `2h5m`.
pub fn cpu(usage: Usage) -> Option<String> {
    let micros = usage.cpu_us?;
    Some(match micros {
        0..1_000 => format!("0.{}ms", micros / 100),
        1_000..1_000_000 => format!("{}ms", micros / 1_000),
        1_000_000.. => moment::rough(Duration::from_micros(micros)),
    })
}

/// Peak memory: `96.4 MiB`.
pub fn memory(usage: Usage) -> Option<String> {
    Some(size::rough(usage.rss_kb?.saturating_mul(1 << 10)))
}

#[cfg(test)]
mod tests {
    use super::{cpu, memory};
    use crate::usage::Usage;

    #[test]
    fn a_usage_is_shown_in_the_unit_that_fits() {
        let shown = |micros| cpu(Usage::new(Some(micros), None)).unwrap();
        assert_eq!(shown(0), "0.0ms");
        assert_eq!(shown(620), "0.6ms");
        assert_eq!(shown(250_900), "250ms");
        assert_eq!(shown(1_540_000), "1.5s");
        assert_eq!(shown(7_500_000_000), "2h5m");
        let kept = memory(Usage::new(None, Some(98_765)));
        assert_eq!(kept.unwrap(), "96.4 MiB");
        assert_eq!(
            (cpu(Usage::default()), memory(Usage::default())),
            (None, None)
        );
    }
}
