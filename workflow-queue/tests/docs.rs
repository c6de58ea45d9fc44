//! Runs the commands of every page about this program, from a fresh home.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")
)]

mod recording;

use std::fmt::Write as _;
use std::path::Path;

use queue_testing::docs;
use workflow_queue::schedule::cron::{FIELDS, SHORT_FORMS};

#[test]
fn every_page_runs_from_its_first_line_to_its_last() {
    docs::type_pages_about(Path::new(env!("CARGO_BIN_EXE_workflow-queue")));
}

/// Rows of the tables of docs/reference/cron.md.
fn grammar() -> String {
    let mut rows = String::new();
    for field in &FIELDS {
        let forms = field.forms.iter();
        let forms: Vec<String> = forms
            .map(|(form, meaning)| format!("`{form}`: {meaning}"))
            .collect();
        let cell = |text: String| {
            if text.is_empty() {
                text
            } else {
                format!("{text} ")
            }
        };
        writeln!(
            rows,
            "| {} | {} to {} | {}| {}|",
            field.name,
            field.lowest,
            field.highest,
            cell(field.names.join(", ")),
            cell(forms.join("; "))
        )
        .unwrap();
    }
    for (short, long) in SHORT_FORMS {
        writeln!(rows, "| `{short}` | `{long}` |").unwrap();
    }
    rows
}

#[test]
fn the_reference_of_cron_expressions_has_the_fields_and_forms_of_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/reference/cron.md")).unwrap();
    let rows = grammar();
    assert_eq!(rows.lines().count(), FIELDS.len() + SHORT_FORMS.len());
    for row in rows.lines() {
        assert!(page.lines().any(|line| line == row), "cron.md lacks: {row}");
    }
}
