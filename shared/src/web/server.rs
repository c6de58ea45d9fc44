//! Connections and their limits, and the end of the program.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::dashboard::{Dashboard, Options};
use super::listener::{Listener, Socket};
use super::patient::Patient;
use super::router::router;
use super::sources::Sources;
use super::{folding, live, request};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::watch::{Watchdog, WatchedLoop};

/// Most connections at the same time. A browser has a few.
const MOST_CONNECTIONS: usize = 2048;

/// Most bytes of a request's head.
const MOST_HEAD_BYTES: usize = 16 * 1024;

/// Most lines of a request's head.
const MOST_HEADERS: usize = 100;

/// Time for a request's head to arrive, and for the next request on a connection.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// Time for which a connection is waited for at once.
const ACCEPT_TIME: Duration = Duration::from_secs(5);

/// Threads that wait for the file.
const FILE_THREADS: usize = 4;

/// Time for connections to end when the program stops.
const END_TIME: Duration = Duration::from_secs(2);

/// Answer to a connection above the most.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\
                      retry-after: 5\r\nconnection: close\r\n\r\n";

/// Serves the dashboard of that file until SIGTERM or SIGINT. `ready` gets the path of the login
/// page, with the token, once requests are answered.
///
/// # Errors
/// If the token cannot be read or made, the file cannot be read, or the system refuses a thread, a
/// signal or a socket.
pub fn serve<Q: Queue, E: From<Error>>(
    queue: Q,
    sources: Sources<Q>,
    options: Options,
    listener: &Listener,
    ready: impl FnOnce(&str) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let dashboard = Dashboard::new(queue, sources, options)?;
    dashboard.counts.read(&dashboard.queue)?;
    need_descriptors();
    let refused = |error| Error::io("cannot start the dashboard", error);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(FILE_THREADS)
        .build()
        .map_err(refused)?;
    let token = dashboard.keys.token().to_owned();
    let login = format!("login{}", request::query_of([("token", token)]));
    let served = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let watchdog = dashboard.options.watchdog.clone();
        let serving = Serving {
            router: router(Arc::clone(&dashboard)),
            stopped,
            free: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            watched: watchdog.watch("connections"),
        };
        let free = Arc::clone(&serving.free);
        let accepting = serving.listen(listener)?;
        let ticking = tokio::spawn(tick(watchdog));
        let looking = tokio::spawn(live::watch(Arc::clone(&dashboard)));
        let folding = dashboard
            .writes()
            .then(|| tokio::spawn(folding::fold(Arc::clone(&dashboard))));
        ready(&login)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        accepting.abort();
        ticking.abort();
        looking.abort();
        if let Some(folding) = folding {
            folding.abort();
        }
        let _ = stop.send(true);
        let all = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
        let _ = timeout(END_TIME, free.acquire_many(all)).await;
        Ok(())
    });
    runtime.shutdown_timeout(END_TIME);
    served
}

/// Ticks for the watchdog. If nothing runs on this thread, not even this, no probe is answered either.
async fn tick(watchdog: Watchdog) -> Infallible {
    loop {
        tokio::time::sleep(Watchdog::TICK).await;
        watchdog.tick();
    }
}

/// Everything that a connection needs.
#[derive(Clone)]
struct Serving {
    router: Router,
    stopped: watch::Receiver<bool>,
    free: Arc<Semaphore>,
    /// The loop that accepts connections.
    watched: WatchedLoop,
}

impl Serving {
    /// Accepts connections from now on.
    fn listen(self, listener: &Listener) -> Result<tokio::task::JoinHandle<Infallible>> {
        let refused = |error| Error::io("cannot listen", error);
        Ok(match &listener.socket {
            Socket::Tcp(socket) => {
                let socket = socket.try_clone().map_err(refused)?;
                let socket = TcpListener::from_std(socket).map_err(refused)?;
                tokio::spawn(async move {
                    loop {
                        self.watched.moved();
                        let Ok(accepted) = timeout(ACCEPT_TIME, socket.accept()).await else {
                            continue;
                        };
                        if let Ok((stream, _)) = &accepted {
                            let _ = stream.set_nodelay(true);
                        }
                        self.accepted(accepted.map(|(stream, _)| stream)).await;
                    }
                })
            }
            Socket::Unix(socket) => {
                let socket = socket.try_clone().map_err(refused)?;
                let socket = UnixListener::from_std(socket).map_err(refused)?;
                tokio::spawn(async move {
                    loop {
                        self.watched.moved();
                        if let Ok(accepted) = timeout(ACCEPT_TIME, socket.accept()).await {
                            self.accepted(accepted.map(|(stream, _)| stream)).await;
                        }
                    }
                })
            }
        })
    }

    async fn accepted<S>(&self, accepted: std::io::Result<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A shortage of descriptors, which passes, or a client that is gone already.
        let Ok(mut stream) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return;
        };
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            let _ = timeout(Duration::from_millis(50), stream.write_all(FULL)).await;
            return;
        };
        let serving = self.clone();
        tokio::spawn(async move {
            serving.serve(stream).await;
            drop(permit);
        });
    }

    /// Answers the requests of one connection.
    async fn serve<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MOST_HEAD_BYTES)
            .max_headers(MOST_HEADERS)
            .serve_connection(
                TokioIo::new(Patient::new(stream)),
                TowerToHyperService::new(self.router),
            );
        let mut connection = pin!(connection);
        let stopping = async move {
            let _ = self.stopped.wait_for(|stopped| *stopped).await.map(drop);
        };
        // The error of a connection is its client's.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = stopping => {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(END_TIME / 4, connection).await;
            }
        }
    }
}

/// Raises the soft limit on open files to that of the connections, as far as the system allows.
fn need_descriptors() {
    let needed = MOST_CONNECTIONS as u64 + 128;
    let limit = getrlimit(Resource::Nofile);
    let needed = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(needed),
            maximum: limit.maximum,
        };
        // If it is refused, fewer connections are accepted at once.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use tokio::sync::{Semaphore, watch};
    use tokio::time::{Duration, sleep};

    use super::{Serving, tick};
    use crate::watch::Watchdog;
    use crate::web::{Address, Listener};

    /// The answer to a probe did not depend on the loops at all.
    #[tokio::test(start_paused = true)]
    async fn a_loop_that_accepts_moves_while_it_is_idle_and_has_stopped_once_it_has_ended() {
        let watchdog = Watchdog::default();
        let (_stop, stopped) = watch::channel(false);
        let serving = Serving {
            router: Router::new(),
            stopped,
            free: Arc::new(Semaphore::new(1)),
            watched: watchdog.watch("connections"),
        };
        let address = Address::Tcp(([127, 0, 0, 1], 0).into());
        let listener = Listener::bind(&address).unwrap();
        let accepting = serving.listen(&listener).unwrap();
        let ticking = tokio::spawn(tick(watchdog.clone()));
        sleep(Duration::from_mins(10)).await;
        assert_eq!(watchdog.stopped(), [""; 0]);
        accepting.abort();
        sleep(Duration::from_secs(20)).await;
        assert_eq!(watchdog.stopped(), [""; 0]);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(watchdog.stopped(), ["connections"]);
        ticking.abort();
    }
}
