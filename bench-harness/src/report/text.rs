//! Text of 80 columns: tables, paragraphs, numbers.

use std::fmt::Write as _;

use queue_core::cli::escape;

/// Width of the longest printed line.
pub(crate) const WIDTH: usize = 80;

/// Lays rows out in columns: the first `left` of them flush left, the others flush right.
pub(crate) fn table(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let _ = if column < left {
                write!(line, "{gap}{cell:<width$}")
            } else {
                write!(line, "{gap}{cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Breaks text at spaces so that no line exceeds [`WIDTH`]; every line begins with `indent`.
pub(crate) fn wrap(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = indent.to_owned();
    for word in text.split_whitespace() {
        let full = line.chars().count() + 1 + word.chars().count() > WIDTH;
        if full && line.len() > indent.len() {
            lines.push_str(line.trim_end());
            lines.push('\n');
            indent.clone_into(&mut line);
        }
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

/// A number with three significant digits: `0.934`, `12.5`, `61.2k`, `1.24M`, `3.00e14`.
pub(crate) fn short(value: f64) -> String {
    if value.abs() >= 1e12 {
        return format!("{value:.2e}");
    }
    let (scaled, suffix) = match value.abs() {
        size if size >= 999_500.0 => (value / 1e6, "M"),
        size if size >= 9_995.0 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let decimals = match scaled.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{scaled:.decimals$}{suffix}")
}

/// Escapes untrusted text so that it neither ends its line nor begins a tag.
pub(super) fn plain(text: &str) -> String {
    escape::line(text).replace('<', "&lt;")
}

/// As [`plain`], and does not end its table cell either.
pub(super) fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, short, table, wrap};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cells = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        let text = table(&[cells(["name", "n", "ms"]), cells(["a", "100", "2.5"])], 1);
        assert_eq!(text, "name    n   ms\na     100  2.5\n");
    }

    #[test]
    fn wrapped_lines_fit_and_keep_their_indent() {
        let text = wrap(&"seven-letters ".repeat(20), "    ");
        assert!(text.lines().count() > 1);
        for line in text.lines() {
            assert!(line.starts_with("    ") && line.chars().count() <= WIDTH);
        }
    }

    #[test]
    fn numbers_keep_three_digits() {
        let shown = [
            0.0,
            0.9344,
            1.0,
            12.54,
            158.4,
            9_990.0,
            61_234.0,
            1_240_000.0,
            3e14,
        ]
        .map(short);
        assert_eq!(
            shown,
            [
                "0", "0.934", "1.00", "12.5", "158", "9990", "61.2k", "1.24M", "3.00e14"
            ]
        );
    }
}
