//! State machine of the keys: the rows and a key in, the next state and an action out.

use super::super::escape;
use super::reading::Reading;
use crate::task::TaskId;

/// A key, whatever the terminal calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    Enter,
    Escape,
    Char(char),
}

/// A row that can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Queue { name: String, is_paused: bool },
    Running { id: TaskId, queue: String },
    Failed { id: TaskId, queue: String },
}

impl Row {
    /// The rows of a reading, in the order in which they are shown.
    pub(super) fn all(reading: &Reading) -> Vec<Self> {
        let queues = reading.queues.iter().map(|row| Self::Queue {
            name: row.name.clone(),
            is_paused: row.is_paused,
        });
        let running = reading.running.iter().map(|(task, _)| Self::Running {
            id: task.id,
            queue: task.queue.clone(),
        });
        let failed = reading.failed.iter().map(|task| Self::Failed {
            id: task.id,
            queue: task.queue.clone(),
        });
        queues.chain(running).chain(failed).collect()
    }

    /// The queue, or that of the task.
    fn queue(&self) -> &str {
        match self {
            Self::Queue { name: queue, .. }
            | Self::Running { queue, .. }
            | Self::Failed { queue, .. } => queue,
        }
    }

    /// The task of the row.
    fn task(&self) -> Option<TaskId> {
        match self {
            Self::Queue { .. } => None,
            Self::Running { id, .. } | Self::Failed { id, .. } => Some(*id),
        }
    }

    /// True if both are the same queue or the same task, whatever has become of it.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Queue { name, .. }, Self::Queue { name: other, .. }) => name == other,
            _ => self.task().is_some() && self.task() == other.task(),
        }
    }
}

/// A change to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileChange {
    Retry(TaskId),
    Cancel(TaskId),
    Pause { queue: String, paused: bool },
}

/// Text about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Log(TaskId),
    Why(TaskId),
}

/// An action that a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Change(FileChange),
    /// The text of the panel that was opened.
    Read(About),
    /// The rows, for another filter.
    Reread,
}

/// Text over the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Panel {
    pub(super) about: About,
    pub(super) lines: Vec<String>,
    /// Number of lines below the last one shown.
    pub(super) below: usize,
}

/// The part of the program that has the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    #[default]
    Rows,
    Question(FileChange),
    Help,
    Text(Panel),
}

/// State between two keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) view: View,
    pub(super) selected: Option<Row>,
    /// Queue whose rows alone are shown.
    pub(super) only: Option<String>,
    /// Position of the selected row when it was last there.
    position: usize,
    /// Result of the last key, until the next one.
    pub(super) message: Option<String>,
    pub(super) is_read_only: bool,
}

/// Lines of a page.
const PAGE: usize = 10;

impl Keys {
    pub(super) fn new(is_read_only: bool) -> Self {
        Self {
            is_read_only,
            ..Self::default()
        }
    }

    /// Takes new rows: a selected one that is gone passes the selection to its neighbour.
    pub(super) fn rows(&mut self, rows: &[Row]) {
        let Some(selected) = &self.selected else {
            return;
        };
        let found = rows.iter().position(|row| row.is_same(selected));
        self.position = found.unwrap_or(self.position);
        self.select(rows, self.position);
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: Key, rows: &[Row]) -> Option<Action> {
        self.message = None;
        match std::mem::take(&mut self.view) {
            View::Rows => self.in_rows(key, rows),
            View::Question(change) => {
                let is_no = matches!(key, Key::Char('n' | 'N' | 'q') | Key::Escape);
                if matches!(key, Key::Char('y' | 'Y')) {
                    return Some(Action::Change(change));
                }
                if !is_no {
                    self.view = View::Question(change);
                }
                None
            }
            // Any key closes the help.
            View::Help => None,
            View::Text(panel) => self.in_text(key, panel),
        }
    }

