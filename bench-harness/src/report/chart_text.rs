//! Charts as text of 80 columns: their medians in a table.

use queue_core::cli::escape;

use super::document::{Bars, Curves};
use super::text::{short, table, wrap};

impl Bars {
    /// One line per bar, with its range.
    pub(crate) fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .bars
            .iter()
            .map(|bar| {
                let value = bar.value;
                vec![
                    format!("      {}", escape::line(&bar.label)),
                    short(value.median),
                    format!("({} to {})", short(value.min), short(value.max)),
                    escape::line(&bar.note).into_owned(),
                ]
            })
            .collect();
        let title = format!("{}, {}", self.title, self.unit);
        with_title(&title, &self.note, &table(&rows, 1))
    }
}

impl Curves {
    /// One row per `x`, one column per line of the chart.
    pub(crate) fn text(&self) -> String {
        let head = self
            .lines
            .iter()
            .map(|line| escape::line(&line.label).into_owned());
        let mut rows = vec![vec![format!("      {}", self.x.label)]];
        rows[0].extend(head);
        for x in self.xs() {
            let mut row = vec![format!("      {}", short(x))];
            for line in &self.lines {
                let point = line
                    .points
                    .iter()
                    .find(|point| point.x.total_cmp(&x).is_eq());
                row.push(point.map_or_else(String::new, |point| short(point.value.median)));
            }
            rows.push(row);
        }
        let title = format!("{}, {}", self.title, self.y.label);
        with_title(&title, &self.note, &table(&rows, 1))
    }

    /// Every `x` that has a point, ascending.
    pub(super) fn xs(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let mut xs: Vec<f64> = points.map(|point| point.x).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup_by(|one, other| one.total_cmp(other).is_eq());
        xs
    }
}

fn with_title(title: &str, note: &str, rows: &str) -> String {
    let title = wrap(&escape::line(title), "");
    if note.is_empty() {
        return format!("{title}{rows}");
    }
    format!("{title}{}{rows}", wrap(&escape::line(note), "      "))
}

#[cfg(test)]
mod tests {
    use crate::measure::Spread;
    use crate::report::document::tests::document;
    use crate::report::document::{Line, Point};

    #[test]
    fn a_curve_is_a_table_with_gaps_where_a_line_has_no_point() {
        let mut curves = document().curves.remove(0);
        curves.lines.push(Line {
            label: "raw".to_owned(),
            points: vec![Point {
                x: 1e6,
                value: Spread::of(&[7.0]),
            }],
        });
        let text = curves.text();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0], ["pending", "tasks", "fast-queue", "raw"]);
        assert_eq!(rows[1], ["1000", "2.00"]);
        assert_eq!(rows[2], ["1.00M", "2.00", "7.00"]);
    }

    #[test]
    fn a_bar_shows_its_range_and_control_characters_are_escaped() {
        let mut bars = document().bars.remove(0);
        bars.bars[0].label = "raw\u{1b}[2J".to_owned();
        let text = bars.text();
        assert!(text.contains("raw\\x1b[2J"), "{text}");
        assert!(text.contains("2.00  (1.00 to 4.00)"), "{text}");
    }
}
