//! Drawing of the screen: the state in, lines out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::super::overview::layout::sections;
use super::super::table::{Column, Table, cut, left, right, text};
use super::super::{escape, moment, tasks, usage};
use super::keys::{About, FileChange, Keys, Panel, Row, View};
use super::rates::Rates;
use super::reading::{Caption, Reading};
use crate::clock::Timestamp;
use crate::queue::QueueGauges;
use crate::queue::gauges::MOST_QUEUED;
use crate::state::State;
use crate::task::Task;

/// All that the screen shows.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) caption: &'a Caption,
    pub(super) reading: &'a Reading,
    /// `None` where no time has passed between two readings.
    pub(super) rates: Option<&'a Rates>,
    pub(super) keys: &'a Keys,
    /// Time to which ages are shown.
    pub(super) now: Timestamp,
    pub(super) color: bool,
}

/// Keys of the last line, the most important ones first.
const HINTS: [&str; 9] = [
    "q quit",
    "? help",
    "↑↓ select",
    "l log",
    "w why",
    "r retry",
    "c cancel",
    "p pause",
    "f filter",
];

const HELP: [&str; 16] = [
    "↑ ↓ k j         select a queue or a task",
    "Tab             go to the next section",
    "Home End        go to the first or the last row",
    "PgUp PgDn       ten rows up or down",
    "Esc             select nothing",
    "",
    "Enter l         the end of the task's output, as it comes",
    "w               why the task runs, or how it ended",
    "r               retry the failed task",
    "c               cancel the running task, after a question",
    "p               pause the queue, or resume it",
    "f               show one queue alone, or all again",
    "",
    "q Ctrl-C        quit; within a text, q closes it",
    "",
    "Rates are those of the last five seconds; - is one that cannot be told cheaply.",
];

/// Draws the screen into a buffer.
pub(super) fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let foot = foot(scene, width);
    let body = height.saturating_sub(1);
    let lines = match &scene.keys.view {
        View::Rows | View::Question(_) => rows(scene, Some(width), Some(body)),
        View::Help => help(scene),
        View::Text(panel) => text_of(scene, panel, body),
    };
    let mut put = |y: u16, line: &Line<'_>| {
        buffer.set_line(area.left(), y, line, area.width);
        buffer.set_style(Rect::new(area.left(), y, area.width, 1), line.style);
    };
    for (at, line) in (area.top()..).zip(lines.iter().take(body)) {
        put(at, line);
    }
    if height > 0 {
        put(area.bottom() - 1, &foot);
    }
}

/// The rows as plain text, all of them.
pub(super) fn plain(scene: &Scene<'_>, width: Option<usize>) -> String {
    let mut shown = String::new();
    for line in rows(scene, width, None) {
        let line = line.to_string();
        shown += line.trim_end();
        shown.push('\n');
    }
    shown
}

/// The caption, the numbers and the sections, in lines no wider than `width`.
fn rows(scene: &Scene<'_>, width: Option<usize>, height: Option<usize>) -> Vec<Line<'static>> {
    let reading = scene.reading;
    let mut lines = vec![caption(scene, width), counts(scene), standing(scene)];
    if !reading.alerts.is_empty() {
        let names: Vec<_> = reading
            .alerts
            .iter()
            .map(|name| escape::line(name))
            .collect();
        let text = format!("firing: {}", names.join(", "));
        lines.push(Line::styled(text, scene.bold(Color::Red)));
    }
    let is_new = reading.totals.enqueued == 0;
    if is_new {
        lines.push(Line::default());
        lines.push(Line::raw("There is no task yet; add-task adds one."));
    }
    let tables = [
        (queues(scene), Color::Reset),
        (running(scene), Color::Blue),
        (failed(scene), Color::Red),
    ];
    let lengths = [
        reading.queues.len(),
        reading.running.len(),
        reading.failed.len(),
    ];
    let room = height.map(|height| height.saturating_sub(lines.len()));
    let shares = sections(room, lengths);
    let mut before = 0;
    for (((table, color), length), share) in tables.into_iter().zip(lengths).zip(shares) {
        let selected = scene.selected().and_then(|at| at.checked_sub(before));
        let selected = selected.filter(|at| *at < length);
        before += length;
        if share > 0 {
            section(
                scene,
                (&table.render(width, false), color),
                share,
                selected,
                &mut lines,
            );
        }
    }
    lines
}

/// Adds an empty line, the headings and so many rows around the selected one.
fn section(
    scene: &Scene<'_>,
    (table, color): (&str, Color),
    share: usize,
    selected: Option<usize>,
    lines: &mut Vec<Line<'static>>,
) {
    let mut rows = table.lines().map(str::to_owned);
    lines.push(Line::default());
    lines.extend(
        rows.next()
            .map(|line| Line::styled(line, scene.bold(color))),
    );
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(share));
    for (index, row) in rows.enumerate().skip(first).take(share) {
        let style = if Some(index) == selected {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        };
        lines.push(Line::styled(row, style));
    }
}

