//! Live updates: one stream of events for each browser, which says that something has changed.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Bytes, Frame};
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Time after which a stream without events says that it is there, so that proxies keep it.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// The newest event, for every stream. Each stream sends the newest one when its client takes it: a slow
/// one misses some, and none is kept for it.
#[derive(Debug)]
pub(super) struct Hub {
    newest: Sender<Bytes>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            newest: channel(Bytes::new()).0,
        }
    }

    /// Body of a stream: the newest event, if there is one, and each one after it.
    pub(super) fn stream(&self) -> Body {
        let mut newest = self.newest.subscribe();
        newest.mark_changed();
        Body::new(Stream {
            next: Box::pin(next(newest)),
        })
    }

    /// Sends an event to every stream.
    pub(super) fn send(&self, event: Bytes) {
        self.newest.send_replace(event);
    }

    /// Number of streams.
    pub(super) fn streams(&self) -> usize {
        self.newest.receiver_count()
    }
}

type Next = Pin<Box<dyn Future<Output = Option<(Receiver<Bytes>, Bytes)>> + Send>>;

/// Waits for the next event, or for the time to say that the stream is there.
async fn next(mut newest: Receiver<Bytes>) -> Option<(Receiver<Bytes>, Bytes)> {
    let event = match timeout(ALIVE_EVERY, newest.changed()).await {
        Ok(Ok(())) => newest.borrow_and_update().clone(),
        Ok(Err(_)) => return None,
        Err(_) => Bytes::new(),
    };
    let event = if event.is_empty() {
        Bytes::from_static(b":\n\n")
    } else {
        event
    };
    Some((newest, event))
}

struct Stream {
    next: Next,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.next.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some((newest, event))) => {
                self.next = Box::pin(next(newest));
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
        }
    }
}
