//! Ageing: a setting of a queue by which waiting counts as priority, so that low priorities come to
//! run. A claim compares the oldest tasks of the distinct priorities. Within a priority the lowest id
//! comes first, as without ageing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::task::TaskId;

/// Time of waiting that counts as much as one step of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ageing {
    step_ms: i64,
}

impl Ageing {
    /// Shortest and longest step in milliseconds: a second, and 366 days.
    const BOUNDS_MS: (i64, i64) = (1000, 366 * 86_400_000);

    /// Ageing by one priority in every `step` of waiting, from one second to 366 days.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another step.
    pub fn every(step: Duration) -> Result<Self> {
        let (least, most) = Self::BOUNDS_MS;
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        if (least..=most).contains(&step_ms) {
            return Ok(Self { step_ms });
        }
        Err(Error::invalid(
            "ageing is from 1 second to 366 days of waiting for each step of priority",
        ))
    }

    /// Time of waiting that counts as much as one step of priority.
    pub fn step(self) -> Duration {
        Duration::from_millis(self.step_ms.unsigned_abs())
    }

    /// Ageing of a stored number of milliseconds, brought within the bounds.
    pub(crate) fn of_stored(step_ms: Option<i64>) -> Option<Self> {
        let (least, most) = Self::BOUNDS_MS;
        let step_ms = step_ms?.clamp(least, most);
        Some(Self { step_ms })
    }

    /// Number of milliseconds as it is stored.
    pub(crate) fn stored(self) -> i64 {
        self.step_ms
    }

    /// Rank of a task that could run since that time: the higher one is claimed first. Priority plus
    /// waiting grows equally fast for all tasks, so the present time does not matter.
    fn rank(self, head: &Head) -> i128 {
        i128::from(head.priority) * i128::from(self.step_ms) - i128::from(head.since.0)
    }

    /// The first `limit` tasks in claim order. `heads` are the oldest tasks of their levels, and `after`
    /// returns the next one of a level. At equal rank the lowest id comes first.
    pub(crate) fn merge(
        self,
        heads: impl IntoIterator<Item = Head>,
        limit: usize,
        mut after: impl FnMut(&Head) -> Result<Option<Head>>,
    ) -> Result<Vec<Head>> {
        let ranked = |head: Head| (self.rank(&head), Reverse(head.task), head);
        let mut heads: BinaryHeap<_> = heads.into_iter().map(ranked).collect();
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some((_, _, head)) = heads.pop()
        {
            if taken.len() + 1 < limit {
                heads.extend(after(&head)?.map(ranked));
            }
            taken.push(head);
        }
        Ok(taken)
    }
}

/// Oldest task of a level: of the tasks of one priority and one handler of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    /// The task.
    pub(crate) task: TaskId,
    /// Its priority.
    pub(crate) priority: i32,
    /// Time since which it could run: it was enqueued or came due then.
    pub(crate) since: Timestamp,
    /// Index of its handler among those of the claim.
    pub(crate) handler: usize,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::VecDeque;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Ageing, Head};
    use crate::clock::Timestamp;
    use crate::task::TaskId;

    fn every(seconds: u64) -> Ageing {
        Ageing::every(Duration::from_secs(seconds)).unwrap()
    }

    fn head(task: i64, priority: i32, since: i64) -> Head {
        Head {
            task: TaskId(task),
            priority,
            since: Timestamp(since),
            handler: 0,
        }
    }

    /// Order of these tasks, whose ids rise.
    fn order(ageing: Ageing, tasks: &[Head], limit: usize) -> Vec<Head> {
        let mut levels: BTreeMap<i32, VecDeque<Head>> = BTreeMap::new();
        for task in tasks {
            levels.entry(task.priority).or_default().push_back(*task);
        }
        let heads: Vec<Head> = levels
            .values_mut()
            .filter_map(VecDeque::pop_front)
            .collect();
        let after = |last: &Head| Ok(levels.get_mut(&last.priority).and_then(VecDeque::pop_front));
        ageing.merge(heads, limit, after).unwrap()
    }

    #[test]
    fn a_step_of_waiting_weighs_as_much_as_a_step_of_priority() {
        let tasks = [
            head(1, 0, 0),
            head(2, 1, 10_000),
            head(3, 1, 10_001),
            head(4, 2, 20_001),
            head(5, i32::MAX, i64::MAX / 2),
            head(6, i32::MIN, 0),
        ];
        let ids: Vec<i64> = order(every(10), &tasks, 9)
            .iter()
            .map(|one| one.task.0)
            .collect();
        assert_eq!(
            ids,
            [1, 2, 3, 4, 6, 5],
            "the same rank goes to the lowest id"
        );
    }

    #[test]
    fn a_step_is_a_second_to_366_days() {
        for step in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            assert!(Ageing::every(step).is_err(), "{step:?}");
        }
        assert_eq!(every(1).step(), Duration::from_secs(1));
        assert_eq!(
            every(366 * 86_400).step(),
            Duration::from_secs(366 * 86_400)
        );
        assert_eq!(Ageing::of_stored(None), None);
        assert_eq!(Ageing::of_stored(Some(i64::MAX)), Some(every(366 * 86_400)));
    }

    proptest! {
        #[test]
        fn every_task_is_taken_and_none_waits_longer_than_its_step_allows(
            tasks in proptest::collection::vec((-3..4_i32, 0..60_000_i64), 0..40),
            step in 1..20_u64,
            limit in 0..50_usize,
        ) {
            // Ids rise with the time, as they do where tasks are enqueued.
            let mut times: Vec<i64> = tasks.iter().map(|(_, since)| *since).collect();
            times.sort_unstable();
            let tasks: Vec<Head> = (1..)
                .zip(tasks.iter().zip(times))
                .map(|(id, ((priority, _), since))| head(id, *priority, since))
                .collect();
            let all = order(every(step), &tasks, tasks.len());
            prop_assert_eq!(&order(every(step), &tasks, limit), &all[..limit.min(all.len())]);
            let mut sorted = all.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, tasks);
            for (at, one) in all.iter().enumerate() {
                for later in &all[at + 1..] {
                    // One of `all` went before `later`, so it is not as much younger as its priority
                    // is higher.
                    let steps = i64::from(one.priority) - i64::from(later.priority);
                    let allowed = steps * every(step).stored();
                    let younger = one.since.0 - later.since.0;
                    prop_assert!(younger <= allowed);
                    prop_assert!(younger < allowed || one.task < later.task);
                }
            }
        }
    }
}
