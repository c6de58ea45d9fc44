//! Looks at the file for live updates.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;

use super::dashboard::Dashboard;
use crate::queue::Queue;
use crate::state::State;

/// Time between two looks at the file while somebody watches, and shortest time between two events.
const LOOK_EVERY: Duration = Duration::from_millis(80);

/// Time added to it for each stream after an event: a thousand streams have one event in a second, so that
/// they take no more of the processor than a few do.
const PER_STREAM: Duration = Duration::from_millis(1);

/// Looks at the file while somebody watches, and sends an event when something has changed. Never ends.
pub(super) async fn watch<Q: Queue>(dashboard: Arc<Dashboard<Q>>) -> Infallible {
    let mut seen = None;
    let watched = dashboard.options.watchdog.watch("updates");
    loop {
        watched.moved();
        tokio::time::sleep(LOOK_EVERY).await;
        if dashboard.hub.streams() == 0 {
            seen = None;
            continue;
        }
        let looking = Arc::clone(&dashboard);
        let look = move || event(&looking, seen);
        // A file that cannot be read now is looked at again.
        if let Ok(Ok(Some((change, event)))) = tokio::task::spawn_blocking(look).await {
            seen = change;
            dashboard.hub.send(event);
            let streams = u32::try_from(dashboard.hub.streams()).unwrap_or(u32::MAX);
            tokio::time::sleep(PER_STREAM.saturating_mul(streams)).await;
        }
    }
}

/// The event about the file as it is, unless that was seen, and the change that it shows; none if its
/// counts are older, so that another event has to follow.
fn event<Q: Queue>(
    dashboard: &Dashboard<Q>,
    seen: Option<i64>,
) -> crate::Result<Option<(Option<i64>, Bytes)>> {
    let looked_at = dashboard.queue.now().boot;
    let change = dashboard.queue.change_counter()?;
    if seen == Some(change) {
        return Ok(None);
    }
    let (summary, is_old) = dashboard.counts.get(&dashboard.queue)?;
    let is_read = is_old || summary.is_cheap();
    let summary = if is_read {
        dashboard.counts.read(&dashboard.queue)?
    } else {
        summary
    };
    let mut counts = serde_json::Map::new();
    for state in State::ALL {
        counts.insert(state.to_string(), summary.stats.count(state).into());
    }
    let data = serde_json::Value::Object(counts);
    let text = format!("id: {change}\nevent: counts\ndata: {data}\n\n");
    let shown = (is_read || summary.read_at > looked_at).then_some(change);
    Ok(Some((shown, text.into())))
}
