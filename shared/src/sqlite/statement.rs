//! SQL statements from files.

/// The statement in a `.sql` file without the comments above it. `SQLite` and the statement cache
/// would read them at every use, and a comment may be longer than its statement.
///
/// ```
/// use queue_core::sqlite::statement;
/// const LAST: &str = statement("-- Says why.\nSELECT max(id) FROM queue_tasks\n");
/// assert_eq!(LAST, "SELECT max(id) FROM queue_tasks\n");
/// ```
pub const fn statement(file: &'static str) -> &'static str {
    let mut rest = file;
    while let [b'-', b'-', ..] = rest.as_bytes() {
        let mut end = 0;
        while end < rest.len() && rest.as_bytes()[end] != b'\n' {
            end += 1;
        }
        rest = rest
            .split_at(if end < rest.len() { end + 1 } else { end })
            .1;
    }
    rest
}

/// Declares every statement of an engine as a constant: the folder of the files, then the name of
/// each constant and of its file. Tests find them all in `STATEMENTS`, by file name.
#[macro_export]
macro_rules! statements {
    ($folder:literal; $($name:ident = $file:literal,)+) => {
        $(
            pub(crate) const $name: &str =
                $crate::sqlite::statement(include_str!(concat!($folder, $file, ".sql")));
        )+

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$(($file, $name)),+];
    };
}
