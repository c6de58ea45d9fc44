//! Columns of the table of tasks: their cells, and the order that sorting by one makes.

use std::cmp::Ordering;

use jiff::tz::TimeZone;

use super::super::table::{Column, Table, left, right, text};
use super::super::{json, moment, tasks};
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::state::State;
use crate::task::{DEFAULT_QUEUE, Task};
use crate::text::usage;
use crate::usage::Usage;

/// Column of a table of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskColumn {
    Id,
    State,
    Priority,
    Attempt,
    Exit,
    Took,
    Cpu,
    Memory,
    When,
    Queue,
    Name,
    Command,
    Created,
    Due,
    Started,
    Finished,
    Crashes,
    Key,
    Worker,
}

/// Cell of a task that has no value there.
const NONE: &str = "-";

impl TaskColumn {
    const ALL: [Self; 19] = [
        Self::Id,
        Self::State,
        Self::Priority,
        Self::Attempt,
        Self::Exit,
        Self::Took,
        Self::Cpu,
        Self::Memory,
        Self::When,
        Self::Queue,
        Self::Name,
        Self::Command,
        Self::Created,
        Self::Due,
        Self::Started,
        Self::Finished,
        Self::Crashes,
        Self::Key,
        Self::Worker,
    ];

    /// The columns that are shown unless others are asked for.
    pub(super) const DEFAULT: [Self; 10] = [
        Self::Id,
        Self::State,
        Self::Priority,
        Self::Attempt,
        Self::Exit,
        Self::Took,
        Self::When,
        Self::Queue,
        Self::Name,
        Self::Command,
    ];

    /// Its name on the command line.
    const fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::State => "state",
            Self::Priority => "priority",
            Self::Attempt => "attempt",
            Self::Exit => "exit",
            Self::Took => "took",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::When => "when",
            Self::Queue => "queue",
            Self::Name => "name",
            Self::Command => "command",
            Self::Created => "created",
            Self::Due => "due",
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Crashes => "crashes",
            Self::Key => "key",
            Self::Worker => "worker",
        }
    }

    /// The names of all columns.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::word)
    }

    /// Its heading, and its place among those that a narrow terminal leaves out.
    const fn heading(self) -> Column {
        match self {
            Self::Id => right("ID"),
            Self::State => left("STATE"),
            Self::Priority => right("PRIORITY").dropped(4),
            Self::Attempt => right("ATTEMPT").dropped(3),
            Self::Exit => left("EXIT").dropped(1),
            Self::Took => right("TOOK").dropped(2),
            Self::Cpu => right("CPU"),
            Self::Memory => right("MEMORY"),
            Self::When => left("WHEN"),
            Self::Queue => text("QUEUE"),
            Self::Name => text("NAME"),
            Self::Command => text("COMMAND"),
            Self::Created => left("CREATED"),
            Self::Due => left("DUE"),
            Self::Started => left("STARTED"),
            Self::Finished => left("FINISHED"),
            Self::Crashes => right("CRASHES"),
            Self::Key => text("KEY"),
            Self::Worker => left("WORKER"),
        }
    }

    /// True unless its cells say nothing of any of these tasks.
    pub(super) fn tells(self, page: &[Task]) -> bool {
        let mut page = page.iter();
        match self {
            Self::Priority => page.any(|task| task.priority != 0),
            Self::Attempt => page.any(|task| task.attempts_spent() > 0),
            Self::Exit => page.any(|task| exit(task).is_some()),
            Self::Took => page.any(|task| tasks::took(task).is_some()),
            Self::Queue => page.any(|task| task.queue != DEFAULT_QUEUE),
            Self::Name => page.any(|task| !tasks::is_named_after_command(task)),
            Self::Id
            | Self::State
            | Self::Cpu
            | Self::Memory
            | Self::When
            | Self::Command
            | Self::Created
            | Self::Due
            | Self::Started
            | Self::Finished
            | Self::Crashes
            | Self::Key
            | Self::Worker => true,
        }
    }

    fn cell(self, task: &Task, now: Timestamp, zone: &TimeZone) -> String {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
        let at = |moment: Option<Timestamp>| or_none(moment.map(|at| moment::shown(at, zone)));
        match self {
            Self::Id => task.id.to_string(),
            Self::State => tasks::standing(task).to_owned(),
            Self::Priority => task.priority.to_string(),
            Self::Attempt => {
                format!("{}/{}", task.attempts_spent(), task.options.max_attempts)
            }
            Self::Exit => or_none(exit(task)),
            Self::Took => or_none(tasks::took(task).map(moment::rough)),
            Self::Cpu => or_none(usage::cpu(used(task))),
            Self::Memory => or_none(usage::memory(used(task))),
            Self::When => tasks::when(task, now),
            Self::Queue => task.queue.clone(),
            Self::Name if tasks::is_named_after_command(task) => NONE.to_owned(),
            Self::Name => task.name.clone(),
            Self::Command => task.work.display(),
            Self::Created => at(Some(task.created_at)),
            Self::Due => at(task.run_at),
            Self::Started => at(task.started_at),
            Self::Finished => at(task.finished_at),
            Self::Crashes => task.crashes.to_string(),
            Self::Key => or_none(task.key.as_deref().map(json::key)),
            Self::Worker => or_none(task.worker.map(|worker| worker.to_string())),
        }
    }

    /// The value that tasks are sorted by.
    fn value(self, task: &Task) -> Value {
        let at = |moment: Option<Timestamp>| number(moment.map(|at| at.0));
        match self {
            Self::Id => number(Some(task.id.0)),
            Self::State => number(Some(task.state.code())),
            Self::Priority => number(Some(task.priority.into())),
            Self::Attempt => number(Some(task.attempts_spent().into())),
            Self::Exit => number(exit_code(task).map(i64::from)),
            Self::Took => {
                let took = tasks::took(task);
                number(took.and_then(|took| i64::try_from(took.as_millis()).ok()))
            }
            Self::Cpu => count(used(task).cpu_us),
            Self::Memory => count(used(task).rss_kb),
            Self::When => at(tasks::changed_at(task)),
            Self::Queue => Value::Text(task.queue.clone()),
            Self::Name => Value::Text(task.name.clone()),
            Self::Command => Value::Text(task.work.display()),
            Self::Created => at(Some(task.created_at)),
            Self::Due => at(task.run_at),
            Self::Started => at(task.started_at),
            Self::Finished => at(task.finished_at),
            Self::Crashes => number(Some(task.crashes.into())),
            Self::Key => task
                .key
                .as_deref()
                .map_or(Value::None, |key| Value::Text(json::key(key))),
            Self::Worker => number(task.worker.map(|worker| worker.0)),
        }
    }
}

