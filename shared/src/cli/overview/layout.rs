//! Division of a screen among sections.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

/// Lines of a section besides its rows: an empty one and its headings.
const AROUND: usize = 2;

/// Number of rows of each section so that all fit into `height` lines, if there is a bound. If
/// there is no room for a row of each, the last sections are left out.
pub(in super::super) fn sections<const N: usize>(
    height: Option<usize>,
    needs: [usize; N],
) -> [usize; N] {
    let Some(height) = height else {
        return needs;
    };
    let mut needs = needs;
    let used = |needs: &[usize; N]| needs.iter().filter(|need| **need > 0).count();
    while used(&needs) * (AROUND + 1) > height {
        match needs.iter().rposition(|need| *need > 0) {
            Some(last) => needs[last] = 0,
            None => break,
        }
    }
    let room = height.saturating_sub(used(&needs) * AROUND);
    let shares = fill(room, &needs);
    std::array::from_fn(|index| shares[index])
}

/// Divides `room` evenly, none getting more than it needs.
pub(super) fn fill(room: usize, needs: &[usize]) -> Vec<usize> {
    let mut shares = vec![0; needs.len()];
    let mut left = room;
    while left > 0 && shares.iter().zip(needs).any(|(share, need)| share < need) {
        for (share, need) in shares.iter_mut().zip(needs) {
            if left > 0 && *share < *need {
                *share += 1;
                left -= 1;
            }
        }
    }
    shares
}

/// Items in lines no wider than the terminal: of each its plain text, which is measured, and the
/// text to show.
pub(super) fn wrap(items: &[(String, String)], width: Option<usize>) -> String {
    let width = width.unwrap_or(usize::MAX);
    let mut text = String::new();
    let mut used = 0;
    for (plain, shown) in items {
        if used > 0 && used + 2 + plain.width() > width {
            text.push('\n');
            used = 0;
        }
        let gap = if used > 0 { "  " } else { "" };
        used += gap.len() + plain.width();
        let _ = write!(text, "{gap}{shown}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AROUND, fill, sections, wrap};

    #[test]
    fn rows_are_divided_evenly_and_what_one_does_not_need_goes_to_others() {
        assert_eq!(fill(10, &[20, 1, 9]), [5, 1, 4]);
        assert_eq!(fill(2, &[0, 5, 5]), [0, 1, 1]);
        assert_eq!(sections(None, [20, 5, 9, 10]), [20, 5, 9, 10]);
        assert_eq!(sections(Some(22), [20, 5, 9, 10]), [4, 4, 3, 3]);
        assert_eq!(sections(Some(7), [20, 5, 9, 10]), [2, 1, 0, 0]);
        assert_eq!(sections(Some(2), [20, 5, 9, 10]), [0, 0, 0, 0]);
    }

    #[test]
    fn counts_are_wrapped_between_two_of_them() {
        let item = |text: &str| (text.to_owned(), format!("<{text}>"));
        let items = [item("1 queued"), item("2 running"), item("3 failed")];
        assert_eq!(
            wrap(&items, Some(20)),
            "<1 queued>  <2 running>\n<3 failed>\n"
        );
        assert_eq!(wrap(&items, None), "<1 queued>  <2 running>  <3 failed>\n");
    }

    proptest! {
        #[test]
        fn no_division_needs_more_lines_than_there_are(
            height in 0..80_usize,
            needs: [u8; 4],
        ) {
            let rows = sections(Some(height), needs.map(usize::from));
            let lines: usize = rows.iter().filter(|rows| **rows > 0).map(|rows| rows + AROUND).sum();
            prop_assert!(lines <= height);
            prop_assert!(rows.iter().zip(needs).all(|(rows, need)| *rows <= need.into()));
        }
    }
}
