//! Password files (`PostgreSQL` documentation, "The Password File"): a line is
//! `host:port:database:user:password`, `*` matches anything, and a backslash escapes `:` and `\`.

/// The connection that a password is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) host: &'a str,
    pub(super) port: &'a str,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The password of the first line that matches.
pub(super) fn password(text: &str, subject: Subject<'_>) -> Option<String> {
    let wanted = [subject.host, subject.port, subject.database, subject.user];
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut rest = line;
            for part in wanted {
                let (field, after) = field(rest)?;
                if field.raw != "*" && field.value != part {
                    return None;
                }
                rest = after;
            }
            Some(unescaped(rest))
        })
}

/// A field as written, and its value.
struct Field<'a> {
    raw: &'a str,
    value: String,
}

/// The first field of a line and the text behind its colon.
fn field(line: &str) -> Option<(Field<'_>, &str)> {
    let mut is_escaped = false;
    let end = line.find(|c| {
        let is_end = c == ':' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    let raw = &line[..end];
    let value = unescaped(raw);
    Some((Field { raw, value }, &line[end + 1..]))
}

fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let letter = if letter == '\\' {
            letters.next().unwrap_or(letter)
        } else {
            letter
        };
        value.push(letter);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{Subject, password};

    const SUBJECT: Subject<'_> = Subject {
        host: "db",
        port: "5432",
        database: "tasks",
        user: "ann",
    };

    #[test]
    fn the_first_line_that_matches_gives_the_password() {
        let file = "# db:5432:tasks:ann:comment\ndb:5433:tasks:ann:port\ndb:*:*:ann:first\n*:*:*:*:second\n";
        assert_eq!(password(file, SUBJECT).as_deref(), Some("first"));
        let user = Subject {
            user: "bob",
            ..SUBJECT
        };
        assert_eq!(password(file, user).as_deref(), Some("second"));
        assert_eq!(password("db:5432:tasks:ann", SUBJECT), None);
        assert_eq!(password("", SUBJECT), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let file = r"::1:5432:tasks:ann:no
\:\:1:5432:ta\\sks:ann:a\:b\\c:d";
        let subject = Subject {
            host: "::1",
            database: r"ta\sks",
            ..SUBJECT
        };
        assert_eq!(password(file, subject).as_deref(), Some(r"a:b\c:d"));
    }

    #[test]
    fn an_escaped_star_is_a_star() {
        let file = r"\*:*:*:*:star";
        assert_eq!(password(file, SUBJECT), None);
        let subject = Subject {
            host: "*",
            ..SUBJECT
        };
        assert_eq!(password(file, subject).as_deref(), Some("star"));
    }
}
