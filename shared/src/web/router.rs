//! The way of a request: host, cookie, origin, form, handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use axum::http::{Request as HttpRequest, Response};
use axum::routing::{MethodFilter, on};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::auth::{FORM_TOKEN, FormRefusal};
use super::dashboard::Dashboard;
use super::gate::{self, Provenance};
use super::pages;
use super::reply::{Problem, Reply};
use super::request::{Pairs, Request, root_of};
use super::routes::{Access, Method, Parts, Route, Thread, routes};
use crate::error::Error;
use crate::queue::Queue;

/// Most bytes of a form.
pub(super) const MOST_BODY_BYTES: usize = 64 * 1024;

/// Time for a request's form to arrive and to be answered.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Parts of a path that a route leaves open.
type PathParts = Result<RawPathParams, RawPathParamsRejection>;

/// Router of all routes.
pub(super) fn router<Q: Queue>(dashboard: Arc<Dashboard<Q>>) -> Router {
    let mut router = Router::new();
    for route in routes(Parts::of(&dashboard)) {
        let own = Arc::clone(&dashboard);
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let handler = move |parts: PathParts, request: HttpRequest<Body>| {
            // A part that is no UTF-8 is the name of nothing.
            let route = parts.is_ok().then_some(route);
            let parts = parts.iter().flat_map(RawPathParams::iter);
            let parts = parts.map(|(_, value)| value.to_owned()).collect();
            answer(Arc::clone(&own), route, parts, request)
        };
        router = router.route(route.path, on(filter, handler));
    }
    let other =
        move |request: HttpRequest<Body>| answer(Arc::clone(&dashboard), None, Vec::new(), request);
    router
        .method_not_allowed_fallback(other.clone())
        .fallback(other)
}

/// Answers one request. Without a route there is nothing at its path.
async fn answer<Q: Queue>(
    dashboard: Arc<Dashboard<Q>>,
    route: Option<Route<Q>>,
    parts: Vec<String>,
    request: HttpRequest<Body>,
) -> Response<Body> {
    let mut read = Request {
        root: root_of(request.uri().path()),
        parts,
        query: Pairs::parse(request.uri().query().unwrap_or_default().as_bytes()),
        accept: text(request.headers(), ACCEPT.as_str()).map(str::to_owned),
        is_tls: text(request.headers(), "x-forwarded-proto") == Some("https"),
        ..Request::default()
    };
    let reply = match handled(&dashboard, route, &mut read, request).await {
        Ok(reply) => reply,
        Err(problem) => pages::problem(&dashboard, &read, &problem),
    };
    reply.into_response()
}

async fn handled<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    route: Option<Route<Q>>,
    read: &mut Request,
    request: HttpRequest<Body>,
) -> Result<Reply, Problem> {
    let headers = request.headers();
    let host = text(headers, HOST.as_str());
    if !gate::is_known_host(host, &dashboard.options.hosts) {
        let host = gate::without_port(host.unwrap_or_default());
        return Err(Problem::UnknownHost(host.to_owned()));
    }
    if let Some(session) = cookie(headers, &dashboard.keys.cookie_name())
        && dashboard.keys.knows(session, dashboard.now())
    {
        session.clone_into(&mut read.session);
    }
    let is_open = route.is_some_and(|route| route.access == Access::Anybody);
    let is_program = route.is_some_and(|route| route.access == Access::Program)
        && bearer(headers).is_some_and(|token| dashboard.keys.admits(token));
    if !is_open && !is_program && read.session.is_empty() {
        return Err(Problem::LoggedOut);
    }
    let Some(route) = route else {
        let sentence = "there is no such page, or it does not take this request";
        return Err(Problem::NotFound(sentence.to_owned()));
    };
    if route.method == Method::Post {
        let origin = Provenance {
            site: text(headers, "sec-fetch-site"),
            origin: text(headers, ORIGIN.as_str()),
            host,
        };
        if !origin.is_own() {
            let sentence = "only a page of this dashboard may send that";
            return Err(Problem::Forbidden(sentence.to_owned()));
        }
        let body = timeout(REQUEST_TIME, to_bytes(request.into_body(), MOST_BODY_BYTES)).await;
        let body = body.map_err(|_| Problem::TooLate)?;
        read.form = Pairs::parse(&body.map_err(|_| Problem::TooLarge)?);
        check_form(dashboard, read)?;
    }
    let writers = match route.thread {
        Thread::Connections => return (route.handler)(dashboard, read),
        Thread::File => None,
        Thread::Write => Some(Arc::clone(&dashboard.writers)),
    };
    let (dashboard, read) = (Arc::clone(dashboard), read.clone());
    handle(writers, move || (route.handler)(&dashboard, &read)).await
}

