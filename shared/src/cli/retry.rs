//! `retry`: queues ended tasks again.

use super::change_selected::{self, ChangeVerb};
use super::extra::Plain;
use super::program::Context;
use super::select::{self, Filter, Selector};
use super::{Failure, duration, list, moment, possible_values};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::state::State;

/// Queue failed, cancelled or skipped tasks again
///
/// They get fresh attempts. A task that succeeded is not run again: enqueue it anew. Without an ID,
/// all tasks that match the options are retried.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(
        value_name = "ID",
        required_unless_present_any = ["states", "queue", "name", "since", "until"],
        num_args = 1..,
        value_parser = select::parse
    )]
    ids: Vec<Vec<Selector>>,

    /// Only tasks in these states: failed, cancelled, skipped
    #[arg(
        short,
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = possible_values::of(list::states(|state| VERB.states.contains(&state)), retried),
        hide_possible_values = true
    )]
    states: Vec<State>,

    /// Only tasks of this queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,

    /// Only tasks whose name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// Only tasks that ended since this time: 2h (ago), 18:00 or '2026-12-24 18:00'
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only tasks that ended before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Requeued",
    refused: "retried",
    states: &State::RETRIABLE,
    already: None,
    standing: None,
};

fn retried(word: &str) -> Result<State, String> {
    let state = list::state(word)?;
    if VERB.states.contains(&state) {
        Ok(state)
    } else {
        Err("only failed, cancelled and skipped tasks are retried".to_owned())
    }
}

impl Arguments {
    fn selectors(&self) -> Vec<Selector> {
        if self.ids.is_empty() {
            vec![Selector::All]
        } else {
            self.ids.concat()
        }
    }

    fn filter(&self, now: Timestamp) -> Result<Filter> {
        let time = |option: &str, text: &Option<String>| {
            let text = text.as_ref();
            text.map(|text| past(option, text, now)).transpose()
        };
        let asked = Filter {
            states: self.states.clone(),
            queue: self.queue.clone(),
            name: self.name.clone(),
            since: time("--since", &self.since)?,
            until: time("--until", &self.until)?,
            held: false,
            strict: false,
        };
        let strict = asked != Filter::default();
        let states = if asked.states.is_empty() {
            VERB.states.to_vec()
        } else {
            asked.states.clone()
        };
        Ok(Filter {
            states,
            strict,
            ..asked
        })
    }
}

/// Reads a duration before now or a point in time; a time of day means its last occurrence.
fn past(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    if let Ok(ago) = duration::parse(text) {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp(now.0.saturating_sub(ago)));
    }
    let yesterday = Timestamp(now.0.saturating_sub(DAY_MS));
    moment::parse(text, yesterday, &jiff::tz::TimeZone::system())
        .map_err(|sentence| Error::invalid(format!("{option} {text}: {sentence}, or 2h (ago)")))
}

/// A program's additions to a retry.
pub trait Extra {
    /// True if dependents that were skipped because of the tasks are re-opened too, and theirs in
    /// turn.
    fn downstream(&self) -> bool {
        false
    }
}

impl Extra for Plain {}

/// Queues the tasks again, as the arguments and `extra` say.
///
/// # Errors
/// [`Error::NotFound`] for a task that does not exist, [`Failure::Tasks`]
/// if one named by itself refused the change; the others are changed all the same.
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &impl Extra,
) -> Result<(), Failure> {
    let filter = arguments.filter(SystemClock.now().wall)?;
    let selectors = arguments.selectors();
    change_selected::run_with(
        context,
        &selectors,
        &filter,
        &VERB,
        |queue, ids, made, go_on| {
            let mut plan = queue.plan_retry(ids, extra.downstream())?;
            made.total = plan.order().len();
            while !plan.left().is_empty() && go_on() {
                for (id, change) in queue.retry_step(&mut plan)? {
                    if plan.is_asked(id) {
                        made.changes.push((id, change));
                    } else {
                        made.also.push((id, change));
                    }
                }
                made.looked_at = made.total - plan.left().len();
            }
            Ok(())
        },
        |_, _| Ok(()),
    )
}

#[cfg(test)]
mod tests {
    use super::past;
    use crate::clock::Timestamp;

    #[test]
    fn a_time_is_a_duration_before_now_or_a_point_in_time() {
        let now = Timestamp(10 * 86_400_000);
        assert_eq!(past("", "2h", now).unwrap(), Timestamp(now.0 - 7_200_000));
        assert_eq!(past("", "@5", now).unwrap(), Timestamp(5000));
        let of_day = past("", "13:00", now).unwrap();
        assert!(of_day <= now && of_day.0 > now.0 - 86_400_000);
        assert!(past("--since", "then", now).is_err());
    }
}
