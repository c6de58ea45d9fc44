//! The required effect of limits and pauses.

use std::collections::{BTreeMap, BTreeSet};

use queue_core::clock::Timestamp;
use queue_core::task::TaskId;
use workflow_queue::{Limit, LimitKind, Rate};

use crate::file::Row;
use crate::model::{Model, Node, Phase};
use queue_core::state::State;

#[derive(Debug, Default)]
pub(crate) struct Limits {
    bounds: BTreeMap<Name, u32>,
    rates: BTreeMap<String, Rate>,
    paused: BTreeSet<String>,
    /// Starts of each queue's tasks since its limit was set or the clock was set back.
    starts: BTreeMap<String, Vec<Timestamp>>,
}

/// A limit's name, sortable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Queue(String),
    Key(Vec<u8>),
}

impl Name {
    fn of(kind: &LimitKind) -> Self {
        match kind {
            LimitKind::Queue(name) => Self::Queue(name.clone()),
            LimitKind::Key(key) => Self::Key(key.clone()),
        }
    }

    pub(crate) fn kind(&self) -> LimitKind {
        match self {
            Self::Queue(name) => LimitKind::Queue(name.clone()),
            Self::Key(key) => LimitKind::Key(key.clone()),
        }
    }

    fn covers(&self, node: &Node) -> bool {
        match self {
            Self::Queue(name) => node.queue == *name,
            Self::Key(key) => node.limit_key.as_ref() == Some(key),
        }
    }
}

impl Limits {
    pub(crate) fn set(&mut self, limit: &Limit) {
        let name = Name::of(&limit.kind);
        match limit.concurrency {
            Some(bound) => self.bounds.insert(name, bound),
            None => self.bounds.remove(&name),
        };
        if let LimitKind::Queue(queue) = &limit.kind {
            self.starts.remove(queue);
            match limit.rate {
                Some(rate) => self.rates.insert(queue.clone(), rate),
                None => self.rates.remove(queue),
            };
        }
    }

    pub(crate) fn pause(&mut self, queue: &str, paused: bool) {
        if paused {
            self.paused.insert(queue.to_owned());
        } else {
            self.paused.remove(queue);
        }
    }

    pub(crate) fn is_paused(&self, queue: &str) -> bool {
        self.paused.contains(queue)
    }

    /// The limits and pauses that block all tasks.
    pub(crate) fn stoppers(&self) -> (Vec<Name>, Vec<String>) {
        let bounds = self.bounds.iter().filter(|(_, bound)| **bound == 0);
        let rates = self.rates.iter().filter(|(_, rate)| rate.starts == 0);
        let names: BTreeSet<Name> = bounds
            .map(|(name, _)| name.clone())
            .chain(rates.map(|(queue, _)| Name::Queue(queue.clone())))
            .collect();
        (
            names.into_iter().collect(),
            self.paused.iter().cloned().collect(),
        )
    }

    /// Forgets the starts: a bucket used up before the clock was set back tells nothing.
    pub(crate) fn set_back(&mut self) {
        self.starts.clear();
    }

    /// Counts the tasks that a claim took from a queue. Returns the violated rate, if any.
    pub(crate) fn started(&mut self, queue: &str, count: usize, now: Timestamp) -> Option<String> {
        let rate = *self.rates.get(queue)?;
        let starts = self.starts.entry(queue.to_owned()).or_default();
        starts.extend(std::iter::repeat_n(now, count));
        let most = |since: i64| {
            let gained = since * i64::from(rate.starts) / i64::from(rate.period_ms);
            usize::try_from(i64::from(rate.starts) + gained).unwrap_or(usize::MAX)
        };
        let too_many = |(index, first): (usize, &Timestamp)| {
            let (taken, most) = (starts.len() - index, most(now.since(*first)));
            (taken > most).then(|| {
                let within = now.since(*first);
                format!("{taken} of {queue} started within {within} ms, of {rate:?}")
            })
        };
        starts.iter().enumerate().find_map(too_many)
    }

    fn running(model: &Model, name: &Name) -> usize {
        let runs = |node: &&Node| node.phase == Phase::Runs && name.covers(node);
        model.nodes.values().filter(runs).count()
    }

    /// The bound that a claim of these tasks exceeds, if any.
    pub(crate) fn exceeded(&self, model: &Model, taken: &[TaskId]) -> Option<String> {
        self.bounds.iter().find_map(|(name, bound)| {
            let touched = taken.iter().any(|task| name.covers(&model.nodes[task]));
            let running = Self::running(model, name);
            let over = running > usize::try_from(*bound).unwrap_or(usize::MAX);
            (touched && over).then(|| format!("{running} run under {name:?}, at most {bound} may"))
        })
    }

    /// True if `name`, a queue or a key of `node`, is a true reason for it to wait.
    pub(crate) fn stops(&self, model: &Model, node: &Node, name: &[u8]) -> bool {
        self.bounds.iter().any(|(limit, bound)| {
            let named = match limit {
                Name::Queue(queue) => queue.as_bytes() == name,
                Name::Key(key) => key == name,
            };
            let running = Self::running(model, limit);
            named && limit.covers(node) && running >= usize::try_from(*bound).unwrap_or(0)
        })
    }

    /// True if the rate of a queue is zero.
    pub(crate) fn never_starts(&self, queue: &str) -> bool {
        self.rates.get(queue).is_some_and(|rate| rate.starts == 0)
    }

    /// Checks that every queue with a task under a key is offered every free slot of the key.
    pub(crate) fn leaked(&self, model: &Model, rows: &BTreeMap<TaskId, Row>) -> Option<String> {
        let mut queues: BTreeMap<(&[u8], &str), (usize, usize)> = BTreeMap::new();
        for (task, node) in model.stored() {
            if let (Phase::Free, Some(key), Some(row)) =
                (node.phase, &node.limit_key, rows.get(&task))
            {
                let (offered, ready) = queues.entry((key, &node.queue)).or_default();
                *offered += usize::from(row.state == State::Queued);
                *ready += usize::from(matches!(row.state, State::Queued | State::Blocked));
            }
        }
        queues
            .into_iter()
            .find_map(|((key, queue), (offered, ready))| {
                let name = Name::Key(key.to_vec());
                let free = self.bounds.get(&name).map_or(usize::MAX, |bound| {
                    let bound = usize::try_from(*bound).unwrap_or(usize::MAX);
                    bound.saturating_sub(Self::running(model, &name))
                });
                (offered < ready.min(free)).then(|| {
                    format!("{offered} of {ready} in {queue} are offered {free} slots of {name:?}")
                })
            })
    }
}
