//! Selectors of tasks: `7`, `3,5-8`, `name:build`, `key:nightly`, `last`, `all`.

mod resolve;

pub use resolve::is_named;

use std::ops::RangeInclusive;

use super::exit::Failure;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::queue::{ListQuery, Queue};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Number of tasks looked up, or changed, at a time.
pub(super) const CHUNK: usize = 1000;

/// A selector as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// One task, which must exist.
    One(TaskId),
    /// Every task that exists from one id to another.
    Range(RangeInclusive<i64>),
    /// The only task of that name.
    Name(String),
    /// The task that holds that key.
    Key(String),
    /// The task enqueued last.
    Last,
    /// Every task to which the verb applies.
    All,
}

/// Filter of the selected tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// States to include; all if empty.
    pub states: Vec<State>,
    /// Queue to include.
    pub queue: Option<String>,
    /// Text that a name has to contain.
    pub name: Option<String>,
    /// True if only held tasks are included.
    pub held: bool,
    /// Earliest end of a task.
    pub since: Option<Timestamp>,
    /// Time before which a task has to have ended.
    pub until: Option<Timestamp>,
    /// True if it applies to tasks that are named by themselves, too.
    pub strict: bool,
}

impl Filter {
    /// A filter of ranges and `all` that includes tasks in these states; all if empty.
    pub fn states(states: &[State]) -> Self {
        Self {
            states: states.to_vec(),
            ..Self::default()
        }
    }

    fn matches(&self, task: &Task) -> bool {
        (self.states.is_empty() || self.states.contains(&task.state))
            && (!self.held || task.held_at.is_some())
            && self.queue.as_ref().is_none_or(|queue| *queue == task.queue)
            && self
                .name
                .as_ref()
                .is_none_or(|name| task.name.contains(name.as_str()))
            && self.ended_in_time(task)
    }

    fn ended_in_time(&self, task: &Task) -> bool {
        let after = |since| task.finished_at.is_some_and(|at| at >= since);
        let before = |until| task.finished_at.is_some_and(|at| at < until);
        self.since.is_none_or(after) && self.until.is_none_or(before)
    }
}

/// Reads a comma-separated list of selectors.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse(text: &str) -> Result<Vec<Selector>, String> {
    // A name or key at the beginning may hold commas.
    if is_named(text) {
        return Ok(vec![parse_one(text)?]);
    }
    text.split(',').map(|part| parse_one(part.trim())).collect()
}

fn parse_one(part: &str) -> Result<Selector, String> {
    let refused = || {
        let forms = "an id (7), a list (3,5-8), name:NAME, key:KEY, `last` or `all`";
        Err(format!("it selects no task; write {forms}"))
    };
    if is_named(part) {
        return resolve::parse(part).map_or_else(refused, Ok);
    }
    match part {
        "last" => return Ok(Selector::Last),
        "all" => return Ok(Selector::All),
        _ => {}
    }
    if let Some((first, last)) = part.split_once('-') {
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return refused();
        };
        if first > last {
            return Err(format!("the range {first}-{last} runs backwards"));
        }
        return Ok(Selector::Range(first..=last));
    }
    number(part).map_or_else(refused, |id| Ok(Selector::One(TaskId(id))))
}

/// Reads one id.
pub(super) fn id(text: &str) -> Result<i64, String> {
    number(text).ok_or_else(|| "an id is a whole number from 1 up".to_owned())
}

/// An id: digits alone, at least 1.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number: &i64| digits && *number >= 1)
}

/// Calls `visit` with the selected tasks' ids, a chunk at a time and each id once. Ranges and
/// `all` take those in `states` only (all if empty); a task named by itself is always taken.
///
/// # Errors
/// [`Error::NotFound`] if a task named by itself does not exist, or a range holds none at all.
pub fn visit<Q: Queue>(
    queue: &Q,
    selectors: &[Selector],
    states: &[State],
    visit: impl FnMut(&[TaskId]) -> Result<()>,
) -> Result<()> {
    visit_matching(queue, selectors, &Filter::states(states), visit)
}