/// Reads a column's name.
pub(super) fn column(word: &str) -> Result<TaskColumn, String> {
    let mut all = TaskColumn::ALL.into_iter();
    all.find(|column| column.word() == word).ok_or_else(|| {
        let words: Vec<&str> = TaskColumn::words().collect();
        format!("it is not a column; columns are {}", words.join(", "))
    })
}

/// A table of these columns with a row per task.
pub(super) fn table(
    columns: &[TaskColumn],
    page: &[Task],
    now: Timestamp,
    zone: &TimeZone,
) -> Table {
    let headings: Vec<Column> = columns.iter().map(|column| column.heading()).collect();
    let mut table = Table::new(&headings);
    for task in page {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| column.cell(task, now, zone))
            .collect();
        table.cells(cells.iter().map(String::as_str));
    }
    table
}

/// End of the last attempt in one word: `0`, `3`, `SIGKILL`, `timeout`.
fn exit(task: &Task) -> Option<String> {
    if let Some(signal) = task.signal.filter(|_| task.state != State::Running) {
        let name = signal_hook::low_level::signal_name(signal);
        return Some(name.map_or_else(|| format!("signal {signal}"), str::to_owned));
    }
    if task.reason == Some(Reason::Timeout) {
        return Some("timeout".to_owned());
    }
    exit_code(task).map(|code| code.to_string())
}

/// Exit code of the last attempt; none while it runs.
fn exit_code(task: &Task) -> Option<i32> {
    task.exit_code.filter(|_| task.state != State::Running)
}

/// Resources of the last attempt; none while it runs.
fn used(task: &Task) -> Usage {
    if task.state == State::Running {
        Usage::default()
    } else {
        task.usage
    }
}

/// Value of a cell, to sort by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    None,
    Number(i64),
    Text(String),
}

fn count(value: Option<u64>) -> Value {
    number(value.and_then(|value| i64::try_from(value).ok()))
}

fn number(value: Option<i64>) -> Value {
    value.map_or(Value::None, Value::Number)
}

/// Order of a sorted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    column: TaskColumn,
    is_descending: bool,
}