    fn in_rows(&mut self, key: Key, rows: &[Row]) -> Option<Action> {
        let here = self.selected.as_ref().map(|_| self.position);
        let last = rows.len().saturating_sub(1);
        match key {
            Key::Up => self.select(rows, here.map_or(last, |here| here.saturating_sub(1))),
            Key::Down => self.select(rows, here.map_or(0, |here| here + 1)),
            Key::PageUp => self.select(rows, here.unwrap_or(0).saturating_sub(PAGE)),
            Key::PageDown => self.select(rows, here.unwrap_or(0) + PAGE),
            Key::Home => self.select(rows, 0),
            Key::End => self.select(rows, last),
            Key::Tab => self.next_section(rows),
            Key::Escape => self.selected = None,
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('?' | 'h') => self.view = View::Help,
            Key::Enter | Key::Char('l') => return self.open(About::Log),
            Key::Char('w') => return self.open(About::Why),
            Key::Char('k') => self.select(rows, here.map_or(last, |here| here.saturating_sub(1))),
            Key::Char('j') => self.select(rows, here.map_or(0, |here| here + 1)),
            Key::Char('r' | 'c' | 'p') if self.is_read_only => {
                self.say("--read-only changes nothing");
            }
            Key::Char('r') => return self.retry(),
            Key::Char('c') => self.cancel(),
            Key::Char('p') => return self.pause(),
            Key::Char('f') => return self.filter(),
            Key::Char(_) => self.say("? shows the keys"),
        }
        None
    }

    fn in_text(&mut self, key: Key, mut panel: Panel) -> Option<Action> {
        let most = panel.lines.len().saturating_sub(1);
        let below = match key {
            Key::Up | Key::Char('k') => panel.below + 1,
            Key::Down | Key::Char('j') => panel.below.saturating_sub(1),
            Key::PageUp => panel.below + PAGE,
            Key::PageDown => panel.below.saturating_sub(PAGE),
            Key::Home => most,
            Key::End => 0,
            Key::Escape | Key::Enter | Key::Char('q') => return None,
            Key::Tab | Key::Char(_) => panel.below,
        };
        panel.below = below.min(most);
        self.view = View::Text(panel);
        None
    }

    fn select(&mut self, rows: &[Row], position: usize) {
        self.position = position.min(rows.len().saturating_sub(1));
        self.selected = rows.get(self.position).cloned();
    }

    fn next_section(&mut self, rows: &[Row]) {
        let section = |row: &Row| match row {
            Row::Queue { .. } => 0,
            Row::Running { .. } => 1,
            Row::Failed { .. } => 2,
        };
        let here = self.selected.as_ref().map(section);
        let next = rows.iter().position(|row| Some(section(row)) > here);
        self.select(rows, next.unwrap_or(0));
    }

    /// The selected task, or a message that there is none.
    fn task(&mut self) -> Option<TaskId> {
        let task = self.selected.as_ref().and_then(Row::task);
        if task.is_none() {
            self.say("select a task with the arrows first");
        }
        task
    }

    fn open(&mut self, about: fn(TaskId) -> About) -> Option<Action> {
        let about = about(self.task()?);
        self.view = View::Text(Panel {
            about,
            lines: Vec::new(),
            below: 0,
        });
        Some(Action::Read(about))
    }

    fn retry(&mut self) -> Option<Action> {
        let id = self.task()?;
        if matches!(self.selected, Some(Row::Running { .. })) {
            self.say(&format!(
                "task {id} is running; a task that failed can be retried"
            ));
            return None;
        }
        Some(Action::Change(FileChange::Retry(id)))
    }

    fn cancel(&mut self) {
        let Some(id) = self.task() else {
            return;
        };
        if matches!(self.selected, Some(Row::Failed { .. })) {
            return self.say(&format!("task {id} has failed; there is nothing to cancel"));
        }
        self.view = View::Question(FileChange::Cancel(id));
    }

    fn pause(&mut self) -> Option<Action> {
        let Some(Row::Queue { name, is_paused }) = &self.selected else {
            self.say("select a queue with the arrows first");
            return None;
        };
        Some(Action::Change(FileChange::Pause {
            queue: name.clone(),
            paused: !is_paused,
        }))
    }

