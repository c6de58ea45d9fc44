//! Events of a task that its row tells of, for files without a log.

use super::{Event, EventKind};
use crate::state::State;
use crate::task::Task;

/// The enqueue of a task, the start of its last execution and its end, as far as there are any.
pub fn of_task(task: &Task) -> Vec<Event> {
    let about = |kind, at| Event {
        task: Some(task.id),
        queue: Some(task.queue.clone()),
        ..Event::new(kind, at)
    };
    let mut events = vec![about(EventKind::Enqueued, task.created_at)];
    let execution = |event: Event| Event {
        token: Some(task.token),
        attempt: Some(task.attempt),
        worker: task.worker,
        ..event
    };
    if let Some(started_at) = task.started_at {
        let start = execution(about(EventKind::Started, started_at));
        events.push(Event {
            state: Some(State::Running),
            ..start
        });
    }
    let kind = match task.state {
        State::Succeeded => EventKind::Succeeded,
        State::Failed => EventKind::Failed,
        State::Cancelled => EventKind::Cancelled,
        State::Skipped => EventKind::Skipped,
        State::Scheduled | State::Blocked | State::Queued | State::Running => return events,
    };
    let Some(finished_at) = task.finished_at else {
        return events;
    };
    let end = about(kind, finished_at);
    events.push(Event {
        state: Some(task.state),
        since: task.started_at,
        exit_code: task.exit_code,
        signal: task.signal,
        reason: task.reason,
        cpu_us: task.usage.cpu_us,
        rss_kb: task.usage.rss_kb,
        message: task.message.clone(),
        ..task.started_at.map_or(end.clone(), |_| execution(end))
    });
    events
}