/// As [`visit`], for tasks that match the filter.
///
/// # Errors
/// As [`visit`].
pub(crate) fn visit_matching<Q: Queue>(
    queue: &Q,
    selectors: &[Selector],
    filter: &Filter,
    mut visit: impl FnMut(&[TaskId]) -> Result<()>,
) -> Result<()> {
    let named = |id: TaskId| -> Result<Vec<TaskId>> {
        if !filter.strict {
            return Ok(vec![id]);
        }
        let missing = || Error::not_found(format!("there is no task {id}"));
        let task = queue.get(id)?.ok_or_else(missing)?;
        Ok(if filter.matches(&task) {
            vec![id]
        } else {
            Vec::new()
        })
    };
    let selectors = resolve::resolve(queue, selectors)?;
    for (position, selector) in selectors.iter().enumerate() {
        let earlier = &selectors[..position];
        let mut fresh = |ids: &mut dyn Iterator<Item = TaskId>| {
            let ids: Vec<TaskId> = ids
                .filter(|id| !earlier.iter().any(|selector| covers(selector, *id)))
                .collect();
            if ids.is_empty() { Ok(()) } else { visit(&ids) }
        };
        match selector {
            Selector::One(id) => fresh(&mut named(*id)?.into_iter())?,
            // Resolved above.
            Selector::Name(_) | Selector::Key(_) => {}
            Selector::Last => match queue.last_id()? {
                Some(id) => fresh(&mut named(id)?.into_iter())?,
                None => return Err(Error::not_found("there are no tasks")),
            },
            Selector::Range(range) => {
                let fresh = |tasks: Vec<Task>| fresh(&mut tasks.iter().map(|task| task.id));
                if visit_range(queue, range.clone(), filter, fresh)? == 0
                    && visit_range(queue, range.clone(), &Filter::default(), |_| Ok(()))? == 0
                {
                    return Err(Error::not_found(format!(
                        "there is no task from {} to {}",
                        range.start(),
                        range.end()
                    )));
                }
            }
            Selector::All => {
                visit_range(queue, 1..=i64::MAX, filter, |tasks| {
                    fresh(&mut tasks.iter().map(|task| task.id))
                })?;
            }
        }
    }
    Ok(())
}

/// Calls `call` with each selected task's id, ascending, until it fails.
///
/// # Errors
/// As [`visit`], and the errors of `call`.
pub fn each<Q: Queue>(
    queue: &Q,
    selectors: &[Selector],
    mut call: impl FnMut(TaskId) -> Result<(), Failure>,
) -> Result<(), Failure> {
    ids(queue, selectors)?.into_iter().try_for_each(&mut call)
}

