//! Queues that `run` makes: their names tell what the lines are known by.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The word for standard input.
pub(in crate::cli) const STDIN: &str = "-";

/// The message of a task that was cancelled because its line had gone. One that a person cancelled
/// has none.
pub(in crate::cli) const WITHDRAWN: &str = "its line was taken out";

/// What the lines in a queue are known by.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Known<'a> {
    /// The absolute path of their file.
    Path(&'a str),
    /// The name of their file, and the fingerprint of its path.
    File { name: &'a str, fingerprint: u64 },
    /// The name that was given them.
    Name(&'a str),
    /// What they say.
    Content,
}

/// What the lines in that queue are known by, if it is the queue of a group.
pub(in crate::cli) fn known_by(queue: &str) -> Option<Known<'_>> {
    let (fingerprint, rest) = queue.strip_prefix("run:")?.split_once(':')?;
    let is_hex = fingerprint.len() == 16 && fingerprint.bytes().all(|c| c.is_ascii_hexdigit());
    let fingerprint = u64::from_str_radix(fingerprint, 16)
        .ok()
        .filter(|_| is_hex)?;
    Some(
        if rest.starts_with('/') && fingerprint == of_path(Path::new(rest)) {
            Known::Path(rest)
        } else if fingerprint == of_name(rest) {
            Known::Name(rest)
        } else if rest == STDIN {
            Known::Content
        } else {
            Known::File {
                name: rest,
                fingerprint,
            }
        },
    )
}

/// The fingerprint of the group of a file.
pub(in crate::cli) fn of_path(path: &Path) -> u64 {
    fnv64(path.as_os_str().as_bytes())
}

/// The fingerprint of the group of that name, which no path has.
pub(in crate::cli) fn of_name(name: &str) -> u64 {
    fnv64(&[b"name\0", name.as_bytes()].concat())
}

/// FNV-1a: stored in keys and queue names, so it must stay the same for ever.
pub(in crate::cli) fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
