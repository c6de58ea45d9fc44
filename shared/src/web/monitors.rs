//! Answers for monitors and probes: metrics and health. A program sends the token in its header
//! `Authorization: Bearer TOKEN`.

use std::sync::Arc;

use axum::http::StatusCode;

use super::dashboard::Dashboard;
use super::reply::{Problem, Reply};
use super::request::Request;
use crate::queue::Queue;
use crate::watch::{
    Check, CheckView, Level, Metrics, MetricsFormat, Readings, Watchdog, judge, worst,
};

/// Steps of a fold before metrics are read, each of 10,000 events; a loop folds the rest.
const STEPS: usize = 4;

/// Metrics in the format that the client accepts.
pub(super) fn metrics<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let queue = &dashboard.queue;
    if dashboard.writes() {
        // On a full disk, or while another program holds the file, the rest is needed all the more.
        let _ = queue.fold(STEPS);
    }
    let form = MetricsFormat::accepted(request.accept.as_deref());
    let metrics = Metrics::read(queue, dashboard.options.program)?;
    let text = metrics.sync(dashboard.sync.get(queue)).text(form);
    Ok(Reply::text(text).with("content-type", form.content_type()))
}

/// Every check as JSON. The status is 503 if one is critical.
pub(super) fn health<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    _: &Request,
) -> Result<Reply, Problem> {
    let checks = judge(&Readings::take(&dashboard.queue)?);
    let program = dashboard.options.program;
    let view = |check| Check::view(check, |verb| format!("`{program} {verb}`"));
    let views: Vec<CheckView<'_>> = checks.iter().map(view).collect();
    let text = format!("{}\n", serde_json::json!(views));
    let reply = Reply::text(text).with("content-type", "application/json");
    Ok(match worst(&checks) {
        Level::Critical => reply.status(StatusCode::SERVICE_UNAVAILABLE),
        Level::Ok | Level::Warning => reply,
    })
}

/// Tells if the file can be read; not why it cannot, since anybody may ask.
pub(super) fn ready<Q: Queue>(dashboard: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    if dashboard.queue.backlog().is_ok() {
        return Reply::text("ready\n".to_owned());
    }
    Reply::text("not ready\n".to_owned()).status(StatusCode::SERVICE_UNAVAILABLE)
}

/// Tells if every loop of the process moves. Reads nothing of the file.
pub(super) fn live<Q>(dashboard: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    liveness(&dashboard.options.watchdog)
}

fn liveness(watchdog: &Watchdog) -> Reply {
    let stopped = watchdog.stopped();
    if stopped.is_empty() {
        return Reply::text("live\n".to_owned());
    }
    let text = format!("stopped: {}\n", stopped.join(", "));
    Reply::text(text).status(StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::liveness;
    use crate::watch::Watchdog;

    #[test]
    fn a_probe_is_told_of_a_loop_that_has_stopped() {
        let watchdog = Watchdog::default();
        let status = || liveness(&watchdog).into_response().status().as_u16();
        let (hooks, _sums) = (watchdog.watch("hooks"), watchdog.watch("sums"));
        assert_eq!(status(), 200);
        for _ in 0..30 {
            watchdog.tick();
        }
        assert_eq!(status(), 503);
        hooks.moved();
        assert_eq!(status(), 503);
    }
}
