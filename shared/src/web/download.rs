//! The output of a task as the body of an answer, read piece by piece as the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use hyper::body::{Bytes, Frame};
use tokio::task::JoinHandle;

use super::output::next_bytes;
use crate::error::{Error, Result};
use crate::runtime::log::KeptOutput;

/// Body of a download. One piece is held in memory at a time, some 64 KiB, however long the output is. A
/// log that cannot be read on ends the connection, so that the client does not take it for whole.
struct Download {
    next: Next,
}

/// State of a download.
enum Next {
    /// A piece, and the rest unless it was the last one.
    Piece(Bytes, Option<KeptOutput>),
    /// The next piece is being read.
    Reading(JoinHandle<Result<Next>>),
    /// The body has ended.
    End,
}

/// The body of that output. Its first piece is read at once, so that a missing log is an error here.
///
/// # Errors
/// For a log that cannot be read.
pub(super) fn body(kept: KeptOutput) -> Result<Body> {
    Ok(Body::new(Download { next: read(kept)? }))
}

fn read(mut kept: KeptOutput) -> Result<Next> {
    loop {
        let (bytes, is_more) = next_bytes(&mut kept)?;
        if !bytes.is_empty() || !is_more {
            return Ok(Next::Piece(bytes.into(), is_more.then_some(kept)));
        }
    }
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Error>>> {
        if let Next::Reading(reading) = &mut self.next {
            let read = ready!(Pin::new(reading).poll(context));
            self.next = Next::End;
            match read {
                Ok(Ok(next)) => self.next = next,
                Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
                Err(_) => {
                    let what = "an output could not be read".to_owned();
                    return Poll::Ready(Some(Err(Error::Bug { what })));
                }
            }
        }
        match std::mem::replace(&mut self.next, Next::End) {
            Next::Piece(bytes, rest) => {
                if let Some(rest) = rest {
                    self.next = Next::Reading(tokio::task::spawn_blocking(|| read(rest)));
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Next::Reading(_) | Next::End => Poll::Ready(None),
        }
    }
}
