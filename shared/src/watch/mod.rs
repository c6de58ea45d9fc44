//! Health, metrics and alerts of a file, its workers and its machine: readings that take some milliseconds
//! however many tasks there are, their judgement, and their text for monitors. Events as programs read
//! them, and their delivery to hooks.

mod alert;
mod alerts;
mod check_view;
pub mod deliver;
pub mod event_view;
mod exposition;
mod health;
mod machine;
pub(crate) mod metrics;
mod readings;
mod watchdog;

use std::time::Duration;

pub use alerts::judge_alerts;
pub use check_view::CheckView;
pub use exposition::{Family, MetricKind, MetricsFormat};
pub use health::{Check, Level, Measure, judge, worst};
pub use metrics::{FAMILIES, MOST_LABELS, Metrics, OTHERS};
pub use readings::Readings;
pub use watchdog::{Watchdog, WatchedLoop};

use crate::queue::Queue;

/// Time to write and sync 4 KiB beside the file of a queue; `None` if this user may not.
pub fn sync_time<Q: Queue>(queue: &Q) -> Option<Duration> {
    machine::sync(queue.coordination().folder())
}
