//! Lines as tasks: a queue for all of them, a key for every line.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::super::table::cut;
use super::super::{skip_cause, tasks};
use super::fingerprint::{Content, fingerprints};
use super::group_name::{STDIN, fnv64, of_name, of_path};
use super::source::Origin;
use crate::claim::WorkerId;
use crate::error::Result;
use crate::queue::{Enqueued, ListQuery, Queue};
use crate::state::State;
use crate::task::{MAX_NAME_BYTES, NewTask, Task, TaskId};
use crate::text::ending::WITHDRAWN;

/// Number of tasks read or changed at a time.
const CHUNK: usize = 1000;

/// The tasks of one file, name or stream.
#[derive(Debug)]
pub(super) struct Group {
    /// The queue that holds these tasks and no others.
    pub(super) queue: String,
    fingerprint: u64,
}

/// A line of the file that holds a task.
#[derive(Debug)]
pub(super) struct Line {
    number: usize,
    key: Vec<u8>,
}

/// A task of the group before this run.
#[derive(Debug)]
pub(super) struct Stored {
    id: TaskId,
    key: Vec<u8>,
    state: State,
    worker: Option<WorkerId>,
}

impl Group {
    /// The group of the lines in `bytes`: known by `name` if there is one, else by their file, else
    /// by their content.
    pub(super) fn named(origin: &Origin, bytes: &[u8], name: Option<&str>) -> Self {
        let (fingerprint, shown) = match (name, origin) {
            (Some(name), _) => (of_name(name), name.to_owned()),
            (None, Origin::File(path)) => (of_path(path), shown(path)),
            (None, Origin::Stream) => {
                let content = fnv64(&[b"content\0", bytes].concat());
                (content, STDIN.to_owned())
            }
        };
        Self {
            queue: format!("run:{fingerprint:016x}:{shown}"),
            fingerprint,
        }
    }

    /// Takes the name of the queue that the group already has in the database: an earlier version
    /// named it differently.
    pub(super) fn join<Q: Queue>(&mut self, queue: &Q) -> Result<()> {
        let own = format!("run:{:016x}:", self.fingerprint);
        let mut found: Vec<String> = queue.queues()?.into_iter().map(|one| one.name).collect();
        found.retain(|name| name.starts_with(&own));
        if !found.contains(&self.queue)
            && let Some(earlier) = found.pop()
        {
            self.queue = earlier;
        }
        Ok(())
    }

