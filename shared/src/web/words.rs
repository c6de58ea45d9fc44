//! Words of pages: texts of tasks made visible, times, reasons to wait.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::queue::Waits;
use crate::state::State;
use crate::task::Task;
pub(super) use crate::text::moment::took;
pub(super) use crate::text::tasks::changed_at;
use crate::text::{escape, moment, waiting};

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

/// Reason for a task to wait as a sentence, with a link to the task that it names.
pub(super) fn waits(one: &Waits, task: &Task, root: &str, now: Timestamp) -> Markup {
    let text = sentence(&waiting::clause(one, task, now));
    if let Waits::Dependency { task, .. } = one
        && let Some(rest) = text.strip_prefix(&format!("Task {task} "))
    {
        return html! { a href={ (root) "tasks/" (task) } { "Task " (task) } " " (rest) };
    }
    html! { (text) }
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
