//! Positions in the log.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::task::TaskId;

/// Position in the events of a file: everything up to it was seen. Written as three numbers, such as
/// `1.2045.310`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cursor {
    /// Epoch of the file. A restore begins another one, and refuses cursors of earlier epochs.
    pub epoch: i64,
    /// Last event of the log that was seen.
    pub seq: i64,
    /// Highest task whose enqueue was seen.
    pub task: TaskId,
}

impl Cursor {
    /// The position before everything in that epoch.
    pub const fn start(epoch: i64) -> Self {
        Self {
            epoch,
            seq: 0,
            task: TaskId(0),
        }
    }

    /// Refuses a position of another epoch.
    ///
    /// # Errors
    /// [`Error::Invalid`], which says how to go on.
    pub fn check_epoch(&self, epoch: i64) -> Result<()> {
        if self.epoch == epoch {
            return Ok(());
        }
        if self.epoch > epoch {
            return Err(Error::invalid(format!(
                "the cursor {self} is of another file: this one is in epoch {epoch}; take one that this \
                 file gave out"
            )));
        }
        Err(Error::invalid(format!(
            "the cursor {self} is of epoch {}, and the file is in epoch {epoch} since it was \
             restored: events after the cursor may not be the ones that followed then; start again \
             with a time, or without --since",
            self.epoch
        )))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.epoch, self.seq, self.task)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut numbers = text.splitn(3, '.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<i64>().ok().filter(|_| is_number)
        });
        let mut next = || numbers.next().flatten();
        match (next(), next(), next()) {
            (Some(epoch), Some(seq), Some(task)) => Ok(Self {
                epoch,
                seq,
                task: TaskId(task),
            }),
            _ => Err(Error::invalid(format!(
                "`{}` is no cursor; a cursor is three numbers, such as 0.2045.310",
                text.escape_debug()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Cursor;
    use crate::task::TaskId;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_is_written(
            epoch in 0..i64::MAX, seq in 0..i64::MAX, task in 0..i64::MAX,
        ) {
            let cursor = Cursor { epoch, seq, task: TaskId(task) };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn no_other_text_is_a_cursor(text in "[0-9x .-]{0,12}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(text.split('.').count(), 3);
                prop_assert!(cursor.epoch >= 0 && cursor.seq >= 0 && cursor.task.0 >= 0);
            }
        }
    }

    #[test]
    fn a_cursor_of_another_epoch_is_refused_with_a_way_out() {
        let cursor = Cursor::start(3);
        cursor.check_epoch(3).unwrap();
        let refused = |epoch| cursor.check_epoch(epoch).unwrap_err().to_string();
        assert!(refused(4).contains("start again"), "{}", refused(4));
        assert!(refused(2).contains("of another file"), "{}", refused(2));
    }
}