/// Runs a handler on a thread of the pool, once a permit is free if it needs one. A handler that did not
/// begin in time never runs, so that a request that is answered as late has done nothing; one that has
/// begun is waited for.
async fn handle(
    permits: Option<Arc<Semaphore>>,
    handler: impl FnOnce() -> Result<Reply, Problem> + Send + 'static,
) -> Result<Reply, Problem> {
    let until = Instant::now() + REQUEST_TIME;
    let permit = match permits {
        None => None,
        Some(permits) => {
            let permit = timeout_at(until, permits.acquire_owned()).await;
            // A semaphore is never closed.
            permit.map_err(|_| Problem::TooLate)?.ok()
        }
    };
    let is_decided = Arc::new(AtomicBool::new(false));
    let decided = Arc::clone(&is_decided);
    let mut handling = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        if decided.swap(true, Ordering::SeqCst) {
            return Err(Problem::TooLate);
        }
        handler()
    });
    let done = match timeout_at(until, &mut handling).await {
        Ok(done) => done,
        Err(_) if !is_decided.swap(true, Ordering::SeqCst) => return Err(Problem::TooLate),
        Err(_) => handling.await,
    };
    done.unwrap_or_else(|_| {
        Err(Problem::Queue(Error::Bug {
            what: "a page could not be made".to_owned(),
        }))
    })
}

/// Checks the token of a form.
fn check_form<Q: Queue>(dashboard: &Dashboard<Q>, read: &Request) -> Result<(), Problem> {
    let token = read.form.get(FORM_TOKEN).unwrap_or_default();
    let checked = dashboard
        .keys
        .check_form(&read.session, token, dashboard.now());
    checked.map_err(|refusal| {
        Problem::Forbidden(
            match refusal {
                FormRefusal::Expired => {
                    "the page that sent this is older than 12 hours; load it again, then repeat it"
                }
                FormRefusal::Wrong => {
                    "this did not come from a page of this login; load the page again, then repeat it"
                }
            }
            .to_owned(),
        )
    })
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The token that a program sends.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The cookie of that name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (own, value) = pair.trim().split_once('=')?;
        (own == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use tokio::sync::Semaphore;

    use super::{Problem, REQUEST_TIME, handle};

    /// Runs a story with so many threads that wait for the file, in time that passes only while
    /// everything waits.
    fn run<T>(threads: usize, story: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true);
        let runtime = runtime.max_blocking_threads(threads).build().unwrap();
        runtime.block_on(story)
    }

    /// It was carried out after its answer, and then once more by whoever repeated it.
    #[test]
    fn a_request_that_is_answered_as_late_never_runs() {
        let (free, waits) = channel::<()>();
        let has_run = Arc::new(AtomicBool::new(false));
        let ran = Arc::clone(&has_run);
        run(1, async {
            // The pool's only thread.
            let busy = tokio::task::spawn_blocking(move || waits.recv());
            let late = tokio::spawn(handle(None, move || {
                ran.store(true, Ordering::SeqCst);
                Err(Problem::TooLarge)
            }));
            tokio::task::yield_now().await;
            tokio::time::advance(REQUEST_TIME).await;
            assert!(matches!(late.await.unwrap(), Err(Problem::TooLate)));
            free.send(()).unwrap();
            busy.await.unwrap().unwrap();
        });
        assert!(!has_run.load(Ordering::SeqCst));
    }

    /// Four writes that waited for the file took every thread, so that no page was answered until they
    /// gave up.
    #[test]
    fn writes_that_wait_leave_a_thread_to_reads() {
        let (free, waits) = channel::<()>();
        let waits = Arc::new(std::sync::Mutex::new(waits));
        run(2, async {
            let permits = Arc::new(Semaphore::new(1));
            let writes: Vec<_> = (0..5)
                .map(|_| {
                    let waits = Arc::clone(&waits);
                    tokio::spawn(handle(Some(Arc::clone(&permits)), move || {
                        waits.lock().unwrap().recv().unwrap();
                        Err(Problem::TooLarge)
                    }))
                })
                .collect();
            tokio::task::yield_now().await;
            let read = handle(None, || Err(Problem::LoggedOut)).await;
            assert!(matches!(read, Err(Problem::LoggedOut)), "{read:?}");
            assert!(writes.iter().all(|write| !write.is_finished()));
            for write in writes {
                free.send(()).unwrap();
                assert!(matches!(write.await.unwrap(), Err(Problem::TooLarge)));
            }
        });
    }
}
