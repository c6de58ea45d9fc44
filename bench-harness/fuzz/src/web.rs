//! The dashboard: heads, forms, filters, positions in the log.

use queue_core::internals::web::fuzzing;
use queue_core::journal::Cursor;

use super::check_sentence;

pub(crate) fn head(bytes: &[u8]) {
    fuzzing::head(bytes);
}

pub(crate) fn form(bytes: &[u8]) {
    fuzzing::form(bytes);
}

pub(crate) fn filter(bytes: &[u8]) {
    fuzzing::filter(bytes);
}

/// A cursor is read as it is written, and any other text is refused with a sentence.
pub(crate) fn cursor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<Cursor>() {
        Ok(cursor) => assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor)),
        Err(error) => check_sentence(&error.to_string()),
    }
}