impl Scene<'_> {
    /// Position of the selected row among all.
    fn selected(&self) -> Option<usize> {
        let selected = self.keys.selected.as_ref()?;
        Row::all(self.reading)
            .iter()
            .position(|row| row == selected)
    }

    fn bold(&self, color: Color) -> Style {
        self.painted(color).add_modifier(Modifier::BOLD)
    }

    fn painted(&self, color: Color) -> Style {
        if self.color && color != Color::Reset {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

/// The program and its file, and the time at the right.
fn caption(scene: &Scene<'_>, width: Option<usize>) -> Line<'static> {
    let caption = scene.caption;
    let mut name = format!("{}  {}", caption.program, escape::line(&caption.file));
    if let Some(only) = &scene.keys.only {
        name = format!("{name}  queue {}", escape::line(only));
    }
    if scene.keys.is_read_only {
        name += "  read-only";
    }
    let clock = caption.clock.as_str();
    let gap = match width {
        Some(width) => {
            let room = width.saturating_sub(clock.width() + 2);
            name = cut(&name, room).into_owned();
            width.saturating_sub(name.width() + clock.width())
        }
        None => 2,
    };
    let text = format!("{name}{}{clock}", " ".repeat(gap));
    Line::styled(text, scene.bold(Color::Reset))
}

/// Numbers of tasks by state.
fn counts(scene: &Scene<'_>) -> Line<'static> {
    // As in the tables of the other verbs.
    const SHOWN: [(State, Color); 5] = [
        (State::Queued, Color::Reset),
        (State::Running, Color::Blue),
        (State::Scheduled, Color::Cyan),
        (State::Blocked, Color::Cyan),
        (State::Failed, Color::Red),
    ];
    let mut spans = Vec::new();
    for (state, color) in SHOWN {
        let (count, is_bound) = scene.reading.count(state);
        let more = if is_bound { "+" } else { "" };
        let style = if count > 0 {
            scene.painted(color)
        } else {
            Style::new()
        };
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        let held = match scene.reading.held {
            held if held > 0 && state == State::Blocked => format!(" ({held} held)"),
            _ => String::new(),
        };
        spans.push(Span::styled(format!("{count}{more} {state}{held}"), style));
    }
    Line::from(spans)
}

/// Rates, the oldest queued task and the workers.
fn standing(scene: &Scene<'_>) -> Line<'static> {
    let reading = scene.reading;
    let since = reading.queues.iter().filter_map(|row| row.since).min();
    let oldest = since.map_or_else(|| "-".to_owned(), |since| age(since, scene.now));
    let slots = reading.slots;
    let workers = match reading.workers {
        0 => "no worker".to_owned(),
        1 => format!("1 worker, {slots} slots"),
        workers => format!("{workers} workers, {slots} slots"),
    };
    let rates = scene.rates.map_or_else(String::new, |rates| {
        let only = scene.keys.only.as_deref();
        let (enqueued, ended) = (or_dash(rates.enqueued(only)), or_dash(rates.ended(only)));
        format!("enqueued {enqueued}  ended {ended}  ")
    });
    Line::raw(format!("{rates}oldest {oldest}  {workers}"))
}

fn or_dash(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "-".to_owned())
}

fn age(since: Timestamp, now: Timestamp) -> String {
    moment::rough(moment::away(since.min(now), now))
}

fn queues(scene: &Scene<'_>) -> Table {
    const COUNTS: [Column; 7] = [
        right("QUEUED"),
        right("OLDEST"),
        right("RUNNING"),
        right("SCHEDULED").dropped(5),
        right("BLOCKED").dropped(4),
        right("HELD").dropped(6),
        right("FAILED").dropped(2),
    ];
    const RATES: [Column; 2] = [right("ENQUEUED").dropped(1), right("ENDED").dropped(1)];
    let rates = scene.rates.filter(|_| scene.reading.has_queue_rates);
    let mut columns = COUNTS.to_vec();
    columns.extend(rates.iter().flat_map(|_| RATES));
    columns.extend([left("CLAIMS").dropped(3), text("QUEUE")]);
    let mut table = Table::new(&columns);
    for row in &scene.reading.queues {
        let count = |state| row.count(state).to_string();
        let oldest = row.since.map(|since| age(since, scene.now));
        let claims = if row.is_paused { "paused" } else { "open" };
        let name = &row.name;
        let mut cells = vec![
            queued(row),
            or_dash(oldest),
            count(State::Running),
            count(State::Scheduled),
            count(State::Blocked),
            row.held.to_string(),
            count(State::Failed),
        ];
        if let Some(rates) = rates {
            cells.push(or_dash(rates.enqueued(Some(name))));
            cells.push(or_dash(rates.ended(Some(name))));
        }
        cells.extend([claims.to_owned(), name.clone()]);
        table.cells(cells.iter().map(String::as_str));
    }
    table
}

/// Number of queued tasks; `+` if they are more than are counted.
fn queued(row: &QueueGauges) -> String {
    let count = row.count(State::Queued);
    let more = if count >= MOST_QUEUED { "+" } else { "" };
    format!("{count}{more}")
}

fn running(scene: &Scene<'_>) -> Table {
    const COLUMNS: [Column; 5] = [
        right("RUNNING"),
        right("ELAPSED"),
        left("WORKER").dropped(1),
        text("QUEUE").dropped(2),
        text("COMMAND"),
    ];
    let mut table = Table::new(&COLUMNS);
    for (task, worker) in &scene.reading.running {
        let since = task.started_at.unwrap_or(scene.now);
        table.row([
            &task.id.to_string(),
            &age(since, scene.now),
            worker,
            &task.queue,
            &tasks::label(task),
        ]);
    }
    table
}

fn failed(scene: &Scene<'_>) -> Table {
    const COLUMNS: [Column; 6] = [
        right("FAILED"),
        left("WHEN"),
        text("HOW").dropped(1),
        right("CPU").dropped(2),
        right("MEMORY").dropped(3),
        text("COMMAND"),
    ];
    let mut table = Table::new(&COLUMNS);
    for task in &scene.reading.failed {
        table.row([
            &task.id.to_string(),
            &when(task, scene.now),
            &tasks::ending(task).unwrap_or_default(),
            &or_dash(usage::cpu(task.usage)),
            &or_dash(usage::memory(task.usage)),
            &tasks::label(task),
        ]);
    }
    table
}

/// Time since the task ended; a clock that was set back makes it no longer.
fn when(task: &Task, now: Timestamp) -> String {
    format!("{} ago", age(task.finished_at.unwrap_or(now), now))
}

fn help(scene: &Scene<'_>) -> Vec<Line<'static>> {
    let title = Line::styled("Keys", scene.bold(Color::Reset));
    let mut lines = vec![title, Line::default()];
    lines.extend(HELP.map(Line::raw));
    lines
}

/// A text with its title, as many of its lines as fit.
fn text_of(scene: &Scene<'_>, panel: &Panel, height: usize) -> Vec<Line<'static>> {
    let title = match panel.about {
        About::Log(id) => format!("Output of task {id}"),
        About::Why(id) => format!("Task {id}"),
    };
    let room = height.saturating_sub(2);
    let end = panel.lines.len().saturating_sub(panel.below);
    let end = end.max(room.min(panel.lines.len()));
    let shown = &panel.lines[end.saturating_sub(room)..end];
    let mut lines = vec![
        Line::styled(title, scene.bold(Color::Reset)),
        Line::default(),
    ];
    lines.extend(shown.iter().cloned().map(Line::raw));
    lines
}

/// The last line: a question, a message or the keys.
fn foot(scene: &Scene<'_>, width: usize) -> Line<'static> {
    let keys = scene.keys;
    match (&keys.view, &keys.message) {
        (View::Question(change), _) => Line::styled(question(change), scene.bold(Color::Yellow)),
        (_, Some(message)) => {
            Line::styled(cut(message, width).into_owned(), scene.bold(Color::Reset))
        }
        (View::Help, None) => Line::raw("any key closes the help"),
        (View::Text(_), None) => Line::raw("q close  ↑↓ scroll"),
        (View::Rows, None) => Line::raw(hints(width)),
    }
}

fn question(change: &FileChange) -> String {
    match change {
        FileChange::Cancel(id) => format!("Cancel task {id}? y n"),
        FileChange::Retry(id) => format!("Retry task {id}? y n"),
        FileChange::Pause { queue, paused } => {
            let verb = if *paused { "Pause" } else { "Resume" };
            format!("{verb} queue {}? y n", escape::line(queue))
        }
    }
}

/// The keys that fit.
fn hints(width: usize) -> String {
    let mut shown = String::new();
    for hint in HINTS {
        let gap = if shown.is_empty() { "" } else { "  " };
        if shown.width() + gap.len() + hint.width() > width {
            break;
        }
        shown += gap;
        shown += hint;
    }
    shown
}

#[cfg(test)]
mod tests;
