//! The name of a command that was given none.

use super::escape;
use super::table::cut;
use crate::task::MAX_NAME_BYTES;

/// Columns of a command that serve as its name.
const NAME_COLUMNS: usize = 60;

/// Name of a command that has no character to show.
const UNNAMED: &str = "command";

/// The name made of a command: the beginning of its first line without unsafe characters, cut to the
/// width of a table and the length of a name.
pub(super) fn name_of(command: &str) -> String {
    let line = command.trim().lines().next().unwrap_or_default();
    let mut end = line.len().min(MAX_NAME_BYTES - '…'.len_utf8());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let spaced = line[..end].replace('\t', " ");
    let safe: String = spaced.chars().filter(|c| !escape::is_unsafe(*c)).collect();
    if safe.trim().is_empty() {
        return UNNAMED.to_owned();
    }
    cut(&safe, NAME_COLUMNS).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::escape::is_unsafe;
    use super::name_of;
    use crate::task::MAX_NAME_BYTES;

    #[test]
    fn the_name_of_a_command_is_the_safe_beginning_of_its_first_line() {
        assert_eq!(name_of("  make\t-j4\necho done"), "make -j4");
        assert_eq!(name_of("printf '\u{1b}[31m\u{202e}x'"), "printf '[31mx'");
        assert_eq!(name_of("\u{202e}\u{200b}"), "command");
        let long = "word ".repeat(20);
        assert_eq!(name_of(&long), "word ".repeat(11) + "word…");
    }

    proptest! {
        #[test]
        fn the_name_of_a_command_is_valid(command in "\\PC{1,400}") {
            prop_assume!(!command.trim().is_empty());
            let name = name_of(&command);
            prop_assert!(!name.trim().is_empty() && name.len() <= MAX_NAME_BYTES);
            prop_assert!(!name.chars().any(is_unsafe));
        }
    }
}
