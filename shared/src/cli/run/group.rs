//! A file's lines as tasks: a queue for the file, a key for every line.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::table::cut;
use super::super::tasks;
use crate::error::{Error, Result};
use crate::queue::{Enqueued, ListQuery, Queue};
use crate::runtime::presence::is_alive;
use crate::state::State;
use crate::task::{NewTask, Task, TaskId};

/// Tasks looked at or changed at a time.
const CHUNK: usize = 1000;

/// The tasks of one file.
#[derive(Debug)]
pub(super) struct Group {
    /// The queue they have to themselves.
    pub(super) queue: String,
    fingerprint: u64,
}

/// A line of the file.
#[derive(Debug)]
pub(super) struct Line {
    number: usize,
    pub(super) task: NewTask,
}

impl Line {
    fn key(&self) -> &[u8] {
        self.task.key.as_deref().unwrap_or_default()
    }
}

impl Group {
    /// The group of the file at `path`, whatever path it is named by.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such file, [`Error::Io`] if it cannot be found out.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                Error::not_found(format!("there is no file {}", path.display()))
            } else {
                Error::io(format!("cannot find {}", path.display()), error)
            }
        })?;
        let fingerprint = fnv64(path.as_os_str().as_bytes());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = cut(&name, 40).replace(char::is_control, "?");
        Ok(Self {
            queue: format!("run:{fingerprint:016x}:{name}"),
            fingerprint,
        })
    }

    /// The name of the file whose group's queue this is, if it is one.
    pub(super) fn file_of(queue: &str) -> Option<&str> {
        let (fingerprint, name) = queue.strip_prefix("run:")?.split_once(':')?;
        let is_hex = fingerprint.len() == 16 && fingerprint.bytes().all(|c| c.is_ascii_hexdigit());
        is_hex.then_some(name)
    }

    /// A line's task, in this group's queue and under the line's key.
    pub(super) fn line(&self, number: usize, text: &str, mut task: NewTask) -> Line {
        let content = fnv128(text.as_bytes());
        let key = format!("run:{:016x}:{number}:{content:032x}", self.fingerprint);
        task.queue.clone_from(&self.queue);
        task.key = Some(key.into_bytes());
        Line { number, task }
    }

    /// Cancels what waits of lines that are not in the file any more, or were running when their
    /// worker died.
    pub(super) fn cancel_stale<Q: Queue>(&self, queue: &Q, lines: &[Line]) -> Result<()> {
        let current: HashSet<&[u8]> = lines.iter().map(Line::key).collect();
        let mut stale = Vec::new();
        self.visit(queue, |task| {
            let key = task.key.as_deref().unwrap_or_default();
            if current.contains(key) {
                return Ok(());
            }
            let deserted = match (task.state, task.worker) {
                (State::Running, Some(worker)) => !is_alive(queue.sidecar(), worker)?,
                _ => false,
            };
            if task.state.is_waiting() || deserted {
                stale.push(task.id);
            }
            Ok(())
        })?;
        for ids in stale.chunks(CHUNK) {
            queue.cancel(ids)?;
        }
        Ok(())
    }

    /// How the file's lines stand.
    pub(super) fn judge<Q: Queue>(&self, queue: &Q, lines: &[Line]) -> Result<Verdict> {
        let numbers: std::collections::HashMap<&[u8], usize> =
            lines.iter().map(|line| (line.key(), line.number)).collect();
        let mut verdict = Verdict::default();
        self.visit(queue, |task| {
            if let Some(number) = numbers.get(task.key.as_deref().unwrap_or_default()) {
                verdict.add(*number, &task);
            }
            Ok(())
        })?;
        verdict.unsuccessful.sort_by_key(|one| one.line);
        Ok(verdict)
    }

    /// Visits every task of the group.
    fn visit<Q: Queue>(&self, queue: &Q, mut visit: impl FnMut(Task) -> Result<()>) -> Result<()> {
        let mut before = None;
        loop {
            let page = queue.list(&ListQuery {
                queue: Some(self.queue.clone()),
                before,
                limit: CHUNK,
                ..ListQuery::default()
            })?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            before = Some(last.id);
            for task in page {
                visit(task)?;
            }
        }
    }
}

/// Queues lines again that were cancelled earlier, and failed ones if `failed` says so.
pub(super) fn reopen<Q: Queue>(queue: &Q, enqueued: &[Enqueued], failed: bool) -> Result<()> {
    let mut ids = Vec::new();
    for one in enqueued.iter().filter(|one| one.existed) {
        let task = queue.get(one.id)?;
        let state = task.map(|task| task.state);
        if state == Some(State::Cancelled) || (failed && state == Some(State::Failed)) {
            ids.push(one.id);
        }
    }
    for ids in ids.chunks(CHUNK) {
        queue.retry(ids)?;
    }
    Ok(())
}

/// How a file's lines stand.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    by_state: [u64; 8],
    /// Lines that ended without success.
    pub(super) unsuccessful: Vec<Unsuccessful>,
    /// The tasks of all lines.
    pub(super) ids: Vec<TaskId>,
}

/// A line that ended without success.
#[derive(Debug)]
pub(super) struct Unsuccessful {
    pub(super) line: usize,
    pub(super) id: TaskId,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) ending: String,
}

impl Verdict {
    fn add(&mut self, line: usize, task: &Task) {
        self.by_state[task.state as usize] += 1;
        self.ids.push(task.id);
        if task.state.is_terminal() && task.state != State::Succeeded {
            self.unsuccessful.push(Unsuccessful {
                line,
                id: task.id,
                name: task.name.clone(),
                state: task.state,
                ending: tasks::ending(task).unwrap_or_else(|| task.state.to_string()),
            });
        }
    }

    /// How many lines are in that state.
    pub(super) fn count(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    /// How many lines have ended.
    pub(super) fn ended(&self) -> u64 {
        let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
        ended.map(|state| self.count(state)).sum()
    }

    /// How many lines have not.
    pub(super) fn left(&self) -> u64 {
        self.by_state.iter().sum::<u64>() - self.ended()
    }
}

/// FNV-1a: stored in keys and queue names, so it must stay the same for ever.
fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// FNV-1a of twice the size, for contents.
fn fnv128(bytes: &[u8]) -> u128 {
    let basis = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    bytes.iter().fold(basis, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use super::{Group, fnv64, fnv128};
    use crate::task::{NewTask, check_name};

    #[test]
    fn fingerprints_are_those_of_fnv_1a() {
        assert_eq!(fnv64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    #[test]
    fn a_line_is_known_by_file_number_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a\nb.txt");
        std::fs::write(&path, "").unwrap();
        let group = Group::of(&path).unwrap();
        check_name("the queue", &group.queue).unwrap();
        assert!(!group.queue.contains('\n'));
        let key = |number, text: &str| {
            let line = group.line(number, text, NewTask::shell("n", text));
            line.task.key.unwrap()
        };
        assert_eq!(key(1, "true"), key(1, "true"));
        assert_ne!(key(1, "true"), key(2, "true"));
        assert_ne!(key(1, "true"), key(1, "false"));
        let other = folder.path().join("./a\nb.txt");
        assert_eq!(Group::of(&other).unwrap().queue, group.queue);
    }
}
