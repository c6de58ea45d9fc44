//! Large workflows in few boxes: tasks of one layer whose names differ only in their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::layers;
use super::{Arrow, Graph, Node};

/// Most boxes of one layer; the rest of its tasks share the last one.
const MOST_OF_A_LAYER: usize = 12;

/// The graph with one box for the tasks of a layer whose names differ only in numbers.
pub(in super::super) fn grouped(graph: &Graph) -> Graph {
    let layer = layers(graph.nodes.len(), &graph.edges);
    let mut sizes: BTreeMap<(usize, String), u64> = BTreeMap::new();
    for (node, layer) in graph.nodes.iter().zip(&layer) {
        *sizes.entry((*layer, stem(&node.name))).or_default() += 1;
    }
    let mut own_box: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut by_layer: BTreeMap<usize, Vec<(u64, String)>> = BTreeMap::new();
    for ((layer, stem), size) in sizes {
        by_layer.entry(layer).or_default().push((size, stem));
    }
    for (layer, mut stems) in by_layer {
        stems.sort_by(|one, other| other.cmp(one));
        let most = if stems.len() > MOST_OF_A_LAYER {
            MOST_OF_A_LAYER - 1
        } else {
            MOST_OF_A_LAYER
        };
        own_box.extend(stems.into_iter().take(most).map(|(_, stem)| (layer, stem)));
    }
    let mut boxes: BTreeMap<(usize, Option<String>), usize> = BTreeMap::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut box_of = Vec::with_capacity(graph.nodes.len());
    for (node, layer) in graph.nodes.iter().zip(&layer) {
        let named = (*layer, stem(&node.name));
        let key = (*layer, own_box.contains(&named).then_some(named.1));
        let name = key.1.clone().unwrap_or_else(|| "others".to_owned());
        let index = *boxes.entry(key).or_insert_with(|| {
            nodes.push(Node {
                id: node.id,
                name,
                states: [0; 8],
                is_focus: false,
            });
            nodes.len() - 1
        });
        let group = &mut nodes[index];
        for (sum, count) in group.states.iter_mut().zip(node.states) {
            *sum += count;
        }
        group.is_focus |= node.is_focus;
        if group.count() > 1 {
            group.id = None;
        }
        box_of.push(index);
    }
    let edges: BTreeSet<Arrow> = graph
        .edges
        .iter()
        .map(|edge| Arrow {
            from: box_of[edge.from],
            to: box_of[edge.to],
            condition: edge.condition,
        })
        .collect();
    Graph {
        nodes,
        edges: edges.into_iter().collect(),
    }
}

/// A name with `#` in place of its numbers.
fn stem(name: &str) -> String {
    let mut stem = String::with_capacity(name.len());
    for c in name.chars() {
        if !c.is_ascii_digit() {
            stem.push(c);
        } else if !stem.ends_with('#') {
            stem.push('#');
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::grouped;
    use crate::web::dag::{Arrow, Graph, Node};
    use crate::workflow::Condition;

    #[test]
    fn tasks_that_differ_in_a_number_share_a_box_and_their_edges() {
        let node = |name: String| Node {
            id: Some(1),
            name,
            states: [0, 0, 0, 0, 1, 0, 0, 0],
            is_focus: false,
        };
        let mut graph = Graph::default();
        graph.nodes.push(node("start".to_owned()));
        for index in 0..5000 {
            graph.nodes.push(node(format!("part {index} of 5000")));
            graph.edges.push(Arrow {
                from: 0,
                to: index + 1,
                condition: Condition::Success,
            });
        }
        for letter in 'a'..='z' {
            graph.nodes.push(node(format!("x{letter}")));
        }
        let few = grouped(&graph);
        let names: Vec<&str> = few.nodes.iter().map(|node| node.name.as_str()).collect();
        assert!(
            names.contains(&"part # of #") && names.contains(&"others"),
            "{names:?}"
        );
        assert_eq!(few.nodes.len(), 13);
        assert_eq!(few.edges.len(), 1);
        let all: u64 = few.nodes.iter().map(Node::count).sum();
        assert_eq!(all, 5027);
    }
}
