//! Requests of producers, and the acknowledgements they received.

use std::collections::BTreeSet;

/// Requests and acknowledgements of a round.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Printed ids, each with the name of its task.
    pub(super) acknowledged: Vec<(i64, String)>,
    /// Names of tasks requested one at a time.
    pub(super) singles: Vec<String>,
    /// Names of tasks requested as a batch: all are stored, or none.
    pub(super) batches: Vec<Vec<String>>,
}

impl Ledger {
    /// Every requested name.
    pub(super) fn asked(&self) -> BTreeSet<&str> {
        let batches = self.batches.iter().flatten();
        self.singles
            .iter()
            .chain(batches)
            .map(String::as_str)
            .collect()
    }

    /// Adds the ids that a program printed for these names before it ended or was killed. An incomplete
    /// line is no acknowledgement.
    pub(super) fn acknowledge(&mut self, printed: &[u8], names: &[String]) {
        let text = String::from_utf8_lossy(printed);
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        for (line, name) in whole.zip(names) {
            if let Ok(id) = line.trim_end().parse() {
                self.acknowledged.push((id, name.clone()));
            }
        }
    }
}
