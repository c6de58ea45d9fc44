//! Marks of a unit file by which a service is found. Pure.

/// Keys of the marks. systemd ignores keys that begin so.
pub(super) const FILE_KEY: &str = "X-Queue-File";
pub(super) const NAME_KEY: &str = "X-Queue-Service";
pub(super) const COMMAND_KEY: &str = "X-Queue-Command";

/// The id of a database in a unit file.
pub(super) fn file_word(file: i64) -> String {
    format!("{file:016x}")
}

/// The value of a key in the section `[Unit]`. A line that continues another is none of its own.
pub(super) fn mark<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (mut is_unit, mut continues) = (false, false);
    for line in text.lines().map(str::trim) {
        let begins = !std::mem::replace(&mut continues, line.ends_with('\\'));
        if begins && line.starts_with('[') {
            is_unit = line == "[Unit]";
        } else if begins && is_unit {
            let found = line.split_once('=').filter(|(own, _)| own.trim() == key);
            if let Some((_, value)) = found {
                return Some(value.trim());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn marks_are_read_in_their_section_alone() {
        let read = |text| mark(text, "X-Queue-File");
        assert_eq!(read("[Unit]\n X-Queue-File = a \n"), Some("a"));
        assert_eq!(read("X-Queue-File=a\n"), None);
        assert_eq!(read("[Service]\nX-Queue-File=a\n"), None);
        assert_eq!(read("[Unit]\n# X-Queue-File=a\n"), None);
        assert_eq!(read("[Unit]\nDescription=b\\\nX-Queue-File=a\n"), None);
        assert_eq!(read("[Unit]\nX-Queue-Files=a\n"), None);
    }
}
