//! Words of pages: texts of tasks made visible, times, reasons to wait.

use std::borrow::Cow;
use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::queue::Waits;
use crate::state::State;
use crate::task::Task;
use crate::text::{escape, moment};
use crate::workflow::Condition;

/// Most characters of a name or a command in a table.
const MOST_CHARS: usize = 120;

/// Text of a task in one line: controls and bidirectional marks are shown as escapes.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    escape::line(text)
}

/// As [`line`], cut for a table. The whole text is its title.
pub(super) fn cell(text: &str) -> Markup {
    let whole = line(text);
    if whole.chars().count() <= MOST_CHARS {
        return html! { span.text dir="auto" { (whole) } };
    }
    let cut: String = whole.chars().take(MOST_CHARS).collect();
    html! { span.text dir="auto" title=(whole) { (cut) "…" } }
}

/// A clause as a sentence begins and ends.
pub(super) fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    line(&format!("{}{}.", first.unwrap_or_default(), chars.as_str())).into_owned()
}

/// A point in time as a distance from now, with the local time as its title.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let exact = moment::shown(at, &TimeZone::system());
    html! { time datetime=(moment::iso(at)) title=(exact) { (moment::relative(at, now)) } }
}

/// As [`ago`], or a dash.
pub(super) fn ago_or_dash(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @if let Some(at) = at { (ago(at, now)) } @else { span.dim { "–" } }
    }
}

/// State of a task as a chip. A held task says so.
pub(super) fn chip(task: &Task) -> Markup {
    let word = if task.held_at.is_some() {
        "held"
    } else {
        task.state.as_str()
    };
    html! { span class={ "chip s-" (task.state) } { (word) } }
}

/// A state as a chip.
pub(super) fn state_chip(state: State) -> Markup {
    html! { span class={ "chip s-" (state) } { (state) } }
}

/// A count with its thousands apart: `1 234 567`.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 task`, `2 tasks`.
pub(super) fn tasks(count: u64) -> String {
    if count == 1 {
        "1 task".to_owned()
    } else {
        format!("{} tasks", number(count))
    }
}

/// A duration, in milliseconds below a second.
pub(super) fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis())
    } else {
        moment::rough(duration)
    }
}

/// Time of a task's last change; of a scheduled one, the time it starts.
pub(super) fn changed_at(task: &Task) -> Option<Timestamp> {
    match task.state {
        State::Scheduled => task.run_at,
        State::Blocked | State::Queued => Some(task.created_at),
        State::Running => task.started_at,
        State::Succeeded | State::Failed | State::Cancelled | State::Skipped => task.finished_at,
    }
}

/// Reason to wait, as a sentence with links.
pub(super) fn waits(one: &Waits, root: &str, now: Timestamp) -> Markup {
    let name = |name: &[u8]| line(&String::from_utf8_lossy(name)).into_owned();
    match one {
        Waits::Time { run_at, .. } if *run_at <= now => html! { "Its time has come." },
        Waits::Time {
            run_at,
            retry: true,
        } => html! { "Its next attempt starts " (ago(*run_at, now)) "." },
        Waits::Time { run_at, .. } => html! { "It starts " (ago(*run_at, now)) "." },
        Waits::Held { since } => {
            html! { "It was held " (ago(*since, now)) "; release it to let it run." }
        }
        Waits::Paused { since } => html! { "Its queue was paused " (ago(*since, now)) "." },
        Waits::Behind { tasks: before, .. } => {
            html! { (tasks(*before)) " of its queue will be taken before it." }
        }
        Waits::Dependency {
            task,
            state,
            condition,
        } => {
            let how = match condition {
                Condition::Success => "succeed",
                Condition::Failure => "fail",
                Condition::Any => "end",
            };
            html! {
                a href={ (root) "tasks/" (task) } { "Task " (task) }
                @if state.is_terminal() {
                    " had to " (how) " first, but it " (state.standing()) "."
                }
                @else { " has to " (how) " first; it " (state.standing()) "." }
            }
        }
        Waits::Dependencies { more } => {
            html! { (number(*more)) " more dependencies have to end first." }
        }
        Waits::Limit {
            name: limit,
            running,
            bound,
            ahead,
        } => html! {
            "Limit " (name(limit)) " allows "
            @match bound { Some(bound) => { (number(*bound)) } None => { "any number" } }
            " at once; " (number(*running)) @if *running == 1 { " is" } @else { " are" }
            " running."
            @if *ahead > 0 { " " (tasks(*ahead)) " under it before this one." }
        },
        Waits::Unserved => html! { "No worker is running that can run it." },
        Waits::Rate {
            name: limit,
            more_at,
        } => html! {
            "Limit " (name(limit)) " lets no more start for now"
            @if let Some(at) = more_at { "; the next may " (ago(*at, now)) }
            "."
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{cell, number};

    #[test]
    fn nothing_of_a_task_is_markup_or_changes_the_direction_of_its_page() {
        let shown = cell("<script>alert('x')</script>\u{202e}\x1b[31m&\"").into_string();
        assert!(!shown.contains("<script"), "{shown}");
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
        assert!(shown.contains("\\u{202e}\\x1b[31m&amp;&quot;"), "{shown}");
    }

    #[test]
    fn a_long_name_is_cut_and_kept_as_a_title() {
        let shown = cell(&"<".repeat(200)).into_string();
        assert_eq!(shown.matches("&lt;").count(), 200 + 120);
        assert!(cell("short").into_string().contains(">short<"));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(7), "7");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
