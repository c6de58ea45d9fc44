//! The comparison as text of 80 columns.

use super::Comparison;
use super::advice::advice;
use super::hundred::{cut_name, level_name};
use super::summary::{COLUMNS, rows};
use crate::report::{Document, short, table, wrap};

const CUTS: &str = "each: a commit for every operation; fives: tasks claimed five at a time, all \
                    else as before; batched: three commits.";
const RAW: &str = "raw: the same schema, pragmas and prepared statements on a bare connection, \
                   without validation, recovery, wakeups or a lock between processes; it keeps \
                   SQLite's own checkpoints and busy handler, which the engines replace.";
const ROWS: &str = "Memory is the most that a process of its own occupied. Features are those of \
                    `bench-harness choose`. The last rows are scalability: how many times as long \
                    a claim takes, how many times as much is pushed. The ratio is workflow-queue's \
                    to fast-queue's; of times it is the median of the rounds' ratios.";

/// The operations in every way, the engines side by side, and the recommendations.
pub(super) fn text(comparison: &Comparison, document: &Document) -> String {
    let mut side_by_side = vec![COLUMNS.map(str::to_owned).to_vec()];
    side_by_side.extend(rows(comparison));
    let advice = advice(comparison);
    let advice: String = advice
        .iter()
        .map(|one| wrap(&format!("- {one}"), ""))
        .collect();
    [
        document.probe_text() + &wrap(&about(comparison), ""),
        operations(comparison),
        wrap(CUTS, "") + &wrap(RAW, ""),
        table(&side_by_side, 1),
        wrap(ROWS, ""),
        format!("Which to take, by this run:\n{advice}"),
    ]
    .join("\n")
}

fn about(comparison: &Comparison) -> String {
    let hundred = &comparison.hundred;
    let [fast, full] = hundred.rounds;
    format!(
        "{} enqueues, {} claims, {} settles; {fast} runs in turns ({full} at full), each on a new \
         file; opening it is not timed. Ratios are medians of the rounds' ratios.",
        hundred.operations,
        hundred.operations / 2,
        hundred.operations / 4
    )
}

fn operations(comparison: &Comparison) -> String {
    let head = "level,commits,system,min ms,median,max,× raw,× fast,× each".split(',');
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for line in &comparison.hundred.lines {
        rows.push(vec![
            level_name(line.level).to_owned(),
            cut_name(line.commits).to_owned(),
            line.system.as_str().to_owned(),
            short(line.ms.min),
            short(line.ms.median),
            short(line.ms.max),
            format!("{:.2}", line.to_raw),
            format!("{:.2}", line.to_fast),
            format!("{:.2}", line.to_each),
        ]);
    }
    table(&rows, 3)
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::compare::tests::comparison;
    use crate::report::WIDTH;
    use crate::report::document::{Document, Kind};

    #[test]
    fn the_tables_fit_eighty_columns_at_any_size() {
        let folder = tempfile::tempdir().unwrap();
        let document = Document::begin(Kind::Compare, folder.path()).unwrap();
        let text = text(&comparison(10_000_000, 123_456.0), &document);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        for row in [
            "total, ms",
            "per operation",
            "memory",
            "features",
            "complexity",
        ] {
            assert!(
                text.lines().any(|line| line.starts_with(row)),
                "{row}: {text}"
            );
        }
        assert!(!text.contains("\n\n\n"), "{text}");
    }
}
