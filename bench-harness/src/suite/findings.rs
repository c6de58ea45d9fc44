//! Results of a case, as stored and printed.

use serde::{Deserialize, Serialize};

use crate::report::Document;
use crate::report::document::{Bars, Curves, Measured};

/// Results of a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Findings {
    pub(super) figures: Vec<Measured>,
    pub(super) bars: Vec<Bars>,
    pub(super) curves: Vec<Curves>,
}

impl Findings {
    /// Adds the results to a document.
    pub(super) fn add_to(self, document: &mut Document) {
        document.figures.extend(self.figures);
        document.bars.extend(self.bars);
        document.curves.extend(self.curves);
    }

    /// As text of 80 columns.
    pub(super) fn text(&self) -> String {
        let figures = self.figures.iter().map(|one| one.figure.text());
        let bars = self.bars.iter().map(Bars::text);
        let curves = self.curves.iter().map(Curves::text);
        figures.chain(bars).chain(curves).collect()
    }
}

impl From<Curves> for Findings {
    fn from(curves: Curves) -> Self {
        Self {
            curves: vec![curves],
            ..Self::default()
        }
    }
}
