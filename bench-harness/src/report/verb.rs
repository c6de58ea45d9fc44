//! `report`: shows the results of other verbs together.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::{chart, page, readme};
use crate::{Result, Verdict, print, write_whole};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form").required(true).multiple(true))]
pub(crate) struct ReportArgs {
    /// Documents that `compare`, `suite`, `replay` or `peers` printed with `-o json`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write a self-contained page that shows all documents
    #[arg(long, value_name = "PAGE", group = "form")]
    html: Option<PathBuf>,
    /// Print the figures as a Markdown table
    #[arg(long, group = "form")]
    markdown: bool,
    /// Replace the table between the two marker comments of this page
    #[arg(long, value_name = "README", group = "form")]
    readme: Option<PathBuf>,
    /// Write the results of `peers` as a chart for a README, an SVG
    #[arg(long, value_name = "IMAGE", group = "form")]
    chart: Option<PathBuf>,
}

/// Reads the documents and shows them.
pub(crate) fn run(args: &ReportArgs) -> Result<Verdict> {
    let documents: Vec<Document> = args
        .files
        .iter()
        .map(|path| Document::read(path))
        .collect::<Result<_>>()?;
    let figures = documents.iter().filter(|one| !one.figures.is_empty());
    let table: String = figures.map(Document::markdown).collect();
    if let Some(path) = &args.html {
        write_whole(path, page::page(&documents).as_bytes())?;
    }
    if let Some(path) = &args.readme {
        update(path, &table)?;
    }
    if let Some(path) = &args.chart {
        let shown = path.display();
        let chart = chart::svg(&documents)
            .ok_or_else(|| format!("{shown} is left as it is: no document is of `peers`"))?;
        write_whole(path, chart.as_bytes())?;
    }
    if args.markdown {
        print(&table)?;
    }
    Ok(Verdict::Passed)
}

fn update(path: &Path, table: &str) -> Result<()> {
    let shown = path.display();
    if table.is_empty() {
        return Err(format!("{shown} is left as it is: these documents hold no figures").into());
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let text = readme::with_table(&text, table).ok_or_else(|| {
        let (begin, end) = (readme::BEGIN, readme::END);
        format!("{shown} has no section for the table; mark it with `{begin}` and `{end}`")
    })?;
    write_whole(path, text.as_bytes())
}
