//! The tasks that a task depends on, and those that depend on it.

use serde::Serialize;

use crate::error::Result;
use crate::queue::Queue;
use crate::task::TaskId;
use crate::workflow::Condition;

/// Most tasks of each kind that are named to programs, and to people.
const MOST: usize = 100;
const MOST_SHOWN: usize = 10;

/// Neighbours of a task.
#[derive(Debug, Serialize)]
pub(super) struct Links {
    dependencies: Vec<Link>,
    /// Number of dependencies that are not named.
    more_dependencies: usize,
    dependents: Vec<Link>,
    more_dependents: usize,
}

/// Task at the other end of an edge; one that was pruned has neither name nor state.
#[derive(Debug, Serialize)]
struct Link {
    id: i64,
    name: Option<String>,
    state: Option<&'static str>,
    condition: &'static str,
}

impl Links {
    pub(super) fn read<Q: Queue>(queue: &Q, id: TaskId) -> Result<Self> {
        let dependencies = queue.dependencies(id)?;
        let dependents = queue.dependents(id)?;
        let named = |ends: Vec<(TaskId, Condition)>| -> Result<(Vec<Link>, usize)> {
            let more = ends.len().saturating_sub(MOST);
            let links = ends.into_iter().take(MOST).map(|(id, condition)| {
                let task = queue.get(id)?;
                Ok(Link {
                    id: id.0,
                    state: task.as_ref().map(|task| task.state.as_str()),
                    name: task.map(|task| task.name),
                    condition: condition.as_str(),
                })
            });
            Ok((links.collect::<Result<_>>()?, more))
        };
        let edges = dependencies.iter().map(|edge| (edge.on, edge.condition));
        let (dependencies, more_dependencies) = named(edges.collect())?;
        let edges = dependents
            .iter()
            .map(|edge| (edge.dependent, edge.condition));
        let (dependents, more_dependents) = named(edges.collect())?;
        Ok(Self {
            dependencies,
            more_dependencies,
            dependents,
            more_dependents,
        })
    }

    /// Labels and values of the lines about them.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        for (label, links, more) in [
            ("depends on", &self.dependencies, self.more_dependencies),
            ("dependent", &self.dependents, self.more_dependents),
        ] {
            let shown = links.iter().take(MOST_SHOWN);
            lines.extend(shown.map(|link| (label, link.text())));
            let more = more + links.len().saturating_sub(MOST_SHOWN);
            if more > 0 {
                lines.push((label, format!("and {more} more; see `tree`")));
            }
        }
        lines
    }
}

impl Link {
    /// `3 (build) succeeded`, `4 (clean) queued, on failure`, `5 (pruned)`.
    fn text(&self) -> String {
        let (id, condition) = (self.id, self.condition);
        let (Some(name), Some(state)) = (&self.name, self.state) else {
            return format!("{id} (pruned)");
        };
        if condition == Condition::Success.as_str() {
            format!("{id} ({name}) {state}")
        } else {
            format!("{id} ({name}) {state}, on {condition}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, Links};

    #[test]
    fn the_first_neighbours_are_named_and_the_others_counted() {
        let link = |id| Link {
            id,
            name: (id != 3).then(|| "build".to_owned()),
            state: (id != 3).then_some("queued"),
            condition: if id == 2 { "failure" } else { "success" },
        };
        let links = Links {
            dependencies: (1..=3).map(link).collect(),
            more_dependencies: 0,
            dependents: (10..112).map(link).collect(),
            more_dependents: 5,
        };
        let shown = links.lines();
        let texts: Vec<&str> = shown.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts[0], "1 (build) queued");
        assert_eq!(texts[1], "2 (build) queued, on failure");
        assert_eq!(texts[2], "3 (pruned)");
        assert_eq!(shown.len(), 3 + 10 + 1);
        assert_eq!(texts[13], "and 97 more; see `tree`");
    }
}
