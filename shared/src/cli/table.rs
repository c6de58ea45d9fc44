//! Tables for people: aligned by displayed width, cut to the width of the terminal.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape;
use crate::state::State;

/// Least width to which a column of text is cut.
const READABLE: usize = 20;

/// A table under construction. Every cell is made safe to show as it is added.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

/// A column's heading and side.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    right: bool,
    /// True if its cells may be cut when the terminal is too narrow for all columns.
    shrinks: bool,
}

/// A column of words.
pub const fn left(heading: &'static str) -> Column {
    Column {
        heading,
        right: false,
        shrinks: false,
    }
}

/// A column of text, cut if the terminal is too narrow for all columns.
pub const fn text(heading: &'static str) -> Column {
    Column {
        shrinks: true,
        ..left(heading)
    }
}

/// A column of numbers.
pub const fn right(heading: &'static str) -> Column {
    Column {
        right: true,
        ..left(heading)
    }
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell per column.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has a cell per column");
        let cells = cells.map(|cell| escape::line(cell).into_owned());
        self.rows.push(cells.into());
    }

    /// True if it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table. The last column takes the rest of `width`, if there is one; words of
    /// states are coloured if `color`.
    pub fn render(&self, width: Option<usize>, color: bool) -> String {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].width());
                cells
                    .chain([self.columns[column].heading.width()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        if let Some(width) = width {
            self.shrink(&mut widths, width);
        }
        let headings = self.columns.iter().map(|column| column.heading);
        let mut text = String::new();
        self.push_line(&mut text, headings, &widths, width, |_| None);
        for row in &self.rows {
            let cells = row.iter().map(String::as_str);
            self.push_line(&mut text, cells, &widths, width, |cell| {
                State::parse(cell).filter(|_| color).map(paint)
            });
        }
        text
    }

    /// Narrows the columns that shrink, down to a readable width, to make room for the last one.
    fn shrink(&self, widths: &mut [usize], width: usize) {
        let last = widths.len() - 1;
        let wanted: usize = widths[..last].iter().map(|width| width + 2).sum();
        let mut lacking = (wanted + widths[last].min(READABLE)).saturating_sub(width);
        for (column, own) in self.columns[..last].iter().zip(widths) {
            if column.shrinks {
                let given = own.saturating_sub(READABLE).min(lacking);
                *own -= given;
                lacking -= given;
            }
        }
    }

    fn push_line<'a>(
        &self,
        text: &mut String,
        cells: impl Iterator<Item = &'a str>,
        widths: &[usize],
        width: Option<usize>,
        paint: impl Fn(&str) -> Option<&'static str>,
    ) {
        let last = self.columns.len() - 1;
        let before: usize = widths[..last].iter().map(|width| width + 2).sum();
        for (column, cell) in cells.enumerate() {
            let room = width.map_or(usize::MAX, |width| width.saturating_sub(before).max(8));
            let shown = cut(cell, if column == last { room } else { widths[column] });
            let padding = " ".repeat(widths[column].saturating_sub(shown.width()));
            let is_right = self.columns[column].right;
            if is_right {
                *text += &padding;
            }
            match paint(cell) {
                Some(code) => {
                    let _ = write!(text, "\x1b[{code}m{shown}\x1b[0m");
                }
                None => *text += &shown,
            }
            if column < last {
                if !is_right {
                    *text += &padding;
                }
                *text += "  ";
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// The SGR code of a state's colour.
pub(crate) const fn paint(state: State) -> &'static str {
    match state {
        State::Scheduled | State::Blocked => "36",
        State::Queued => "39",
        State::Running => "34",
        State::Succeeded => "32",
        State::Failed => "31",
        State::Cancelled => "33",
        State::Skipped => "35",
    }
}

/// The beginning of `text` that fits into `width` columns, with `…` at the end if it was cut.
pub fn cut(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let mut used = 1;
    let end = text
        .char_indices()
        .find(|(_, c)| {
            used += c.width().unwrap_or(0);
            used > width
        })
        .map_or(text.len(), |(index, _)| index);
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::{Column, Table, cut, left, right, text};

    const COLUMNS: [Column; 3] = [right("ID"), left("STATE"), left("COMMAND")];

    fn table() -> Table {
        let mut table = Table::new(&COLUMNS);
        table.row(["9", "queued", "echo 世界"]);
        table.row(["10", "succeeded", "printf '\x1b[31m'"]);
        table
    }

    #[test]
    fn columns_align_and_cells_are_safe() {
        assert_eq!(
            table().render(None, false),
            "ID  STATE      COMMAND\n 9  queued     echo 世界\n10  succeeded  printf '\\x1b[31m'\n"
        );
    }

    #[test]
    fn the_last_column_is_cut_to_the_width() {
        let text = table().render(Some(24), false);
        assert!(text.lines().all(|line| line.width() <= 24), "{text}");
        assert!(
            text.contains("printf …\n") || text.contains("printf '…\n"),
            "{text}"
        );
    }

    #[test]
    fn a_column_of_text_leaves_room_for_the_last_one() {
        const NAMED: [Column; 3] = [right("ID"), text("NAME"), left("COMMAND")];
        let mut table = Table::new(&NAMED);
        table.row(["1", &"n".repeat(60), &"c".repeat(60)]);
        let shown = table.render(Some(50), false);
        assert!(shown.lines().all(|line| line.width() <= 50), "{shown}");
        let row = shown.lines().last().unwrap();
        assert_eq!(
            (row.matches('n').count(), row.matches('c').count()),
            (23, 19)
        );
        assert!(!table.render(Some(200), false).contains('…'));
        assert!(!table.render(None, false).contains('…'));
    }

    #[test]
    fn states_are_coloured_if_wanted() {
        assert!(
            table()
                .render(None, true)
                .contains("\x1b[32msucceeded\x1b[0m")
        );
        assert!(!table().render(None, false).contains('\x1b'));
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in "\\PC{0,40}", width in 1..30_usize) {
            prop_assert!(cut(&text, width).width() <= width);
        }
    }
}
