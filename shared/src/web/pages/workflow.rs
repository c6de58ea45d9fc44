//! The workflow of a task, drawn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use maud::{Markup, html};

use super::super::dag::{Arrow, Graph, Node, grouped, layers, picture};
use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{cell, number, state_chip, tasks};
use super::layout::{Page, columns, table};
use crate::error::Result;
use crate::queue::Queue;
use crate::state::State;
use crate::task::TaskId;
use crate::workflow::Edge;

/// Most tasks of a drawing; the nearest ones to the task of the page.
const MOST: usize = 10_000;

/// Tasks up to which each has a box of its own.
const MOST_BOXES: usize = 1000;

/// Most tasks of the neighbourhood beside a drawing of groups.
const NEAR: usize = 40;

/// The page of the workflow that the task belongs to.
pub(in super::super) fn workflow<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let id = request.task()?;
    let queue = &dashboard.queue;
    let missing = || Problem::NotFound(format!("there is no task {id}"));
    queue.get(id)?.ok_or_else(missing)?;
    let (graph, is_cut) = gathered(queue, id, (Extent::Whole, MOST))?;
    let count = graph.nodes.len();
    let root = &request.root;
    let content = html! {
        div.head {
            h1 { "Workflow of " a href={ (root) "tasks/" (id) } { "#" (id) } }
            div #state.state data-live { (legend(&graph)) }
        }
        @if is_cut { p.none { "The " (number(MOST as u64)) " nearest tasks are drawn." } }
        @if count > MOST_BOXES {
            p.dim { "Tasks of one step whose names differ only in numbers share a box." }
            div #graph.scroll.canvas tabindex="0" role="region" aria-label="Workflow in groups"
                data-live {
                (picture(&grouped(&graph), root, "Workflow in groups"))
            }
            h2 { "Around #" (id) }
            div #near.scroll.canvas tabindex="0" role="region" aria-label="Neighbours" data-live {
                (picture(&gathered(queue, id, (Extent::Line, NEAR))?.0, root, "Neighbours of the task"))
            }
        } @else {
            div #graph.scroll.canvas tabindex="0" role="region" aria-label="Workflow" data-live {
                (picture(&graph, root, "Workflow"))
            }
        }
        (listed(&graph, root))
    };
    let page = Page {
        title: &format!("Workflow of #{id}"),
        nav: "tasks",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The number of tasks in each state.
fn legend(graph: &Graph) -> Markup {
    let mut sums = [0; 8];
    for node in &graph.nodes {
        for (sum, count) in sums.iter_mut().zip(node.states) {
            *sum += count;
        }
    }
    html! {
        span.dim { (tasks(graph.nodes.len() as u64)) ":" }
        @for state in State::ALL {
            @let count = sums[state as usize];
            @if count > 0 { span { (number(count)) " " (state_chip(state)) } }
        }
    }
}

/// The tasks as a table, for those who do not see the drawing: each after all that it depends on.
fn listed(graph: &Graph, root: &str) -> Markup {
    let layers = layers(graph.nodes.len(), &graph.edges);
    let mut shown: Vec<(usize, &Node)> = layers.into_iter().zip(&graph.nodes).collect();
    shown.sort_by_key(|(layer, node)| (*layer, node.id));
    shown.truncate(MOST_BOXES);
    html! {
        details {
            summary { "As a table" }
            (table("step-rows", "Tasks of the workflow, each after those it depends on",
                &columns(&["#Step", "#Id", "Task", "State"]), &html! {
                @for (layer, node) in shown {
                    @let id = node.id.unwrap_or_default();
                    tr id={ "s" (id) } {
                        td.number data-label="step" { (layer + 1) }
                        td.number.dim { (id) }
                        td.main { a href={ (root) "tasks/" (id) } { (cell(&node.name)) } }
                        td { @if let Some(state) = node.state() { (state_chip(state)) } }
                    }
                }
            }))
        }
    }
}

/// Extent of a drawing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Everything that edges connect with the task.
    Whole,
    /// The tasks that it waits for and those that wait for it, directly or not.
    Line,
}

/// The nearest `most` tasks of that extent around a task, and true if there are more.
fn gathered<Q: Queue>(
    queue: &Q,
    id: TaskId,
    (extent, most): (Extent, usize),
) -> Result<(Graph, bool)> {
    let mut index = BTreeMap::from([(id, 0)]);
    let mut order = vec![id];
    // Each with the directions in which the search goes on: up and down.
    let mut open = VecDeque::from([(id, true, true)]);
    let mut edges: Vec<Edge> = Vec::new();
    let mut is_cut = false;
    let is_whole = extent == Extent::Whole;
    while let Some((task, up, down)) = open.pop_front() {
        let above = queue.dependencies(task)?;
        let mut others = Vec::new();
        if down {
            let below = queue.dependents(task)?.into_iter();
            others.extend(below.map(|edge| (edge.dependent, is_whole, true)));
        }
        if up {
            others.extend(above.iter().map(|edge| (edge.on, true, is_whole)));
        }
        edges.extend(above);
        for (other, up, down) in others {
            if index.contains_key(&other) {
                continue;
            }
            if order.len() == most {
                is_cut = true;
                break;
            }
            index.insert(other, order.len());
            order.push(other);
            open.push_back((other, up, down));
        }
    }
    let mut nodes = Vec::with_capacity(order.len());
    for task in &order {
        let found = queue.get(*task)?;
        let mut states = [0; 8];
        if let Some(found) = &found {
            states[found.state as usize] = 1;
        }
        nodes.push(Node {
            id: Some(task.0),
            name: found.map_or_else(|| "deleted".to_owned(), |found| found.name),
            states,
            is_focus: *task == id,
        });
    }
    let arrow = |edge: &Edge| {
        Some(Arrow {
            from: *index.get(&edge.on)?,
            to: *index.get(&edge.dependent)?,
            condition: edge.condition,
        })
    };
    let edges = edges.iter().filter_map(arrow).collect();
    Ok((Graph { nodes, edges }, is_cut))
}
