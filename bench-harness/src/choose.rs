//! `choose`: recommends an engine, with the reason.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::compare::measured_ratio;
use crate::features::{FEATURES, Feature, Of, of_workflow_only};
use crate::report::document::Kind;
use crate::report::{Document, table, wrap};
use crate::{Result, Verdict, print};

/// Required features.
#[derive(Debug, clap::Args)]
pub(crate) struct ChooseArgs {
    /// Features that the queue must have
    #[arg(long, value_delimiter = ',', value_name = "NEED,…", value_parser = PossibleValuesParser::new(
        FEATURES.iter().map(|feature| PossibleValue::new(feature.need).help(feature.what))
    ))]
    needs: Vec<String>,
    /// Output of `compare -o json`, to state the cost of the choice on that machine
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Prints the choice and the reason.
pub(crate) fn run(args: &ChooseArgs) -> Result<Verdict> {
    let cost = args.from.as_deref().map(cost).transpose()?;
    let mut text = if args.needs.is_empty() {
        overview()
    } else {
        choice(&args.needs)
    };
    if let Some(cost) = cost {
        text += &wrap(&cost, "");
    }
    print(&text)?;
    Ok(Verdict::Passed)
}

fn choice(needs: &[String]) -> String {
    let needed = |feature: &&Feature| needs.iter().any(|need| need == feature.need);
    let alone: Vec<&Feature> = of_workflow_only().filter(needed).collect();
    let mut text = String::new();
    if alone.is_empty() {
        text += "fast-queue\n";
        let all = "It does all of that, with the smaller file format and the fewest moving parts; \
                   its file can be promoted later (`workflow-queue promote FILE`).";
        text += &wrap(all, "");
    } else {
        text += "workflow-queue\n";
        for feature in alone {
            let why = format!("fast-queue has no {}: {}.", feature.need, feature.what);
            text += &wrap(&why, "");
        }
    }
    text
}

fn overview() -> String {
    let decides = "Any of these needs is for workflow-queue; without them fast-queue has the \
                   smaller file format and the fewest moving parts, and its file can be promoted \
                   later (`workflow-queue promote FILE`).";
    let both = FEATURES.iter().filter(|feature| feature.of == Of::Both);
    format!(
        "{}\n{}\nBoth do:\n\n{}\n",
        wrap(decides, ""),
        needs(of_workflow_only()),
        needs(both)
    )
}

fn needs(features: impl Iterator<Item = &'static Feature>) -> String {
    let rows: Vec<_> = features
        .map(|feature| vec![format!("  {}", feature.need), feature.what.to_owned()])
        .collect();
    table(&rows, 2)
}

/// Measured cost of workflow-queue relative to fast-queue.
fn cost(path: &Path) -> Result<String> {
    let document = Document::read(path)?;
    let shown = path.display();
    if document.kind != Kind::Compare {
        return Err(format!("{shown} is not a report of `compare`").into());
    }
    let ratio = measured_ratio(&document)
        .ok_or_else(|| format!("{shown} lacks the 100 operations of both engines"))?;
    let when = &document.environment.date;
    Ok(format!(
        "Measured ({}): the 100 operations take workflow-queue {ratio:.2} times as long as \
         fast-queue, one commit each at equal durability (`fast`).",
        queue_core::cli::escape::line(when)
    ))
}

#[cfg(test)]
mod tests {
    use super::choice;

    fn of(needs: &[&str]) -> String {
        let needs: Vec<String> = needs.iter().map(|&need| need.to_owned()).collect();
        choice(&needs)
    }

    #[test]
    fn a_need_that_only_workflow_queue_meets_decides() {
        let text = of(&["priorities", "deps"]);
        assert!(text.starts_with("workflow-queue\n"), "{text}");
        assert!(
            text.contains("no deps") && !text.contains("no priorities"),
            "{text}"
        );
    }

    #[test]
    fn fast_queue_is_chosen_if_both_meet_every_need() {
        assert!(of(&["priorities", "logs"]).starts_with("fast-queue\n"));
    }
}