impl Order {
    /// Reads `took` or `took:desc`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (word, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let is_descending = match direction {
            "desc" => true,
            "asc" => false,
            _ => return Err("after the column may follow `:desc` or `:asc`".to_owned()),
        };
        Ok(Self {
            column: column(word)?,
            is_descending,
        })
    }

    /// Sorts tasks. Those without a value come last; equal ones stay in their order.
    pub(super) fn sort(self, page: &mut [Task]) {
        let compare = |one: &Value, other: &Value| match (one, other) {
            (Value::None, Value::None) => Ordering::Equal,
            (Value::None, _) => Ordering::Greater,
            (_, Value::None) => Ordering::Less,
            _ if self.is_descending => other.cmp(one),
            _ => one.cmp(other),
        };
        page.sort_by(|one, other| compare(&self.column.value(one), &self.column.value(other)));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Order, TaskColumn, column, table};
    use crate::cli::tasks::tests::ended;
    use crate::clock::Timestamp;
    use crate::outcome::Reason;
    use crate::state::State;
    use crate::task::Task;
    use crate::usage::Usage;

    fn shown(columns: &[TaskColumn], page: &[Task]) -> Vec<Vec<String>> {
        let text = table(columns, page, Timestamp(60_000), &TimeZone::UTC).render(None, false);
        let lines = text.lines().skip(1);
        lines
            .map(|line| {
                line.split("  ")
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_task_named_after_its_command_has_no_name_in_the_table() {
        let mut own = ended(1);
        own.name = "nightly".to_owned();
        let page = [own, ended(2)];
        let columns = [TaskColumn::Name, TaskColumn::Command];
        let rows = shown(&columns, &page);
        assert_eq!(rows[0].first().unwrap(), "nightly");
        assert_eq!(rows[1].first().unwrap(), "-");
        assert!(TaskColumn::Name.tells(&page));
        assert!(!TaskColumn::Name.tells(&page[1..]));
    }

    #[test]
    fn the_exit_is_a_code_a_signal_or_a_word() {
        let with = |code, signal, reason| {
            let mut task = ended(1);
            (task.exit_code, task.signal, task.reason) = (code, signal, reason);
            shown(&[TaskColumn::Exit], &[task])[0][0].clone()
        };
        assert_eq!(with(Some(0), None, None), "0");
        assert_eq!(with(Some(3), None, Some(Reason::Exit)), "3");
        assert_eq!(with(None, Some(9), Some(Reason::Signal)), "SIGKILL");
        assert_eq!(with(None, Some(9), Some(Reason::Timeout)), "SIGKILL");
        assert_eq!(with(None, None, Some(Reason::Timeout)), "timeout");
        assert_eq!(with(None, None, Some(Reason::Cancel)), "-");
    }

    #[test]
    fn a_page_is_sorted_by_value_and_tasks_without_one_come_last() {
        let page = || {
            let mut page = vec![ended(3), ended(2), ended(1)];
            page[0].exit_code = Some(20);
            page[1].exit_code = None;
            page[2].exit_code = Some(3);
            page
        };
        let sorted = |text: &str| {
            let mut page = page();
            Order::parse(text).unwrap().sort(&mut page);
            page.iter().map(|task| task.id.0).collect::<Vec<_>>()
        };
        assert_eq!(sorted("id"), [1, 2, 3]);
        assert_eq!(sorted("exit"), [1, 3, 2]);
        assert_eq!(sorted("exit:desc"), [3, 1, 2]);
        assert_eq!(sorted("queue"), [3, 2, 1], "equal ones keep their order");
    }

    #[test]
    fn figures_of_an_attempt_are_shown_and_sorted_once_it_has_ended() {
        let mut page = vec![ended(2), ended(1)];
        page[0].usage = Usage::new(Some(1_200_000), Some(2_048));
        page[1].usage = Usage::new(Some(900_000), None);
        let cells = |column, page: &[Task]| {
            let mut cells = shown(&[column], page).concat();
            cells.retain(|cell| !cell.is_empty());
            cells
        };
        assert_eq!(cells(TaskColumn::Cpu, &page), ["1.2s", "900ms"]);
        assert_eq!(cells(TaskColumn::Memory, &page), ["2.0 MiB", "-"]);
        Order::parse("cpu").unwrap().sort(&mut page);
        assert_eq!(page[0].id.0, 1);
        page[0].state = State::Running;
        assert_eq!(cells(TaskColumn::Cpu, &page), ["-", "1.2s"]);
    }

    #[test]
    fn every_column_is_read_by_its_name_and_others_are_refused_with_the_names() {
        for word in TaskColumn::words() {
            assert_eq!(column(word).unwrap().word(), word);
        }
        let refused = column("size").unwrap_err();
        assert!(refused.contains("columns are id, state, "), "{refused}");
        assert!(Order::parse("id:up").unwrap_err().contains("`:desc`"));
    }
}
