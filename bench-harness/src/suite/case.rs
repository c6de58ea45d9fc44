//! A case: the unit of measuring and of resuming.

use super::context::Context;
use super::findings::Findings;
use super::groups::{GROUPS, Group};
use crate::Result;
use crate::report::Figure;
use crate::report::document::Measured;
use crate::systems::EngineName;

/// One group, for one engine or drawn for several.
pub(super) struct Case {
    group: &'static Group,
    of: Of,
}

enum Of {
    /// Figures of one engine.
    Engine(EngineName),
    /// Charts of all selected engines, measured together.
    Charts(Vec<EngineName>),
}

impl Case {
    /// Cases of `engines` in the named groups, or in all groups.
    pub(super) fn all(engines: &[EngineName], names: &[String]) -> Vec<Self> {
        let wanted = |group: &&Group| names.is_empty() || names.iter().any(|one| one == group.name);
        let groups: Vec<&Group> = GROUPS.iter().filter(wanted).collect();
        let promised = |group: &Group| {
            let promised = engines.iter().filter(|engine| group.of(**engine).is_some());
            promised.copied().collect::<Vec<EngineName>>()
        };
        let figures = engines.iter().flat_map(|engine| {
            let own = groups.iter().filter(|group| group.of(*engine).is_some());
            own.map(|group| Self {
                group,
                of: Of::Engine(*engine),
            })
        });
        let charts = groups.iter().filter_map(|group| {
            let engines = promised(group);
            (group.charts.is_some() && !engines.is_empty()).then_some(Self {
                group,
                of: Of::Charts(engines),
            })
        });
        figures.chain(charts).collect()
    }

    /// Name in the resume file and in messages.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.heading(), self.group.name)
    }

    /// Heading under which the case is listed.
    pub(super) fn heading(&self) -> String {
        match &self.of {
            Of::Engine(engine) => engine.to_string(),
            Of::Charts(engines) => {
                let names: Vec<&str> = engines.iter().map(|engine| engine.as_str()).collect();
                format!("charts of {}", names.join(" and "))
            }
        }
    }

    /// Measures the case.
    pub(super) fn measure(&self, context: &Context) -> Result<Findings> {
        match &self.of {
            Of::Engine(engine) => {
                let measure = self
                    .group
                    .of(*engine)
                    .ok_or("the engine does not promise it")?;
                let of = |figure: Figure| Measured {
                    engine: *engine,
                    figure,
                };
                Ok(Findings {
                    figures: measure(context)?.into_iter().map(of).collect(),
                    ..Findings::default()
                })
            }
            Of::Charts(engines) => {
                let draw = self.group.charts.ok_or("it has no charts")?;
                draw(context, engines)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Case;
    use crate::systems::EngineName;

    const BOTH: [EngineName; 2] = [EngineName::Fast, EngineName::Workflow];

    fn names(engines: &[EngineName], names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Case::all(engines, &names).iter().map(Case::name).collect()
    }

    #[test]
    fn figures_are_measured_per_engine_and_charts_for_both_at_once() {
        assert_eq!(
            names(&BOTH, &["threads"]),
            [
                "fast-queue, threads",
                "workflow-queue, threads",
                "charts of fast-queue and workflow-queue, threads"
            ]
        );
        assert_eq!(names(&BOTH, &["crash"]).len(), 2);
    }

    #[test]
    fn only_promised_figures_are_measured() {
        assert!(names(&BOTH[..1], &["dag"]).is_empty());
        assert_eq!(
            names(&BOTH, &["dag"]),
            ["workflow-queue, dag", "charts of workflow-queue, dag"]
        );
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut all = names(&BOTH, &[]);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
