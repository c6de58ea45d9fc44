//! `report`: what verbs measured, shown together.

use std::path::PathBuf;

use super::document::Document;
use crate::{Result, Verdict, print};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Documents that `compare`, `suite`, `replay` or `peers` printed with `-o json`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the figures as the table of the README
    #[arg(long, required = true)]
    markdown: bool,
}

/// Reads the documents and shows them.
pub(crate) fn run(args: &ReportArgs) -> Result<Verdict> {
    let documents: Vec<Document> = args
        .files
        .iter()
        .map(|path| Document::read(path))
        .collect::<Result<_>>()?;
    if args.markdown {
        for document in documents.iter().filter(|one| !one.figures.is_empty()) {
            print(&document.markdown())?;
        }
    }
    Ok(Verdict::Passed)
}
