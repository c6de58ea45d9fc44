//! Content of a file that another version, another program or a fault may have written.

use queue_core::claim::WorkerId;
use queue_core::journal::Sums;
use queue_core::options::TaskOptions;
use queue_core::output::{Chunk, Output, Stream};
use queue_core::queue::Serves;
use queue_core::sqlite::rows::{self, Columns};
use queue_core::task::Work;
use rusqlite::types::ValueRef;

use crate::check_sentence;

/// Stored options are either read, and written back unchanged, or refused with a sentence.
pub(crate) fn options(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match TaskOptions::from_row(Some(text)) {
        Ok(options) => {
            let stored = options.to_row().expect("options are stored");
            let read = TaskOptions::from_row(stored.as_deref()).expect("they are read");
            assert_eq!(read, options);
            if let Err(error) = options.validate() {
                check_sentence(&error.to_string());
            }
        }
        Err(error) => check_sentence(&error.to_string()),
    }
    if let Ok(serves) = serde_json::from_str::<Serves>(text) {
        let stored = serde_json::to_string(&serves).expect("it is stored");
        assert_eq!(
            serde_json::from_str::<Serves>(&stored).expect("it is read"),
            serves
        );
    }
}

/// Bytes are the only form of some sums, or of none. Sums that are read can be added up, however large
/// they are, and stored again.
pub(crate) fn sums(bytes: &[u8]) {
    let Some(read) = Sums::decode(bytes) else {
        return;
    };
    assert_eq!(read.encode(), bytes);
    let mut all = read.clone();
    for _ in 0..3 {
        all.add(&read);
        assert!(all.all_ended() >= read.all_ended());
        assert_eq!(Sums::decode(&all.encode()).as_ref(), Some(&all));
    }
    for times in [&all.wait, &all.run, &all.cpu] {
        assert_eq!(times.mean().is_some(), times.count() > 0);
        let median = times.percentile(50);
        let longest = times.percentile(100);
        assert!(longest.is_none() || median <= longest);
    }
}

/// A row of values of any kind is either a task or refused with a sentence.
pub(crate) fn rows(bytes: &[u8]) {
    let row = AnyRow::of(bytes);
    match rows::claimed_task(&row, WorkerId(1), "handler") {
        Ok(Ok(task)) => assert!(task.attempt > 0 && task.claim.token > i64::MIN),
        Ok(Err(_)) => {}
        Err(error) => check_sentence(&error.to_string()),
    }
    for value in &row.0 {
        if let ValueRef::Integer(code) = *value {
            if let Ok(state) = rows::state(code) {
                assert_eq!(state.code(), code);
            }
            if let Some(reason) = rows::reason(Some(code)) {
                assert_eq!(reason.code(), code);
            }
        }
    }
    if let Some((kind, payload)) = bytes.split_first() {
        match Work::from_row((kind % 4).into(), "handler", payload.to_vec()) {
            Ok(work) => assert_eq!(&*work.to_payload(), payload),
            Err(error) => check_sentence(&error.to_string()),
        }
    }
    let message = String::from_utf8_lossy(bytes);
    let clipped = rows::clip_message(&message);
    assert!(clipped.len() <= rows::MAX_MESSAGE_BYTES && message.starts_with(clipped));
}

/// Values decoded from bytes: one byte gives a value's kind, and the number of bytes that it takes.
struct AnyRow<'a>(Vec<ValueRef<'a>>);

impl<'a> AnyRow<'a> {
    fn of(mut bytes: &'a [u8]) -> Self {
        let mut values = Vec::new();
        while let Some((kind, rest)) = bytes.split_first() {
            let (taken, rest) = match kind % 5 {
                0 => (0, rest),
                1 | 2 => (8.min(rest.len()), rest),
                _ => (usize::from(kind / 5).min(rest.len()), rest),
            };
            let (value, rest) = rest.split_at(taken);
            let mut number = [0; 8];
            number[..taken.min(8)].copy_from_slice(&value[..taken.min(8)]);
            values.push(match kind % 5 {
                0 => ValueRef::Null,
                1 => ValueRef::Integer(i64::from_le_bytes(number)),
                2 => ValueRef::Real(f64::from_le_bytes(number)),
                3 => ValueRef::Text(value),
                _ => ValueRef::Blob(value),
            });
            bytes = rest;
        }
        Self(values)
    }
}

impl Columns for AnyRow<'_> {
    fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>> {
        let value = self.0.get(index).copied();
        value.ok_or(rusqlite::Error::InvalidColumnIndex(index))
    }
}

/// Stored output decodes into pieces and at most one error at its end; encoded again, the pieces are
/// the same.
pub(crate) fn frames(bytes: &[u8]) {
    let output = Output(bytes.to_vec());
    let chunks: Vec<_> = output.chunks().collect();
    let good: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk.as_ref().ok())
        .collect();
    assert!(good.len() + 1 >= chunks.len(), "an error ends the sequence");
    assert!(
        chunks
            .iter()
            .position(Result::is_err)
            .is_none_or(|at| at == good.len())
    );
    let mut again = Output::default();
    let mut written = 0;
    for chunk in &good {
        match chunk {
            Chunk::Written { stream, bytes } => {
                written += bytes.len();
                again.push(*stream, bytes);
            }
            Chunk::Omitted(count) => again.push_omitted(*count),
            Chunk::GivenUp => again.push_given_up(),
            other => panic!("an unknown chunk: {other:?}"),
        }
    }
    assert!(written <= bytes.len());
    let read: Vec<_> = again
        .chunks()
        .collect::<Result<_, _>>()
        .expect("it was just written");
    assert!(read.iter().eq(good.iter().copied()));
    let mut pushed = Output::default();
    pushed.push(Stream::Stdout, bytes);
    let read = pushed.chunks().map(|chunk| match chunk {
        Ok(Chunk::Written { bytes, .. }) => bytes.into_owned(),
        other => panic!("{other:?} was not written"),
    });
    assert_eq!(read.flatten().collect::<Vec<_>>(), bytes);
}
