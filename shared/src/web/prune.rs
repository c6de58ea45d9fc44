//! Prune: the ended tasks that a form selects, their number, and their deletion.

use std::time::Duration;

use super::reply::Problem;
use super::request::Pairs;
use crate::clock::Timestamp;
use crate::queue::{PruneRequest, Queue};
use crate::state::State;

/// Time after which a deletion reports and offers to go on.
const STEP_TIME: Duration = Duration::from_secs(3);

/// Time after which a count is a lower bound.
const COUNT_TIME: Duration = Duration::from_millis(200);

/// Ages that a form offers, in milliseconds, and their words.
pub(super) const AGES: [(i64, &str); 5] = [
    (0, "any time ago"),
    (3_600_000, "over an hour ago"),
    (86_400_000, "over a day ago"),
    (7 * 86_400_000, "over a week ago"),
    (30 * 86_400_000, "over 30 days ago"),
];

/// The ended tasks that a form or a link selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    /// States, one at least.
    pub(super) states: Vec<State>,
    /// Time before which they ended.
    pub(super) before: Timestamp,
}

impl Selected {
    /// The selection of these pairs at that time; `None` if they name no state.
    ///
    /// # Errors
    /// [`Problem::Invalid`] for a state that tasks leave again, and an age or a time that is none.
    pub(super) fn of(pairs: &Pairs, now: Timestamp) -> Result<Option<Self>, Problem> {
        let state = |word: &str| {
            let state = State::parse(word).filter(|state| state.is_terminal());
            state
                .ok_or_else(|| Problem::Invalid("only tasks that have ended are pruned".to_owned()))
        };
        let states: Result<Vec<State>, Problem> = pairs.all("state").map(state).collect();
        let mut states = states?;
        states.sort_unstable();
        states.dedup();
        let number = |text: &str| {
            let number: Option<i64> = text.parse().ok().filter(|number| *number >= 0);
            number.ok_or_else(|| Problem::Invalid("choose an age from the list".to_owned()))
        };
        // One later: a task that ended in this millisecond has age zero and is included.
        let end = Timestamp(now.0.saturating_add(1));
        let before = match (pairs.get("before"), pairs.get("age")) {
            (Some(before), _) => Timestamp(number(before)?).min(end),
            (None, Some(age)) => Timestamp(end.0.saturating_sub(number(age)?)),
            (None, None) => end,
        };
        Ok((!states.is_empty()).then_some(Self { states, before }))
    }

    /// Pairs that read back as this selection.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let states = self.states.iter().map(|state| ("state", state.to_string()));
        let before = ("before", self.before.0.to_string());
        states.chain([before]).collect()
    }

    fn request(&self) -> PruneRequest {
        PruneRequest::new(self.before).states(self.states.clone())
    }

    /// Number of the tasks that would be deleted, and true if there may be more.
    ///
    /// # Errors
    /// As the engine.
    pub(super) fn count<Q: Queue>(&self, queue: &Q) -> crate::Result<(u64, bool)> {
        prune_for(queue, &self.request().dry_run(true), COUNT_TIME)
    }

    /// Deletes the tasks with their output, for some seconds at most.
    ///
    /// # Errors
    /// As the engine.
    pub(super) fn delete<Q: Queue>(self, queue: &Q) -> crate::Result<Pruned> {
        let (count, is_cut) = prune_for(queue, &self.request(), STEP_TIME)?;
        let logs = queue.delete_logs();
        Ok(Pruned {
            count,
            left: is_cut.then_some(self),
            failed: logs.err().map(|error| error.to_string()),
        })
    }
}

/// Prunes for that time at most. Returns the number of tasks, and true if there may be more.
fn prune_for<Q: Queue>(
    queue: &Q,
    request: &PruneRequest,
    time: Duration,
) -> crate::Result<(u64, bool)> {
    let begin = queue.now().boot;
    let mut is_cut = false;
    let count = queue.prune_while(request, &mut |so_far| {
        is_cut = so_far > 0 && queue.now().boot.since(begin) > time;
        !is_cut
    })?;
    Ok((count, is_cut))
}

/// Result of a deletion.
#[derive(Debug)]
pub(super) struct Pruned {
    pub(super) count: u64,
    /// The selection, if it took long and more may be left.
    pub(super) left: Option<Selected>,
    /// Reason why outputs of deleted tasks are still there.
    pub(super) failed: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Pairs, Selected, State, Timestamp};

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn of(text: &str) -> Option<Selected> {
        Selected::of(&Pairs::parse(text.as_bytes()), NOW).unwrap()
    }

    #[test]
    fn a_selection_reads_back_from_its_pairs() {
        let chosen = of("state=failed&state=succeeded&state=failed&age=3600000").unwrap();
        assert_eq!(chosen.states, [State::Succeeded, State::Failed]);
        assert_eq!(chosen.before, Timestamp(NOW.0 + 1 - 3_600_000));
        let pairs = chosen.pairs();
        let text: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(of(&text.join("&")), Some(chosen));
        assert_eq!(of("age=0"), None);
        let future = of("state=failed&before=9223372036854775807").unwrap();
        assert_eq!(future.before, Timestamp(NOW.0 + 1));
    }

    #[test]
    fn only_states_in_which_tasks_stay_and_ages_are_taken() {
        for wrong in [
            "state=queued",
            "state=x",
            "state=failed&age=x",
            "state=failed&before=-1",
        ] {
            assert!(
                Selected::of(&Pairs::parse(wrong.as_bytes()), NOW).is_err(),
                "{wrong}"
            );
        }
    }
}
