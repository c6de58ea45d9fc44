//! Comparison of the events that arrived with those of the file.

use std::collections::{BTreeMap, BTreeSet};

/// Most faults that are named.
const MOST_NAMED: usize = 20;

/// The events of one order, by their ids: those of the log, or the enqueues.
#[derive(Debug)]
pub(super) struct Order {
    /// Name for a fault.
    pub(super) name: &'static str,
    /// The ids that have to arrive, in order.
    pub(super) expected: Vec<String>,
}

/// Faults of an order: events that did not arrive, and first arrivals out of order.
pub(super) fn faults(order: &Order, arrived: &[String]) -> Vec<String> {
    let place: BTreeMap<&str, usize> = order
        .expected
        .iter()
        .enumerate()
        .map(|(place, id)| (id.as_str(), place))
        .collect();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    let mut furthest = None;
    for id in arrived {
        let Some(place) = place.get(id.as_str()) else {
            continue;
        };
        if !seen.insert(id.as_str()) {
            continue;
        }
        if furthest > Some(*place) {
            faults.push(format!("{}: {id} arrived after a later one", order.name));
        }
        furthest = furthest.max(Some(*place));
    }
    let lost = order
        .expected
        .iter()
        .filter(|id| !seen.contains(id.as_str()));
    faults.extend(lost.map(|id| format!("{}: {id} was lost", order.name)));
    faults.truncate(MOST_NAMED);
    faults
}

/// Number of arrivals that were repetitions.
pub(super) fn repeated(arrived: &[String]) -> u64 {
    let distinct: BTreeSet<&String> = arrived.iter().collect();
    (arrived.len() - distinct.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::{Order, faults, repeated};

    fn found(arrived: &[&str]) -> Vec<String> {
        let order = Order {
            name: "log",
            expected: ["1", "2", "3"].map(str::to_owned).into(),
        };
        let arrived: Vec<String> = arrived.iter().map(|id| (*id).to_owned()).collect();
        faults(&order, &arrived)
    }

    #[test]
    fn a_repetition_is_no_fault_and_a_loss_or_another_order_is_one() {
        assert_eq!(found(&["1", "2", "2", "other", "1", "3"]), [""; 0]);
        assert_eq!(found(&["1", "3"]), ["log: 2 was lost"]);
        assert_eq!(
            found(&["1", "3", "2", "3"]),
            ["log: 2 arrived after a later one"]
        );
        let twice = ["1", "1", "2", "1"].map(str::to_owned);
        assert_eq!(repeated(&twice), 2);
    }
}
