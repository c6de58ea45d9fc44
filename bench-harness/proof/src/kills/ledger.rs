//! What producers asked for and what was acknowledged to them.

use std::collections::BTreeSet;

/// The demands and acknowledgements of a round.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Ids that were printed, and the name of the task each was printed for.
    pub(super) acknowledged: Vec<(i64, String)>,
    /// Names of tasks that were asked for one at a time.
    pub(super) singles: Vec<String>,
    /// Names of tasks that were asked for together: all are there, or none is.
    pub(super) batches: Vec<Vec<String>>,
}

impl Ledger {
    /// Every name that was asked for.
    pub(super) fn asked(&self) -> BTreeSet<&str> {
        let batches = self.batches.iter().flatten();
        self.singles
            .iter()
            .chain(batches)
            .map(String::as_str)
            .collect()
    }

    /// Notes the ids that a program printed for these names before it ended or was killed. A line
    /// without its end is no acknowledgement.
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