    /// Shows the queue of the selected row alone, or all queues again.
    fn filter(&mut self) -> Option<Action> {
        if self.only.take().is_some() {
            self.say("all queues");
            return Some(Action::Reread);
        }
        let Some(row) = &self.selected else {
            self.say("select a queue, or a task of it, with the arrows first");
            return None;
        };
        let queue = row.queue().to_owned();
        self.say(&format!("only queue {queue}; f shows all again"));
        self.only = Some(queue);
        Some(Action::Reread)
    }

    pub(super) fn say(&mut self, message: &str) {
        self.message = Some(escape::line(message).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{About, Action, FileChange, Key, Keys, Row, View};
    use crate::task::TaskId;

    fn rows() -> Vec<Row> {
        let queue = |name: &str, is_paused| Row::Queue {
            name: name.to_owned(),
            is_paused,
        };
        vec![
            queue("default", false),
            queue("mail", true),
            Row::Running {
                id: TaskId(4),
                queue: "default".to_owned(),
            },
            Row::Failed {
                id: TaskId(2),
                queue: "mail".to_owned(),
            },
        ]
    }

    /// The action of the last of these keys.
    fn press(keys: &mut Keys, pressed: &[Key]) -> Option<Action> {
        let rows = rows();
        let all = pressed.iter().map(|key| keys.press(*key, &rows));
        all.last().flatten()
    }

    #[test]
    fn arrows_walk_over_all_rows_and_stop_at_both_ends() {
        let mut keys = Keys::new(false);
        let rows = rows();
        press(&mut keys, &[Key::Down]);
        assert_eq!(keys.selected.as_ref(), rows.first());
        press(&mut keys, &[Key::Up]);
        assert_eq!(keys.selected.as_ref(), rows.first());
        press(&mut keys, &[Key::Tab]);
        assert_eq!(keys.selected, Some(rows[2].clone()));
        press(&mut keys, &[Key::End, Key::Down]);
        assert_eq!(keys.selected.as_ref(), rows.last());
        press(&mut keys, &[Key::Tab]);
        assert_eq!(keys.selected.as_ref(), rows.first());
        press(&mut keys, &[Key::Escape]);
        assert_eq!(keys.selected, None);
    }

    #[test]
    fn a_selected_task_stays_selected_when_it_fails_and_when_rows_move() {
        let mut keys = Keys::new(false);
        press(&mut keys, &[Key::Down, Key::Tab]);
        let failed = |id| Row::Failed {
            id: TaskId(id),
            queue: "default".to_owned(),
        };
        keys.rows(&[failed(9), failed(4)]);
        assert_eq!(keys.selected, Some(failed(4)));
        keys.rows(&[failed(9)]);
        assert_eq!(keys.selected, Some(failed(9)), "the neighbour");
        keys.rows(&[]);
        assert_eq!(keys.selected, None);
    }

    #[test]
    fn a_running_task_is_cancelled_only_after_a_yes() {
        let mut keys = Keys::new(false);
        let asked = [Key::Down, Key::Tab, Key::Char('c')];
        assert_eq!(press(&mut keys, &asked), None);
        assert_eq!(keys.view, View::Question(FileChange::Cancel(TaskId(4))));
        assert_eq!(press(&mut keys, &[Key::Enter]), None, "no answer");
        assert_eq!(press(&mut keys, &[Key::Char('n')]), None);
        assert_eq!(keys.view, View::Rows);
        let yes = press(&mut keys, &[Key::Char('c'), Key::Char('y')]);
        assert_eq!(yes, Some(Action::Change(FileChange::Cancel(TaskId(4)))));
    }

    #[test]
    fn a_failed_task_is_retried_and_a_queue_is_paused_or_resumed() {
        let mut keys = Keys::new(false);
        let retried = press(&mut keys, &[Key::End, Key::Char('r')]);
        assert_eq!(retried, Some(Action::Change(FileChange::Retry(TaskId(2)))));
        assert_eq!(press(&mut keys, &[Key::Char('c')]), None);
        assert!(keys.message.as_ref().unwrap().contains("has failed"));
        let paused = |queue: &str, paused| {
            let queue = queue.to_owned();
            Some(Action::Change(FileChange::Pause { queue, paused }))
        };
        let pressed = press(&mut keys, &[Key::Home, Key::Char('p')]);
        assert_eq!(pressed, paused("default", true));
        let pressed = press(&mut keys, &[Key::Down, Key::Char('p')]);
        assert_eq!(pressed, paused("mail", false));
    }

    #[test]
    fn logs_and_reasons_open_over_the_rows_and_scroll() {
        let mut keys = Keys::new(false);
        let read = press(&mut keys, &[Key::End, Key::Enter]);
        assert_eq!(read, Some(Action::Read(About::Log(TaskId(2)))));
        let View::Text(panel) = &mut keys.view else {
            panic!("{:?}", keys.view);
        };
        panel.lines = vec![String::new(); 30];
        press(&mut keys, &[Key::Home, Key::Up, Key::Down]);
        assert!(matches!(&keys.view, View::Text(panel) if panel.below == 28));
        assert_eq!(press(&mut keys, &[Key::Char('q')]), None, "closes the text");
        assert_eq!(keys.view, View::Rows);
        assert_eq!(
            press(&mut keys, &[Key::Char('w')]),
            Some(Action::Read(About::Why(TaskId(2))))
        );
    }

    #[test]
    fn without_a_selection_a_key_says_how_to_make_one() {
        let mut keys = Keys::new(false);
        for key in ['l', 'w', 'r', 'c', 'p', 'f'] {
            assert_eq!(press(&mut keys, &[Key::Char(key)]), None);
            assert!(keys.message.as_ref().unwrap().contains("arrows"), "{key}");
        }
    }

    #[test]
    fn a_filter_is_the_queue_of_the_selected_row_until_the_key_is_pressed_again() {
        let mut keys = Keys::new(true);
        let again = Some(Action::Reread);
        assert_eq!(press(&mut keys, &[Key::End, Key::Char('f')]), again);
        assert_eq!(keys.only.as_deref(), Some("mail"));
        assert_eq!(press(&mut keys, &[Key::Home, Key::Char('f')]), again);
        assert_eq!(keys.only, None);
        assert_eq!(press(&mut keys, &[Key::Char('f')]), again);
        assert_eq!(keys.only.as_deref(), Some("default"));
    }

    #[test]
    fn nothing_is_changed_with_read_only() {
        let mut keys = Keys::new(true);
        for key in ['r', 'c', 'p'] {
            for at in [Key::Home, Key::End] {
                assert_eq!(press(&mut keys, &[at, Key::Char(key)]), None);
                assert_eq!(keys.view, View::Rows);
                assert!(keys.message.as_ref().unwrap().contains("--read-only"));
            }
        }
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            Just(Key::Up),
            Just(Key::Down),
            Just(Key::PageUp),
            Just(Key::PageDown),
            Just(Key::Home),
            Just(Key::End),
            Just(Key::Tab),
            Just(Key::Enter),
            Just(Key::Escape),
            prop::sample::select("qlwrcpfyn?hjkx".chars().collect::<Vec<_>>()).prop_map(Key::Char),
        ]
    }

    proptest! {
        #[test]
        fn no_keys_cancel_a_task_without_a_question(pressed in prop::collection::vec(any_key(), 0..40)) {
            let mut keys = Keys::new(false);
            let rows = rows();
            for key in pressed {
                let was = keys.view.clone();
                let action = keys.press(key, &rows);
                if let Some(Action::Change(FileChange::Cancel(id))) = action {
                    prop_assert_eq!(was, View::Question(FileChange::Cancel(id)));
                    prop_assert!(matches!(key, Key::Char('y')));
                }
                prop_assert!(keys.selected.as_ref().is_none_or(|row| rows.contains(row)));
            }
        }
    }
}