/// The selected tasks' ids, ascending.
///
/// # Errors
/// As [`visit`].
pub(super) fn ids<Q: Queue>(queue: &Q, selectors: &[Selector]) -> Result<Vec<TaskId>> {
    let mut ids = Vec::new();
    visit(queue, selectors, &[], |some| {
        ids.extend_from_slice(some);
        Ok(())
    })?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Tasks of ranges in these states, each once; tasks that are also named by themselves or by `all`
/// are left out.
pub(super) fn of_ranges<Q: Queue>(
    queue: &Q,
    selectors: &[Selector],
    states: &[State],
) -> Result<Vec<(TaskId, State)>> {
    let mut found = Vec::new();
    let selectors = resolve::resolve(queue, selectors)?;
    for (position, selector) in selectors.iter().enumerate() {
        let Selector::Range(range) = selector else {
            continue;
        };
        let is_elsewhere = |id: TaskId| {
            let mut others = selectors.iter().enumerate();
            others.any(|(at, other)| {
                let counts = at < position || !matches!(other, Selector::Range(_));
                at != position && counts && covers(other, id)
            })
        };
        visit_range(queue, range.clone(), &Filter::states(states), |tasks| {
            let own = tasks.iter().filter(|task| !is_elsewhere(task.id));
            found.extend(own.map(|task| (task.id, task.state)));
            Ok(())
        })?;
    }
    Ok(found)
}

/// True if an earlier selector included that id. `last` counts for no id, since it may change
/// meanwhile: a task visited twice is changed once, and the second change does nothing.
fn covers(selector: &Selector, id: TaskId) -> bool {
    match selector {
        Selector::One(one) => *one == id,
        Selector::Range(range) => range.contains(&id.0),
        Selector::All => true,
        Selector::Last | Selector::Name(_) | Selector::Key(_) => false,
    }
}

/// Visits the existing tasks of a range, newest first, and returns their number.
fn visit_range<Q: Queue>(
    queue: &Q,
    range: RangeInclusive<i64>,
    filter: &Filter,
    mut visit: impl FnMut(Vec<Task>) -> Result<()>,
) -> Result<usize> {
    let mut before = range.end().checked_add(1).map(TaskId);
    let mut visited = 0;
    loop {
        let mut page = queue.list(&ListQuery {
            states: filter.states.clone(),
            queue: filter.queue.clone(),
            name: filter.name.clone(),
            held: filter.held,
            from: Some(TaskId(*range.start())),
            before,
            limit: CHUNK,
        })?;
        let (last, full) = (page.last().map(|task| task.id), page.len() == CHUNK);
        page.retain(|task| filter.ended_in_time(task));
        visited += page.len();
        visit(page)?;
        if !full {
            return Ok(visited);
        }
        before = last;
    }
}

/// Ids as a selector that [`parse`] reads back, runs joined: `3,5-8`.
pub fn show(ids: &[TaskId]) -> String {
    let mut text = String::new();
    let mut rest = ids;
    while let [first, ..] = rest {
        let run = rest
            .iter()
            .zip(0..)
            .take_while(|(id, offset)| id.0.checked_sub(first.0) == Some(*offset))
            .count();
        if !text.is_empty() {
            text.push(',');
        }
        text += &first.to_string();
        if run > 1 {
            text.push('-');
            text += &rest[run - 1].to_string();
        }
        rest = &rest[run..];
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Filter, Selector, covers, parse, show};
    use crate::cli::tasks::tests::ended;
    use crate::clock::Timestamp;
    use crate::state::State;
    use crate::task::{Task, TaskId};

    /// A failed task of queue `q` that ended at 100.
    fn task() -> Task {
        Task {
            name: "nightly build".to_owned(),
            queue: "q".to_owned(),
            state: State::Failed,
            finished_at: Some(Timestamp(100)),
            ..ended(1)
        }
    }

    #[test]
    fn a_filter_includes_tasks_that_match_all_of_it() {
        let states = Filter::states(&[State::Cancelled, State::Failed]);
        let fits = Filter {
            queue: Some("q".to_owned()),
            name: Some("build".to_owned()),
            since: Some(Timestamp(100)),
            until: Some(Timestamp(101)),
            ..states.clone()
        };
        for filter in [Filter::default(), states, fits.clone()] {
            assert!(filter.matches(&task()), "{filter:?}");
        }
        for filter in [
            Filter::states(&[State::Cancelled, State::Succeeded]),
            Filter {
                states: vec![State::Cancelled],
                ..fits.clone()
            },
            Filter {
                queue: Some("other".to_owned()),
                ..fits.clone()
            },
            Filter {
                name: Some("Build".to_owned()),
                ..fits.clone()
            },
            Filter {
                since: Some(Timestamp(101)),
                ..fits.clone()
            },
            Filter {
                until: Some(Timestamp(100)),
                ..fits.clone()
            },
        ] {
            assert!(!filter.matches(&task()), "{filter:?}");
        }
        let mut open = task();
        open.finished_at = None;
        for (since, until) in [(Some(Timestamp(0)), None), (None, Some(Timestamp(1_000)))] {
            let filter = Filter {
                since,
                until,
                ..Filter::default()
            };
            assert!(filter.matches(&task()));
            assert!(!filter.matches(&open), "it has not ended: {filter:?}");
        }
        assert!(Filter::default().matches(&open));
    }

    #[test]
    fn a_selector_covers_its_ids_and_last_covers_none() {
        let covered = |text: &str| {
            let selectors = parse(text).unwrap();
            (1..=5)
                .filter(|id| covers(&selectors[0], TaskId(*id)))
                .collect::<Vec<_>>()
        };
        assert_eq!(covered("3"), [3]);
        assert_eq!(covered("2-4"), [2, 3, 4]);
        assert_eq!(covered("all"), [1, 2, 3, 4, 5]);
        assert_eq!(covered("last"), [0; 0]);
    }

    #[test]
    fn every_documented_form_is_read() {
        let one = |id| Selector::One(TaskId(id));
        assert_eq!(parse("7"), Ok(vec![one(7)]));
        assert_eq!(parse("3,5-8"), Ok(vec![one(3), Selector::Range(5..=8)]));
        assert_eq!(parse("3, 5"), Ok(vec![one(3), one(5)]));
        assert_eq!(parse("5-5"), Ok(vec![Selector::Range(5..=5)]));
        assert_eq!(parse("last"), Ok(vec![Selector::Last]));
        assert_eq!(parse("all,1"), Ok(vec![Selector::All, one(1)]));
        let name = |name: &str| Selector::Name(name.to_owned());
        assert_eq!(parse("name:a, b"), Ok(vec![name("a, b")]));
        assert_eq!(parse("1,name:a"), Ok(vec![one(1), name("a")]));
        assert_eq!(parse("key:k"), Ok(vec![Selector::Key("k".to_owned())]));
    }

    #[test]
    fn text_that_selects_nothing_is_refused_with_a_sentence() {
        for text in [
            "",
            ",",
            "0",
            "-1",
            "1-",
            "-",
            "a",
            "1.5",
            "1,,2",
            "+1",
            "9223372036854775808",
            "1-2-3",
            "All",
            "name:",
            "key:",
            "Name:a",
            "8-5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("8-5").unwrap_err(), "the range 8-5 runs backwards");
    }

    #[test]
    fn runs_of_ids_are_shown_as_ranges() {
        let shown = |ids: &[i64]| show(&ids.iter().copied().map(TaskId).collect::<Vec<_>>());
        assert_eq!(shown(&[]), "");
        assert_eq!(shown(&[3]), "3");
        assert_eq!(shown(&[1, 2, 4, 6, 7, 8]), "1-2,4,6-8");
    }

    /// Bug: runs of ids were found by counting up from the first one. Cost: after the highest
    /// possible id, the count overflowed and the program panicked. Fix: the ids themselves are
    /// compared.
    #[test]
    fn the_highest_possible_id_can_be_shown() {
        let ids = [i64::MAX - 1, i64::MAX].map(TaskId);
        assert_eq!(show(&ids), "9223372036854775806-9223372036854775807");
    }

    proptest! {
        #[test]
        fn shown_ids_read_back(ids in proptest::collection::btree_set(1..300_i64, 1..60)) {
            let ids: Vec<TaskId> = ids.into_iter().map(TaskId).collect();
            let mut read = Vec::new();
            for selector in parse(&show(&ids)).unwrap() {
                match selector {
                    Selector::One(id) => read.push(id),
                    Selector::Range(range) => read.extend(range.map(TaskId)),
                    Selector::Name(_) | Selector::Key(_) | Selector::Last | Selector::All => {
                        prop_assert!(false);
                    }
                }
            }
            prop_assert_eq!(read, ids);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
