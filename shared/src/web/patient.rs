//! A connection whose peer has to take what it asked for in time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Time for which a peer may leave bytes waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connection that fails once its peer has taken nothing for ten seconds although there was something
/// to take: a client that is too slow is dropped, and may come again.
#[derive(Debug)]
pub(super) struct Patient<S> {
    inner: S,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            waiting: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: Unpin> Patient<S> {
    fn limited<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.limited(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.limited(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.limited(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep};

    use super::{PATIENCE, Patient};

    /// Runs a story in time that passes only while everything waits.
    fn run<T>(story: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(story)
    }

    #[test]
    fn a_client_that_takes_nothing_is_dropped() {
        run(async {
            let begin = Instant::now();
            let (own, _other) = duplex(4);
            let written = Patient::new(own).write_all(b"more than four").await;
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert!(begin.elapsed() >= PATIENCE && begin.elapsed() < 2 * PATIENCE);
        });
    }

    #[test]
    fn a_slow_client_that_takes_something_is_kept() {
        run(async {
            let (own, mut other) = duplex(4);
            let taking = tokio::spawn(async move {
                let mut taken = Vec::new();
                while taken.len() < 12 {
                    sleep(PATIENCE / 2).await;
                    let mut some = [0; 4];
                    let count = other.read(&mut some).await.unwrap();
                    taken.extend_from_slice(&some[..count]);
                }
                taken
            });
            let mut own = Patient::new(own);
            own.write_all(b"twelve bytes").await.unwrap();
            assert_eq!(taking.await.unwrap(), b"twelve bytes");
        });
    }
}