    /// The tasks of the group.
    pub(super) fn stored<Q: Queue>(&self, queue: &Q) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        self.visit(queue, |task| {
            stored.push(Stored {
                id: task.id,
                key: task.key.unwrap_or_default(),
                state: task.state,
                worker: task.worker,
            });
            Ok(())
        })?;
        Ok(stored)
    }

    /// The lines with their keys. The key of a line is made of its content, that of the lines it
    /// waits for, and the number of equal lines before it. Tasks that an earlier version keyed by
    /// line number keep their keys: they stand for the first lines with their content.
    pub(super) fn lines(&self, read: &[Content], stored: &[Stored]) -> Vec<Line> {
        let numbered = self.numbered(stored);
        let mut seen: HashMap<u128, usize> = HashMap::with_capacity(read.len());
        let line = |(line, content): (&Content, u128)| {
            let nth = seen.entry(content).or_default();
            *nth += 1;
            let earlier = numbered.get(&content).and_then(|keys| keys.get(*nth - 1));
            let own = || format!("run:{:016x}:{content:032x}:{nth}", self.fingerprint);
            Line {
                number: line.number,
                key: earlier.map_or_else(|| own().into_bytes(), |key| key.to_vec()),
            }
        };
        read.iter().zip(fingerprints(read)).map(line).collect()
    }

    /// Gives a task the queue of the group and the key of its line.
    pub(super) fn adopt(&self, line: &Line, task: &mut NewTask) {
        task.queue.clone_from(&self.queue);
        task.key = Some(line.key.clone());
    }

    /// Keys with a line number, by content; keys of cancelled tasks come last.
    fn numbered<'a>(&self, stored: &'a [Stored]) -> HashMap<u128, Vec<&'a [u8]>> {
        let mut found: Vec<(u128, bool, u64, &[u8])> = Vec::new();
        for one in stored {
            if let Some((number, content)) = self.number_and_content(&one.key) {
                found.push((content, one.state == State::Cancelled, number, &one.key));
            }
        }
        found.sort_unstable();
        let mut by_content: HashMap<u128, Vec<&[u8]>> = HashMap::new();
        for (content, _, _, key) in found {
            by_content.entry(content).or_default().push(key);
        }
        by_content
    }

    /// Line number and content of a key of an earlier version: `run:FINGERPRINT:NUMBER:CONTENT`.
    fn number_and_content(&self, key: &[u8]) -> Option<(u64, u128)> {
        let own = format!("run:{:016x}:", self.fingerprint);
        let (number, content) = str::from_utf8(key)
            .ok()?
            .strip_prefix(&own)?
            .split_once(':')?;
        let content = Some(content).filter(|content| content.len() == 32)?;
        Some((
            number.parse().ok()?,
            u128::from_str_radix(content, 16).ok()?,
        ))
    }

    /// Cancels waiting tasks whose lines are no longer in the file, or that were running when their
    /// worker died. A task without a key is a copy that somebody asked for, and no line. Returns the
    /// cancelled tasks.
    pub(super) fn withdraw_stale<Q: Queue>(
        queue: &Q,
        lines: &[Line],
        stored: &[Stored],
    ) -> Result<Vec<TaskId>> {
        let current: HashSet<&[u8]> = lines.iter().map(|line| &line.key[..]).collect();
        let mut stale = Vec::new();
        for one in stored
            .iter()
            .filter(|one| !one.key.is_empty() && !current.contains(&one.key[..]))
        {
            let deserted = match (one.state, one.worker) {
                (State::Running, Some(worker)) => !queue.coordination().is_alive(worker)?,
                _ => false,
            };
            if one.state.is_waiting() || deserted {
                stale.push(one.id);
            }
        }
        withdraw(queue, &stale)?;
        Ok(stale)
    }

    /// States of the file's lines.
    pub(super) fn judge<Q: Queue>(&self, queue: &Q, lines: &[Line]) -> Result<LineStates> {
        let numbers: std::collections::HashMap<&[u8], usize> = lines
            .iter()
            .map(|line| (&line.key[..], line.number))
            .collect();
        let mut states = LineStates::default();
        self.visit(queue, |task| {
            if let Some(number) = numbers.get(task.key.as_deref().unwrap_or_default()) {
                if task.state == State::Skipped && skip_cause::is_not_needed(queue, task.id)? {
                    states.not_needed += 1;
                } else {
                    states.add(*number, &task);
                }
            }
            Ok(())
        })?;
        states.unsuccessful.sort_by_key(|one| one.line);
        Ok(states)
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

/// Cancels tasks whose lines were removed.
pub(super) fn withdraw<Q: Queue>(queue: &Q, ids: &[TaskId]) -> Result<()> {
    for ids in ids.chunks(CHUNK) {
        queue.withdraw(ids, WITHDRAWN)?;
    }
    Ok(())
}

/// Queues removed lines again that are back, and, if `retry`, failed lines and lines that somebody
/// cancelled; each with the lines that were skipped because of it.
pub(super) fn reopen<Q: Queue>(queue: &Q, enqueued: &[Enqueued], retry: bool) -> Result<()> {
    let mut ids = Vec::new();
    for one in enqueued.iter().filter(|one| one.existed) {
        let Some(task) = queue.get(one.id)? else {
            continue;
        };
        let is_back = task.message.as_deref() == Some(WITHDRAWN);
        let again = match task.state {
            State::Cancelled => is_back || retry,
            State::Failed => retry,
            State::Skipped => retry && !skip_cause::is_not_needed(queue, one.id)?,
            State::Scheduled
            | State::Blocked
            | State::Queued
            | State::Running
            | State::Succeeded => false,
        };
        if again {
            ids.push(one.id);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let mut plan = queue.plan_retry(&ids, true)?;
    while !plan.left().is_empty() {
        queue.retry_step(&mut plan)?;
    }
    Ok(())
}

/// A file's path within the name of its queue: whole if it fits, else its last part.
fn shown(path: &Path) -> String {
    let room = MAX_NAME_BYTES - "run:0123456789abcdef:".len();
    if let Some(path) = path.to_str()
        && path.len() <= room
        && !path.contains(char::is_control)
    {
        return path.to_owned();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    cut(&name, 40).replace(char::is_control, "?")
}

/// States of a file's lines.
#[derive(Debug, Default)]
pub(super) struct LineStates {
    by_state: [u64; 8],
    /// Lines that were skipped because those they wait for did not fail.
    pub(super) not_needed: u64,
    /// Lines that ended unsuccessfully.
    pub(super) unsuccessful: Vec<Unsuccessful>,
    /// The tasks of all lines.
    pub(super) ids: Vec<TaskId>,
}

/// A line that ended unsuccessfully.
#[derive(Debug)]
pub(super) struct Unsuccessful {
    pub(super) line: usize,
    pub(super) id: TaskId,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) ending: String,
}

impl LineStates {
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

    /// Number of lines in that state.
    pub(super) fn count(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    /// Number of lines that have ended.
    pub(super) fn ended(&self) -> u64 {
        let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
        ended.map(|state| self.count(state)).sum::<u64>() + self.not_needed
    }

    /// Number of lines that have not ended.
    pub(super) fn left(&self) -> u64 {
        self.by_state.iter().sum::<u64>() + self.not_needed - self.ended()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use std::path::PathBuf;

    use super::super::fingerprint::fnv128;
    use super::super::group_name::{Identity, identity_of};
    use super::super::rerun::Rerun;
    use super::{Content, Group, Origin, Stored, fnv64};
    use crate::state::State;
    use crate::task::{TaskId, check_name};

    fn group(path: &str) -> Group {
        Group::named(&Origin::File(PathBuf::from(path)), b"", None)
    }

    fn keys(group: &Group, texts: &[&str], stored: &[Stored]) -> Vec<String> {
        let lines: Vec<_> = texts.iter().map(|text| (*text, &[][..])).collect();
        keys_of(group, &lines, stored)
    }

    /// Keys of lines, each with the indices of those it waits for.
    fn keys_of(group: &Group, lines: &[(&str, &[usize])], stored: &[Stored]) -> Vec<String> {
        let line = |(index, (text, above)): (usize, &(&str, &[usize]))| Content {
            number: index + 1,
            text: (*text).to_owned(),
            above: above.to_vec(),
        };
        let read: Vec<_> = lines.iter().enumerate().map(line).collect();
        let lines = group.lines(&read, stored).into_iter();
        lines
            .map(|line| String::from_utf8(line.key).unwrap())
            .collect()
    }

    /// A waiting line would wait for the removed task of the line before the edit.
    #[test]
    fn an_edited_line_makes_new_ones_of_those_that_wait_for_it() {
        let group = group("/a");
        let keys = |first| {
            let lines: [(&str, &[usize]); 4] = [
                (first, &[]),
                ("test", &[0]),
                ("report", &[1, 3]),
                ("lint", &[]),
            ];
            keys_of(&group, &lines, &[])
        };
        let (before, after) = (keys("build"), keys("build -j4"));
        for index in [0, 1, 2] {
            assert_ne!(before[index], after[index], "{index}");
        }
        assert_eq!(before[3], after[3]);
        assert_eq!(before, keys("build"));
        let circle: [(&str, &[usize]); 2] = [("a", &[1]), ("b", &[0])];
        assert_eq!(keys_of(&group, &circle, &[]).len(), 2);
    }

    #[test]
    fn fingerprints_are_those_of_fnv_1a() {
        assert_eq!(fnv64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    /// Lines were known by their numbers, so a line inserted at the top made all ended lines run
    /// again.
    #[test]
    fn a_line_is_known_by_content_and_occurrence() {
        let group = group("/a");
        let before = keys(&group, &["true", "false", "true"], &[]);
        let after = keys(&group, &["new", "true", "false", "true"], &[]);
        assert_eq!(before[..], after[1..]);
        assert_ne!(before[0], before[2], "the same line twice is two lines");
        assert_ne!(before[0], before[1]);
        assert_ne!(keys(&self::group("/b"), &["true"], &[])[0], before[0]);
    }

    #[test]
    fn tasks_keyed_by_line_number_stand_for_the_first_lines_of_their_content() {
        let group = group("/a");
        let key = |number: u64, text: &str| {
            let content = fnv128(text.as_bytes());
            format!("run:{:016x}:{number}:{content:032x}", fnv64(b"/a"))
        };
        let stored = |id, number, state| Stored {
            id: TaskId(id),
            key: key(number, "true").into_bytes(),
            state,
            worker: None,
        };
        let stored = [
            stored(1, 1, State::Cancelled),
            stored(2, 10, State::Succeeded),
            stored(3, 9, State::Failed),
        ];
        let found = keys(&group, &["x", "true", "true", "true", "true"], &stored);
        let earlier = [9, 10, 1].map(|number| key(number, "true"));
        assert_eq!(found[1..4], earlier);
        let fresh = keys(&group, &["x", "true", "true", "true", "true"], &[]);
        assert_eq!((&found[0], &found[4]), (&fresh[0], &fresh[4]));
    }

    #[test]
    fn the_name_of_a_queue_tells_the_identity_of_its_lines() {
        let file = group("/a b/c\nd");
        check_name("the queue", &file.queue).unwrap();
        assert!(!file.queue.contains('\n'));
        let known = identity_of(&file.queue).unwrap();
        assert!(
            matches!(known, Identity::File { name: "c?d", .. }),
            "{known:?}"
        );
        assert_eq!(
            identity_of(&group("/a b/c").queue),
            Some(Identity::Path("/a b/c"))
        );
        let long = format!("/{}", "é".repeat(150));
        check_name("the queue", &group(&long).queue).unwrap();
        let stream = |bytes: &[u8], name| Group::named(&Origin::Stream, bytes, name).queue;
        assert_eq!(identity_of(&stream(b"x", None)), Some(Identity::Content));
        assert_ne!(stream(b"x", None), stream(b"y", None));
        let named = stream(b"x", Some("n"));
        assert_eq!(identity_of(&named), Some(Identity::Name("n")));
        assert_eq!(named, stream(b"y", Some("n")));
        // The queue of an earlier version: the name alone.
        let earlier = format!("run:{:016x}:tasks.txt", fnv64(b"/a/tasks.txt"));
        let fingerprint = fnv64(b"/a/tasks.txt");
        let name = "tasks.txt";
        assert_eq!(
            identity_of(&earlier),
            Some(Identity::File { name, fingerprint })
        );
    }

    fn again(queue: &str, here: &str) -> String {
        let again = Rerun::from(queue, Some(Path::new(here))).unwrap();
        format!("{}{}", again.arguments, again.remark)
    }

    #[test]
    fn a_run_is_repeated_with_the_identity_of_its_lines() {
        let queue = |path: &str| Group::named(&Origin::File(path.into()), b"", None).queue;
        assert_eq!(again(&queue("/a b/c's"), "/a b"), r"'c'\''s'");
        assert_eq!(again(&queue("/a b/c"), "/x"), "'/a b/c'");
        assert_eq!(again(&queue("/a/-c"), "/a"), "./-c");
        let long = format!("/{}/tasks", "d".repeat(200));
        let folder = long.strip_suffix("/tasks").unwrap();
        assert_eq!(again(&queue(&long), folder), "tasks");
        assert_eq!(again(&queue(&long), "/x"), "tasks in its folder");
        let stream = Group::named(&Origin::Stream, b"true\n", None).queue;
        assert_eq!(again(&stream, "/"), "- with the same lines");
        let named = Group::named(&Origin::Stream, b"true\n", Some("my jobs")).queue;
        assert_eq!(again(&named, "/"), "--name 'my jobs' FILE");
        for other in ["default", "run:x", "run:0123456789abcdef", "run"] {
            assert_eq!(Rerun::from(other, None), None, "{other}");
        }
    }
}
