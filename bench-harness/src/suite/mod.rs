//! `suite`: every figure that the design promises, measured on this machine beside its bar, and charts
//! of the engines' behaviour between and beyond the bars.
//!
//! Every figure is a ratio to another measurement of the same run, in turns, or has a probe beside it:
//! absolute times from another machine or another hour cannot be compared.

mod bulk;
mod case;
mod chart;
mod claims;
mod cli;
mod commands;
mod context;
mod crash;
mod dag;
mod dashboard;
mod depth;
mod fill;
mod findings;
mod groups;
mod handlers;
mod hundred;
mod idle;
mod kept;
mod memory;
mod metrics;
mod process;
mod processes;
mod progress;
mod queues;
mod schedules;
mod served;
mod single;
mod sleepers;
mod stamp;
mod threads;
mod wakeup;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::report::document::{Failed, Kind};
use crate::report::{Common, Document, Form, Judgement};
use crate::systems::EngineName;
use crate::{Result, Verdict, complain, print};
use case::Case;
use context::Context;
use findings::Findings;
use groups::GROUPS;
use kept::Kept;
use progress::Progress;

pub(crate) use process::verb;
pub(crate) use processes::{CycleArgs, run_cycle};
pub(crate) use sleepers::{SleepersArgs, run_sleepers};
pub(crate) use stamp::{StampArgs, run_stamp};

/// Arguments of `suite`.
#[derive(Debug, clap::Args)]
pub(crate) struct SuiteArgs {
    /// Groups to measure [default: all]
    #[arg(value_parser = PossibleValuesParser::new(
        GROUPS.iter().map(|group| PossibleValue::new(group.name).help(group.what))
    ))]
    names: Vec<String>,
    /// Engines to measure
    #[arg(long, value_enum, default_value = "both", value_name = "ENGINE")]
    engine: Engines,
    /// Exit 1 if a bar was missed, and name the figures
    #[arg(long)]
    check: bool,
    /// Run fewer rounds, shorter windows, and smaller files where the figure's name says so: under a
    /// minute in all
    #[arg(long)]
    quick: bool,
    /// Store every finished case in this file, and measure only the cases missing from it
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Engines to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engines {
    #[value(alias = "fast-queue")]
    Fast,
    #[value(alias = "workflow-queue")]
    Workflow,
    Both,
}

impl Engines {
    fn names(self) -> &'static [EngineName] {
        match self {
            Self::Fast => &[EngineName::Fast],
            Self::Workflow => &[EngineName::Workflow],
            Self::Both => &[EngineName::Fast, EngineName::Workflow],
        }
    }
}

/// Measures and prints.
pub(crate) fn run(args: &SuiteArgs) -> Result<Verdict> {
    let cases = Case::all(args.engine.names(), &args.names);
    if cases.is_empty() {
        return Err("that engine promises none of these figures".into());
    }
    let folder = crate::folder(args.common.dir.as_deref())?;
    let context = Context {
        folder: folder.path().to_owned(),
        quick: args.quick,
    };
    let mut document = Document::begin(Kind::Suite, folder.path())?;
    let mut kept = match &args.resume {
        Some(path) => Some(Kept::open(path, args.quick, &mut document)?),
        None => None,
    };
    if args.common.form == Form::Table {
        print(&document.probe_text())?;
    }
    measure(
        &cases,
        &context,
        args.common.form,
        kept.as_mut(),
        &mut document,
    )?;
    if args.common.form == Form::Json {
        print(&document.json()?)?;
    }
    verdict(&document, args.check)
}

/// Measures every case that is not stored yet; a table shows each as soon as it is measured.
fn measure(
    cases: &[Case],
    context: &Context,
    form: Form,
    mut kept: Option<&mut Kept>,
    document: &mut Document,
) -> Result<()> {
    let is_kept = |kept: &Kept| {
        let found = |case: &&Case| kept.findings(&case.name()).is_some();
        cases.iter().filter(found).count()
    };
    if let Some(taken) = kept.as_deref().map(is_kept).filter(|taken| *taken > 0) {
        complain(&format!(
            "{taken} of {} cases are measured already",
            cases.len()
        ));
    }
    let progress = Progress::start(cases.len())?;
    let mut heading = String::new();
    for case in cases {
        let name = case.name();
        progress.begin(&name);
        let known = kept
            .as_deref()
            .and_then(|kept| kept.findings(&name))
            .cloned();
        let found = match known {
            Some(findings) => Ok(findings),
            None => measure_one(case, context, kept.as_deref_mut()),
        };
        match found {
            Ok(findings) => {
                if form == Form::Table {
                    let own = case.heading();
                    let head = if own == heading {
                        String::new()
                    } else {
                        format!("{own}\n")
                    };
                    progress.print(&format!("{head}{}", findings.text()))?;
                    heading = own;
                }
                findings.add_to(document);
            }
            // A failed case does not stop the others.
            Err(error) => document.failed.push(Failed {
                case: name,
                why: error.to_string(),
            }),
        }
        progress.end();
    }
    Ok(())
}

/// Measures a case and stores its results.
fn measure_one(case: &Case, context: &Context, kept: Option<&mut Kept>) -> Result<Findings> {
    let findings = case.measure(context)?;
    if let Some(kept) = kept {
        kept.add(case.name(), findings.clone())?;
    }
    Ok(findings)
}

/// Verdict of the run: failed cases first, then missed bars.
fn verdict(document: &Document, check: bool) -> Result<Verdict> {
    let missed = document.judged(Judgement::Missed);
    let not_judged = document.judged(Judgement::NotJudged);
    if check && !not_judged.is_empty() {
        complain(&format!("not judged: {}", not_judged.join("; ")));
    }
    if !document.failed.is_empty() {
        let failed = document.failed.iter();
        let failed: Vec<String> = failed
            .map(|one| format!("{}: {}", one.case, one.why))
            .collect();
        return Err(format!("not measured: {}", failed.join("; ")).into());
    }
    Ok(if check && !missed.is_empty() {
        Verdict::Missed(missed)
    } else {
        Verdict::Passed
    })
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use crate::Verdict;
    use crate::report::document::Measured;
    use crate::report::document::tests::document;
    use crate::report::{Bar, Figure};
    use crate::systems::EngineName;

    #[test]
    fn a_missed_bar_fails_a_check_and_one_that_is_not_judged_does_not() {
        let mut document = document();
        document.failed.clear();
        let missed = vec!["workflow-queue, drain".to_owned()];
        assert_eq!(verdict(&document, true).unwrap(), Verdict::Missed(missed));
        assert_eq!(verdict(&document, false).unwrap(), Verdict::Passed);
        let slow = Figure::value("wakeup", 130.0, "us", Bar::AtMost(100.0)).probe("bare", 80.0);
        document.figures = vec![Measured {
            engine: EngineName::Fast,
            figure: slow,
        }];
        assert_eq!(verdict(&document, true).unwrap(), Verdict::Passed);
    }

    #[test]
    fn a_case_that_was_not_measured_is_named_with_its_reason() {
        let said = verdict(&document(), true).unwrap_err().to_string();
        assert_eq!(said, "not measured: depth: the disk is full");
    }
}
