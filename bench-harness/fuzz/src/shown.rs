//! Display of untrusted text: on a terminal, in JSON, in a unit file.

use queue_core::cli::table::{Column, Table, left, right, text};
use queue_core::cli::{escape, json};
use queue_core::internals::fuzzing;

const COLUMNS: [Column; 3] = [left("A"), text("B"), right("C")];

/// Displayed text holds no terminal control sequence; JSON still encodes the original text.
pub(crate) fn terminal(bytes: &[u8]) {
    let lossy = String::from_utf8_lossy(bytes);
    let line = escape::line(&lossy);
    assert!(!line.contains(escape::is_unsafe), "{line:?}");
    assert_eq!(escape::line(&line), line, "escaping is idempotent");
    let kept = |c| escape::is_unsafe(c) && c != '\n' && c != '\t';
    assert!(!escape::block(&lossy).contains(kept));
    assert!(!escape::bytes(bytes).contains(kept));
    // No character grows beyond the longest escape.
    assert!(line.len() <= 10 * lossy.len());

    let written = json::text(&lossy).expect("text is JSON");
    assert!(!written.contains(escape::is_unsafe), "{written:?}");
    let read: String = serde_json::from_str(&written).expect("JSON reads back");
    assert_eq!(read, lossy);

    let width = bytes.first().map(|byte| usize::from(*byte));
    let mut table = Table::new(&COLUMNS);
    let middle = (0..=lossy.len() / 2)
        .rev()
        .find(|at| lossy.is_char_boundary(*at));
    let (front, back) = lossy.split_at(middle.unwrap_or(0));
    table.row([front, back, &lossy]);
    table.row([back, &lossy, front]);
    let shown = table.render(width, false);
    assert_eq!(shown.lines().count(), 3, "one line per row: {shown:?}");
    assert!(!shown.contains(|c| escape::is_unsafe(c) && c != '\n'));
}

/// Four texts, separated by NUL, become a unit file with the same lines as any other, in which systemd
/// expands nothing.
pub(crate) fn unit(bytes: &[u8]) {
    let lossy = String::from_utf8_lossy(bytes);
    let mut texts = lossy.split('\0');
    let mut next = || texts.next().unwrap_or_default();
    let (program, database, queue) = (next(), next(), next());
    let extra: Vec<String> = texts.map(str::to_owned).collect();
    let Ok(unit) = fuzzing::unit(program, database, queue, &extra) else {
        assert!(program.contains(['$', '\n', '\r']));
        return;
    };
    let plain = fuzzing::unit("/bin/x", "/x.db", "default", &[]).expect("plain words make a unit");
    let keys = |text: &str| -> Vec<String> {
        let keys = text.split('\n').map(|line| line.split('=').next());
        keys.map(|key| key.unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(keys(&unit), keys(&plain), "the same keys");
    assert!(!unit.contains(|c| escape::is_unsafe(c) && c != '\n'));
    for line in unit.lines() {
        assert!(!line.ends_with('\\'), "{line:?} continues on the next line");
        assert!(literal(line, '%'), "a specifier in {line:?}");
        if line.starts_with("ExecStart=") {
            assert!(literal(line, '$'), "a variable in {line:?}");
        }
    }
}

/// Returns true if `sign` occurs only doubled, which escapes it.
fn literal(line: &str, sign: char) -> bool {
    let runs = line.split(|c| c != sign);
    runs.map(str::len).all(|length| length.is_multiple_of(2))
}
