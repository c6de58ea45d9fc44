//! The loop that adds new events to the sums of the file, and judges its alerts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::dashboard::Dashboard;
use crate::queue::Queue;
use crate::watch::judge_alerts;

/// Interval between two folds: each is a commit.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Number of folds between two judgements of alerts.
const JUDGE_EVERY: u32 = 3;

/// Steps of one fold, each of 10,000 events.
const STEPS: usize = 20;

/// Folds what is new in a file with a log, and judges its alerts. Never ends.
pub(super) async fn fold<Q: Queue>(dashboard: Arc<Dashboard<Q>>) -> Infallible {
    let (mut seen, mut round) = (None, 0_u32);
    let watched = dashboard.options.watchdog.watch("sums");
    loop {
        watched.moved();
        tokio::time::sleep(FOLD_EVERY).await;
        round = round.wrapping_add(1);
        if round.is_multiple_of(JUDGE_EVERY) {
            let own = Arc::clone(&dashboard);
            // The next judgement finds what this one could not store.
            let _ = tokio::task::spawn_blocking(move || judge_alerts(&own.queue)).await;
        }
        let own = Arc::clone(&dashboard);
        // A file that cannot be written now is tried again.
        if let Ok(Ok(change)) = tokio::task::spawn_blocking(move || step(&own.queue, seen)).await {
            seen = change;
        }
    }
}

/// Folds unless nothing has changed. Returns the change counter once nothing is left.
fn step<Q: Queue>(queue: &Q, seen: Option<i64>) -> crate::Result<Option<i64>> {
    let change = queue.change_counter()?;
    if seen == Some(change) || !queue.keeps_log() {
        return Ok(Some(change));
    }
    Ok(queue.fold(STEPS)?.then_some(change))
}
