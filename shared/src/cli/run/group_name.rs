//! Names of the queues that `run` makes: they tell the identity of the lines.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The word for standard input.
pub(in crate::cli) const STDIN: &str = "-";

/// Identity of the lines in a queue: how a later run finds them again.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Identity<'a> {
    /// Absolute path of their file.
    Path(&'a str),
    /// Name of their file and the fingerprint of its path, which is too long for a queue's name.
    File { name: &'a str, fingerprint: u64 },
    /// Name given with `--name`.
    Name(&'a str),
    /// Content of a stream.
    Content,
}

/// Identity of the lines in that queue, if it is the queue of a group.
pub(in crate::cli) fn identity_of(queue: &str) -> Option<Identity<'_>> {
    let (fingerprint, rest) = queue.strip_prefix("run:")?.split_once(':')?;
    let is_hex = fingerprint.len() == 16 && fingerprint.bytes().all(|c| c.is_ascii_hexdigit());
    let fingerprint = u64::from_str_radix(fingerprint, 16)
        .ok()
        .filter(|_| is_hex)?;
    Some(
        if rest.starts_with('/') && fingerprint == of_path(Path::new(rest)) {
            Identity::Path(rest)
        } else if fingerprint == of_name(rest) {
            Identity::Name(rest)
        } else if rest == STDIN {
            Identity::Content
        } else {
            Identity::File {
                name: rest,
                fingerprint,
            }
        },
    )
}

/// Fingerprint of the group of a file.
pub(in crate::cli) fn of_path(path: &Path) -> u64 {
    fnv64(path.as_os_str().as_bytes())
}

/// Fingerprint of the group of that name; no path has the same.
pub(in crate::cli) fn of_name(name: &str) -> u64 {
    fnv64(&[b"name\0", name.as_bytes()].concat())
}

/// FNV-1a: stored in keys and queue names, so it must stay the same for ever.
pub(in crate::cli) fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
