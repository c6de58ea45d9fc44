//! The section of a page that holds the figures.

/// Line before the figures.
pub(super) const BEGIN: &str = "<!-- figures: begin -->";
/// Line after the figures.
pub(super) const END: &str = "<!-- figures: end -->";

/// Replaces the section by `table`; `None` if the text has no such section.
pub(super) fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, with_table};

    #[test]
    fn a_table_replaces_the_old_one() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n");
        let new = with_table(&text, "| new |\n").unwrap();
        assert_eq!(new, format!("# Title\n\n{BEGIN}\n| new |\n{END}\n\nmore\n"));
        assert_eq!(with_table(&new, "| new |\n").unwrap(), new);
    }

    #[test]
    fn a_text_without_a_section_is_not_changed() {
        assert_eq!(with_table("# Title\n", "| new |\n"), None);
        assert_eq!(with_table(&format!("{END}{BEGIN}"), "| new |\n"), None);
    }
}
