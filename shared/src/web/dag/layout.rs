//! Layers, the order within them, and positions.

use super::Arrow;

/// Most bends of long edges: above them, edges are drawn straight.
const MOST_BENDS: usize = 20_000;
/// Sweeps that order the layers by their neighbours.
const SWEEPS: usize = 8;

/// Distance between the left sides of two layers.
pub(super) const LAYER: f64 = 218.0;
/// Width of a box.
pub(super) const WIDTH: f64 = 170.0;
/// Height of a box.
pub(super) const HEIGHT: f64 = 40.0;
const GAP: f64 = 14.0;
const BEND_HEIGHT: f64 = 2.0;

/// Position of every node and the way of every edge.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Left upper corners of the boxes.
    pub(super) places: Vec<(f64, f64)>,
    /// Points of each edge, from the box that it leaves to the one that it enters.
    pub(super) ways: Vec<Vec<(f64, f64)>>,
}

/// Layer of each of `count` nodes: one more than the highest of those before it. Edges of a cycle,
/// which no workflow has, are left out.
pub(in super::super) fn layers(count: usize, edges: &[Arrow]) -> Vec<usize> {
    let mut layer = vec![0; count];
    let mut open = vec![0; count];
    let mut after = vec![Vec::new(); count];
    for edge in edges {
        open[edge.to] += 1;
        after[edge.from].push(edge.to);
    }
    let mut ready: Vec<usize> = (0..count).filter(|node| open[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &next in &after[node] {
            layer[next] = layer[next].max(layer[node] + 1);
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    layer
}

/// Points of a drawing: nodes, then bends of long edges.
struct Points {
    layer: Vec<usize>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// Points of each edge between its ends.
    bends: Vec<Vec<usize>>,
}

impl Points {
    fn new(count: usize, edges: &[Arrow]) -> Self {
        let mut points = Self {
            layer: layers(count, edges),
            before: vec![Vec::new(); count],
            after: vec![Vec::new(); count],
            bends: Vec::with_capacity(edges.len()),
        };
        let span = |edge: &Arrow| points.layer[edge.to].saturating_sub(points.layer[edge.from]);
        let wanted: usize = edges.iter().map(|edge| span(edge).saturating_sub(1)).sum();
        for edge in edges {
            let mut bends = Vec::new();
            let mut last = edge.from;
            if wanted <= MOST_BENDS {
                for layer in points.layer[edge.from] + 1..points.layer[edge.to] {
                    let bend = points.layer.len();
                    points.layer.push(layer);
                    points.before.push(Vec::new());
                    points.after.push(Vec::new());
                    points.link(last, bend);
                    bends.push(bend);
                    last = bend;
                }
            }
            points.link(last, edge.to);
            points.bends.push(bends);
        }
        points
    }

    fn link(&mut self, from: usize, to: usize) {
        self.after[from].push(to);
        self.before[to].push(from);
    }

    /// The points of each layer, in an order in which few edges cross.
    fn ordered(&self) -> Vec<Vec<usize>> {
        let count = self.layer.iter().max().map_or(0, |last| last + 1);
        let mut rows = vec![Vec::new(); count];
        for (point, layer) in self.layer.iter().enumerate() {
            rows[*layer].push(point);
        }
        let mut rank = vec![0.0; self.layer.len()];
        let number = |rows: &[Vec<usize>], rank: &mut [f64]| {
            for row in rows {
                for (index, point) in row.iter().enumerate() {
                    rank[*point] = as_f64(index);
                }
            }
        };
        number(&rows, &mut rank);
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let sides = if down { &self.before } else { &self.after };
            let mut order: Vec<usize> = (0..rows.len()).collect();
            if !down {
                order.reverse();
            }
            for index in order {
                let row = &mut rows[index];
                let wish = |point: &usize| mean(&sides[*point], &rank).unwrap_or(rank[*point]);
                let mut wishes: Vec<(f64, usize)> =
                    row.iter().map(|point| (wish(point), *point)).collect();
                wishes.sort_by(|one, other| one.0.total_cmp(&other.0));
                *row = wishes.into_iter().map(|(_, point)| point).collect();
                for (at, point) in row.iter().enumerate() {
                    rank[*point] = as_f64(at);
                }
            }
        }
        rows
    }
}

/// Lays out `count` nodes.
pub(super) fn layout(count: usize, edges: &[Arrow]) -> Layout {
    let points = Points::new(count, edges);
    let rows = points.ordered();
    let size = |point: usize| if point < count { HEIGHT } else { BEND_HEIGHT };
    let mut middle = vec![0.0; points.layer.len()];
    for row in &rows {
        let mut top = 0.0;
        for &point in row {
            middle[point] = top + size(point) / 2.0;
            top += size(point) + GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let sides = if sweep % 2 == 0 {
            &points.before
        } else {
            &points.after
        };
        for row in &rows {
            settle(row, sides, &size, &mut middle);
        }
    }
    let least = (0..middle.len()).map(|point| middle[point] - size(point) / 2.0);
    let least = least.fold(f64::INFINITY, f64::min).min(1e9);
    let most = (0..middle.len()).map(|point| middle[point] + size(point) / 2.0);
    let most = most.fold(0.0, f64::max);
    let at = |point: usize| {
        let x = as_f64(points.layer[point]) * LAYER;
        (x, middle[point] - least)
    };
    let places = (0..count).map(|node| {
        let (x, y) = at(node);
        (x, y - HEIGHT / 2.0)
    });
    let ways = edges.iter().zip(&points.bends).map(|(edge, bends)| {
        let (from, to) = (at(edge.from), at(edge.to));
        let mut way = vec![(from.0 + WIDTH, from.1)];
        for bend in bends {
            let (x, y) = at(*bend);
            way.extend([(x, y), (x + WIDTH, y)]);
        }
        way.push(to);
        way
    });
    Layout {
        width: as_f64(rows.len().saturating_sub(1)) * LAYER + WIDTH,
        height: (most - least).max(HEIGHT),
        places: places.collect(),
        ways: ways.collect(),
    }
}

/// Moves the points of a layer towards their neighbours, without changing their order or letting two
/// overlap.
fn settle(row: &[usize], sides: &[Vec<usize>], size: &impl Fn(usize) -> f64, middle: &mut [f64]) {
    let wishes: Vec<f64> = row
        .iter()
        .map(|point| mean(&sides[*point], middle).unwrap_or(middle[*point]))
        .collect();
    // From above and from below; the middle of both respects either.
    let mut down = wishes.clone();
    for index in 1..row.len() {
        let apart = f64::midpoint(size(row[index - 1]), size(row[index])) + GAP;
        down[index] = down[index].max(down[index - 1] + apart);
    }
    let mut up = wishes;
    for index in (1..row.len()).rev() {
        let apart = f64::midpoint(size(row[index - 1]), size(row[index])) + GAP;
        up[index - 1] = up[index - 1].min(up[index] - apart);
    }
    for (index, point) in row.iter().enumerate() {
        middle[*point] = f64::midpoint(down[index], up[index]);
    }
}

fn mean(points: &[usize], of: &[f64]) -> Option<f64> {
    let sum: f64 = points.iter().map(|point| of[*point]).sum();
    (!points.is_empty()).then(|| sum / as_f64(points.len()))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing has some thousand points"
)]
fn as_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HEIGHT, LAYER, layers, layout};
    use crate::web::dag::Arrow;
    use crate::workflow::Condition;

    fn arrows(edges: &[(usize, usize)]) -> Vec<Arrow> {
        let arrow = |(from, to): &(usize, usize)| Arrow {
            from: *from,
            to: *to,
            condition: Condition::Success,
        };
        edges.iter().map(arrow).collect()
    }

    #[test]
    fn a_task_is_right_of_everything_it_waits_for() {
        let edges = arrows(&[(0, 1), (1, 2), (0, 2), (3, 2)]);
        assert_eq!(layers(4, &edges), [0, 1, 2, 0]);
        let layout = layout(4, &edges);
        assert_eq!(
            layout.ways[2].len(),
            4,
            "the long edge bends beside layer 1"
        );
        assert_eq!(layers(0, &[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn no_two_boxes_overlap_and_no_edge_leads_back(
            edges in prop::collection::vec((0..30_usize, 0..30_usize), 0..60),
        ) {
            let edges: Vec<_> = edges.into_iter().filter(|(from, to)| from < to).collect();
            let edges = arrows(&edges);
            let layout = layout(30, &edges);
            for (index, one) in layout.places.iter().enumerate() {
                prop_assert!(one.1 >= -0.01 && one.1 + HEIGHT <= layout.height + 0.01);
                for other in &layout.places[index + 1..] {
                    let is_apart = (one.0 - other.0).abs() >= LAYER - 0.01
                        || (one.1 - other.1).abs() >= HEIGHT - 0.01;
                    prop_assert!(is_apart, "{one:?} {other:?}");
                }
            }
            for edge in &edges {
                prop_assert!(layout.places[edge.from].0 < layout.places[edge.to].0);
            }
        }
    }
}
