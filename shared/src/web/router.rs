//! The way of a request: host, cookie, origin, form, handler.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::RawPathParams;
use axum::http::header::{COOKIE, HOST, HeaderMap, ORIGIN};
use axum::http::{Request as HttpRequest, Response};
use axum::routing::{MethodFilter, on};
use tokio::time::timeout;

use super::auth::{FORM_TOKEN, FormRefusal};
use super::dashboard::Dashboard;
use super::gate::{self, Provenance};
use super::pages;
use super::reply::{Problem, Reply};
use super::request::{Pairs, Request, root_of};
use super::routes::{Access, Method, Parts, Route, routes};
use crate::error::Error;
use crate::queue::Queue;

/// Most bytes of a form.
pub(super) const MOST_BODY_BYTES: usize = 64 * 1024;

/// Time for a request's form to arrive and to be answered.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Router of all routes.
pub(super) fn router<Q: Queue>(dashboard: Arc<Dashboard<Q>>) -> Router {
    let mut router = Router::new();
    for route in routes(Parts::of(&dashboard)) {
        let own = Arc::clone(&dashboard);
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let handler = move |parts: RawPathParams, request: HttpRequest<Body>| {
            let parts = parts.iter().map(|(_, value)| value.to_owned()).collect();
            answer(Arc::clone(&own), Some(route), parts, request)
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
        is_tls: text(request.headers(), "x-forwarded-proto") == Some("https"),
        ..Request::default()
    };
    let answered = timeout(REQUEST_TIME, handled(&dashboard, route, &mut read, request));
    let reply = match answered.await.unwrap_or(Err(Problem::TooLate)) {
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
    if !is_open && read.session.is_empty() {
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
        let body = to_bytes(request.into_body(), MOST_BODY_BYTES).await;
        read.form = Pairs::parse(&body.map_err(|_| Problem::TooLarge)?);
        check_form(dashboard, read)?;
    }
    let (dashboard, read) = (Arc::clone(dashboard), read.clone());
    let handling = tokio::task::spawn_blocking(move || (route.handler)(&dashboard, &read));
    handling.await.unwrap_or_else(|_| {
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

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The cookie of that name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (own, value) = pair.trim().split_once('=')?;
        (own == name).then_some(value)
    })
}
