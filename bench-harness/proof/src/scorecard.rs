//! Writes the figures of all proofs into the table of `docs/concepts/reliability.md`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::figure::Figure;

const BEGIN: &str = "<!-- scorecard: written by `prove scorecard` -->\n";
const END: &str = "<!-- end of the scorecard -->\n";

/// A figure as `-o json` prints it, one per line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Result.
    #[serde(flatten)]
    pub figure: Figure,
    /// Command that reproduces it.
    #[serde(default)]
    pub command: String,
}

/// Writes the figures from these files of JSON lines into a page's table, in their order. Of several
/// figures of the same kind, the last one counts.
///
/// # Errors
/// When a file cannot be read or the page has no scorecard section.
pub fn update(results: &[PathBuf], page: &Path) -> Result<()> {
    let mut lines: Vec<Line> = Vec::new();
    for path in results {
        for line in std::fs::read_to_string(path)?.lines() {
            let line: Line = serde_json::from_str(line)?;
            match lines
                .iter_mut()
                .find(|one| one.figure.what == line.figure.what)
            {
                Some(earlier) => *earlier = line,
                None => lines.push(line),
            }
        }
    }
    let text = std::fs::read_to_string(page)?;
    std::fs::write(page, with_table(&text, &table(&lines)?)?)?;
    Ok(())
}

fn with_table(page: &str, table: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("the page has no scorecard section")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn table(lines: &[Line]) -> Result<String> {
    let mut table = "| tried | times | broken | at most | seed | commit | command |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for Line { figure, command } in lines {
        let seeds: Vec<String> = figure.seeds.iter().map(u64::to_string).collect();
        let Figure {
            what,
            count,
            violations,
            commit,
            ..
        } = figure;
        let (count, bound, seeds) = (thousands(*count), bound(figure), seeds.join(", "));
        writeln!(
            table,
            "| {what} | {count} | {violations} | {bound} | {seeds} | {commit} | `{command}` |"
        )?;
    }
    Ok(table)
}

/// Upper bound on the share of broken cases if none of `count` broke: at most 3 in `count`, with 95 %
/// confidence (the rule of three).
fn bound(figure: &Figure) -> String {
    if figure.violations > 0 || figure.count == 0 {
        return String::new();
    }
    format!("1 in {}", thousands(figure.count / 3))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Figure, Line, table, thousands, with_table};

    #[test]
    fn the_table_replaces_the_old_one_and_leaves_the_rest() {
        let figure = Figure {
            what: "kills".to_owned(),
            count: 20_001,
            violations: 0,
            seeds: vec![1],
            seconds: 1.0,
            commit: "abc".to_owned(),
            ..Figure::default()
        };
        let command = "prove kills".to_owned();
        let new = table(&[Line { figure, command }]).expect("a table");
        assert!(new.ends_with("| kills | 20,001 | 0 | 1 in 6,667 | 1 | abc | `prove kills` |\n"));
        let page = format!("above\n{}old\n{}below\n", super::BEGIN, super::END);
        let page = with_table(&page, &new).expect("a section");
        assert!(page.starts_with("above\n") && page.ends_with("below\n") && !page.contains("old"));
        assert!(with_table("no place", &new).is_err());
    }

    #[test]
    fn large_numbers_are_grouped() {
        let grouped = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }
}
