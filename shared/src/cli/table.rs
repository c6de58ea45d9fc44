//! Tables for people: aligned by displayed width, cut to the width of the terminal.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape;
use crate::state::State;

/// Width to which a column of text is cut first.
const READABLE: usize = 20;

/// Width to which a column of text is cut before a column that may be dropped is.
const LEAST: usize = 12;

/// SGR code of headings.
const BOLD: &str = "1";

/// A table under construction. Every cell is made safe to show as it is added.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column's heading and side.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    right: bool,
    /// True if its cells may be cut when the terminal is too narrow for all columns.
    shrinks: bool,
    /// Order in which columns are left out of a terminal that is still too narrow, the highest
    /// first; 0 for a column that stays.
    dropped: u8,
}

/// A column of words.
pub const fn left(heading: &'static str) -> Column {
    Column {
        heading,
        right: false,
        shrinks: false,
        dropped: 0,
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

impl Column {
    /// The same column, left out if the terminal is too narrow; those of the highest number first.
    #[must_use]
    pub const fn dropped(self, dropped: u8) -> Self {
        Self { dropped, ..self }
    }
}

/// Columns to show, by index, and their widths.
struct Layout {
    shown: Vec<usize>,
    widths: Vec<usize>,
    /// Width of the terminal, if there is one.
    width: usize,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell per column.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.cells(cells);
    }

    /// Adds a row of any number of cells, one per column.
    pub fn cells<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let cells = cells
            .into_iter()
            .map(|cell| escape::line(cell).into_owned());
        let row: Vec<String> = cells.collect();
        debug_assert_eq!(row.len(), self.columns.len(), "a row has a cell per column");
        self.rows.push(row);
    }

    /// True if it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table. The last column takes the rest of `width`, if there is one; no line
    /// is wider. Headings and words of states are coloured if `color`.
    pub fn render(&self, width: Option<usize>, color: bool) -> String {
        let layout = self.layout(width);
        let mut text = String::new();
        let headings: Vec<&str> = self.columns.iter().map(|column| column.heading).collect();
        self.push_line(&mut text, &headings, &layout, |_, _| color.then_some(BOLD));
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            self.push_line(&mut text, &cells, &layout, |column, cell| {
                let state = match cell {
                    HELD => Some(State::Blocked),
                    _ => State::parse(cell),
                };
                state
                    .filter(|_| color && column.heading == STATE)
                    .map(paint)
            });
        }
        text
    }

    /// The columns that fit, and their widths.
    fn layout(&self, width: Option<usize>) -> Layout {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].width());
                let heading = self.columns[column].heading.width();
                cells.chain([heading]).max().unwrap_or(0)
            })
            .collect();
        let mut shown: Vec<usize> = (0..widths.len()).collect();
        if let Some(width) = width {
            while self.needed(&shown, &widths) > width {
                let droppable = shown
                    .iter()
                    .filter(|index| self.columns[**index].dropped > 0);
                let Some(&next) = droppable.max_by_key(|index| self.columns[**index].dropped)
                else {
                    break;
                };
                shown.retain(|index| *index != next);
            }
            for floor in [READABLE, LEAST] {
                self.shrink(&shown, &mut widths, width, floor);
            }
        }
        Layout {
            shown,
            widths,
            width: width.unwrap_or(usize::MAX),
        }
    }

    /// Width of these columns if those that may be cut are, the last one less than the others.
    fn needed(&self, shown: &[usize], widths: &[usize]) -> usize {
        let needed = shown.iter().enumerate().map(|(position, &index)| {
            let is_last = position + 1 == shown.len();
            let width = widths[index];
            if is_last {
                width.min(READABLE)
            } else if self.columns[index].shrinks {
                width.min(LEAST) + GAP
            } else {
                width + GAP
            }
        });
        needed.sum()
    }

    /// Narrows the columns of text, down to `floor`, to make room for the last one.
    fn shrink(&self, shown: &[usize], widths: &mut [usize], width: usize, floor: usize) {
        let Some((&last, before)) = shown.split_last() else {
            return;
        };
        let wanted: usize = before.iter().map(|&index| widths[index] + GAP).sum();
        let mut lacking = (wanted + widths[last].min(READABLE)).saturating_sub(width);
        for &index in before.iter().filter(|index| self.columns[**index].shrinks) {
            let given = widths[index].saturating_sub(floor).min(lacking);
            widths[index] -= given;
            lacking -= given;
        }
    }

    fn push_line(
        &self,
        text: &mut String,
        cells: &[&str],
        layout: &Layout,
        paint: impl Fn(&Column, &str) -> Option<&'static str>,
    ) {
        let mut room = layout.width;
        for (position, &index) in layout.shown.iter().enumerate() {
            let (column, cell) = (&self.columns[index], cells[index]);
            let is_last = position + 1 == layout.shown.len();
            let own = layout.widths[index].min(room);
            let shown = cut(cell, own);
            let padding = " ".repeat(own.saturating_sub(shown.width()));
            if column.right {
                *text += &padding;
            }
            match paint(column, cell) {
                Some(code) => {
                    let _ = write!(text, "\x1b[{code}m{shown}\x1b[0m");
                }
                None => *text += &shown,
            }
            if !is_last {
                if !column.right {
                    *text += &padding;
                }
                room = room.saturating_sub(layout.widths[index] + GAP);
                if room == 0 {
                    break;
                }
                *text += "  ";
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// Columns between two cells.
const GAP: usize = 2;

/// Heading of the column of states.
const STATE: &str = "STATE";

/// Word for a blocked task that a person holds, in the column of states.
pub(crate) const HELD: &str = "held";

/// `text` in the colour of a state.
pub(crate) fn painted(state: State, text: &str) -> String {
    format!("\x1b[{}m{text}\x1b[0m", paint(state))
}

/// The SGR code of a state's colour.
const fn paint(state: State) -> &'static str {
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
    if width == 0 {
        return "".into();
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
    fn a_narrow_terminal_leaves_out_the_columns_that_may_be() {
        const SOME: [Column; 4] = [
            right("ID"),
            right("PRIORITY").dropped(2),
            left("WHEN").dropped(1),
            left("COMMAND"),
        ];
        let mut table = Table::new(&SOME);
        table.row(["1", "0", "3m12s ago", &"c".repeat(60)]);
        let headings = |width| {
            let shown = table.render(width, false);
            let line = shown.lines().next().unwrap();
            line.split_whitespace().count()
        };
        assert_eq!(headings(None), 4);
        assert_eq!((headings(Some(45)), headings(Some(40))), (4, 3));
        assert_eq!(headings(Some(30)), 2);
    }

    #[test]
    fn states_are_coloured_if_wanted() {
        let mut table = table();
        table.row(["11", "queued", "failed"]);
        let shown = table.render(None, true);
        assert!(shown.contains("\x1b[32msucceeded\x1b[0m"));
        assert!(shown.ends_with("  failed\n"), "a command is no state");
        assert!(!table.render(None, false).contains('\x1b'));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            cells in prop::collection::vec("\\PC{0,30}", 3..4),
            width in 1..60_usize,
        ) {
            let mut table = Table::new(&COLUMNS);
            table.cells(cells.iter().map(String::as_str));
            for line in table.render(Some(width), false).lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }

        #[test]
        fn a_cut_text_fits(text in "\\PC{0,40}", width in 1..30_usize) {
            prop_assert!(cut(&text, width).width() <= width);
        }
    }
}
