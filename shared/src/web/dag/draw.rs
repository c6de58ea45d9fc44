//! The picture of a graph.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::layout::{HEIGHT, WIDTH, layout};
use super::{Graph, Node};
use crate::state::State;
use crate::text::escape;
use crate::workflow::Condition;

/// Most characters of a name in a box.
const MOST_CHARS: usize = 21;

/// Space around the boxes.
const MARGIN: f64 = 12.0;

/// The picture, whose boxes link to their tasks.
pub(in super::super) fn picture(graph: &Graph, root: &str, title: &str) -> Markup {
    let layout = layout(graph.nodes.len(), &graph.edges);
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    let view = format!("-{MARGIN} -{MARGIN} {width:.0} {height:.0}");
    html! {
        svg.dag viewBox=(view) width=(format!("{width:.0}")) height=(format!("{height:.0}"))
            role="group" aria-label=(title) {
            @for (edge, way) in graph.edges.iter().zip(&layout.ways) {
                path class={ "edge" @if edge.condition !=
                    Condition::Success { " on-" (edge.condition) } } d=(curve(way)) {
                }
            }
            @for (node, (x, y)) in graph.nodes.iter().zip(&layout.places) {
                (drawn(node, (*x, *y), root))
            }
        }
    }
}

fn drawn(node: &Node, (x, y): (f64, f64), root: &str) -> Markup {
    let state = node.state().map_or("unknown", State::as_str);
    let name = escape::line(&node.name);
    let shown = shortened(&name);
    let below = match node.id {
        Some(id) => format!("#{id} · {state}"),
        None => format!("{} tasks", node.count()),
    };
    let inner = html! {
        title { (name) " · " (below) @if node.id.is_none() { (counts(node)) } }
        rect width=(WIDTH) height=(HEIGHT) rx="8" {}
        (bar(node))
        text x="12" y="17" { (shown) }
        text.small x="12" y="31" { (below) }
    };
    let place = format!("translate({x:.1} {y:.1})");
    let class = format!(
        "node s-{state}{}",
        if node.is_focus { " focus" } else { "" }
    );
    html! {
        @match node.id {
            Some(id) => a href={ (root) "tasks/" (id) } class=(class) transform=(place) { (inner) },
            None => g class=(class) transform=(place) { (inner) },
        }
    }
}

/// The states of a box as a bar at its left, or at its foot if there are several.
fn bar(node: &Node) -> Markup {
    let all = node.count().max(1);
    let mut at = 0.0;
    let mut parts = Vec::new();
    for state in State::ALL {
        let count = node.states[state as usize];
        if count > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a share is drawn")]
            let part = (WIDTH - 16.0) * count as f64 / all as f64;
            parts.push((state, at, part));
            at += part;
        }
    }
    html! {
        @if parts.len() < 2 {
            @for (state, _, _) in &parts {
                rect class={ "mark s-" (state) }
                y="8" width="4" height=(HEIGHT - 16.0) rx="2" {}
            }
        } @else {
            @for (state, at, part) in &parts {
                rect class={ "mark s-" (state) } x=(format!("{:.1}", at + 8.0)) y=(HEIGHT - 5.0)
                    width=(format!("{part:.1}")) height="3" {
                }
            }
        }
    }
}

fn counts(node: &Node) -> String {
    let mut text = String::new();
    for state in State::ALL {
        let count = node.states[state as usize];
        if count > 0 {
            let _ = write!(text, ", {count} {state}");
        }
    }
    text
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MOST_CHARS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(MOST_CHARS - 1).collect();
    format!("{kept}…")
}

/// A way as a curve that is level at each of its points.
fn curve(way: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in way.iter().enumerate() {
        if index == 0 {
            let _ = write!(path, "M{x:.1} {y:.1}");
            continue;
        }
        let before = way[index - 1];
        let middle = f64::midpoint(before.0, *x);
        let _ = write!(
            path,
            "C{middle:.1} {:.1} {middle:.1} {y:.1} {x:.1} {y:.1}",
            before.1
        );
    }
    path
}

#[cfg(test)]
mod tests {
    use super::picture;
    use crate::web::dag::{Arrow, Graph, Node};
    use crate::workflow::Condition;

    #[test]
    fn names_are_text_whatever_they_hold() {
        let node = Node {
            id: Some(7),
            name: "</text><script>\u{202e}x".to_owned(),
            states: [0, 0, 0, 1, 0, 0, 0, 0],
            is_focus: true,
        };
        let graph = Graph {
            nodes: vec![node.clone(), Node { id: None, ..node }],
            edges: vec![Arrow {
                from: 0,
                to: 1,
                condition: Condition::Failure,
            }],
        };
        let drawn = picture(&graph, "../../", "Workflow").into_string();
        assert!(
            !drawn.contains("<script") && !drawn.contains('\u{202e}'),
            "{drawn}"
        );
        assert!(drawn.contains("href=\"../../tasks/7\""), "{drawn}");
        assert!(drawn.contains("edge on-failure"), "{drawn}");
    }
}
