//! The table of all routes.

use std::sync::Arc;

use super::dashboard::Dashboard;
use super::reply::{Problem, Reply};
use super::request::Request;
use super::{actions, monitors, pages};
use crate::queue::Queue;

/// Function that answers a request.
pub(super) type Handler<Q> = fn(&Arc<Dashboard<Q>>, &Request) -> Result<Reply, Problem>;

/// Method of a request. HEAD is answered as GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// It changes nothing.
    Get,
    /// It may change something: it needs the token of a form, from a page of this dashboard.
    Post,
}

/// Senders of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever has logged in.
    Known,
    /// Whoever has logged in, and programs that send the token.
    Program,
    /// Anybody.
    Anybody,
}

/// Thread that runs a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thread {
    /// That of the connections: the handler neither reads nor writes the file, so that it answers
    /// whatever the others wait for.
    Connections,
    /// One of those that wait for the file.
    File,
    /// One of those, of which writes leave some to reads.
    Write,
}

/// Route: a method, a path and the function that answers.
#[derive(Debug)]
pub(super) struct Route<Q> {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) thread: Thread,
    pub(super) handler: Handler<Q>,
}

impl<Q> Clone for Route<Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Route<Q> {}

/// Parts of a dashboard that decide which routes it has.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of its own")]
pub(super) struct Parts {
    limits: bool,
    schedules: bool,
    hooks: bool,
    writes: bool,
    enqueues: bool,
}

impl Parts {
    /// Parts of that dashboard.
    pub(super) fn of<Q: Queue>(dashboard: &Dashboard<Q>) -> Self {
        let writes = dashboard.writes();
        Self {
            limits: dashboard.sources.limits.is_some(),
            schedules: dashboard.sources.schedules.is_some(),
            hooks: dashboard.sources.hooks.is_some(),
            writes,
            enqueues: writes && dashboard.options.allow_enqueue,
        }
    }
}

/// Paths of all routes that change something, with schedules and hooks or without, for the tests that send
/// there what must be refused.
#[cfg(feature = "internals")]
pub fn post_paths<Q: Queue>(has_log: bool) -> Vec<&'static str> {
    let all = routes::<Q>(Parts {
        limits: true,
        schedules: has_log,
        hooks: has_log,
        writes: true,
        enqueues: true,
    });
    let posts = all.iter().filter(|route| route.method == Method::Post);
    posts.map(|route| route.path).collect()
}

/// All routes of a dashboard. One that only reads has no route that changes something.
pub(super) fn routes<Q: Queue>(parts: Parts) -> Vec<Route<Q>> {
    let mut routes = vec![
        get("/", pages::overview),
        get("/tasks", pages::tasks),
        get("/tasks/{id}", pages::task),
        get("/tasks/{id}/workflow", pages::workflow),
        get("/tasks/{id}/output", pages::output),
        get("/tasks/{id}/tail", pages::tail),
        get("/queues", pages::queues),
        get("/workers", pages::workers),
        get("/events", pages::events),
        get("/services", pages::services),
        light("/live", |dashboard, request| {
            Ok(pages::live(dashboard, request))
        }),
        program("/metrics", monitors::metrics),
        // A page for people, who have a session; for programs with the token the same as JSON.
        program("/health", |dashboard, request| {
            if request.session.is_empty() {
                return monitors::health(dashboard, request);
            }
            pages::health(dashboard, request)
        }),
        open("/health/ready", |dashboard, request| {
            Ok(monitors::ready(dashboard, request))
        }),
        open("/health/live", |dashboard, request| {
            Ok(monitors::live(dashboard, request))
        }),
        open("/login", pages::login),
        open("/style.css", |dashboard, request| {
            Ok(pages::style(dashboard, request))
        }),
        open("/script.js", |dashboard, request| {
            Ok(pages::script(dashboard, request))
        }),
        open("/icon.svg", |dashboard, request| {
            Ok(pages::icon(dashboard, request))
        }),
    ];
    add_parts(&mut routes, parts);
    routes
}

/// Adds the routes that only some dashboards have.
fn add_parts<Q: Queue>(routes: &mut Vec<Route<Q>>, parts: Parts) {
    if parts.limits {
        routes.push(get("/limits", pages::limits));
    }
    if parts.schedules {
        routes.push(get("/schedules", pages::schedules));
        routes.push(get("/schedules/history", pages::schedule));
    }
    if parts.writes {
        routes.push(get("/tasks/confirm", pages::confirm));
        routes.push(post("/tasks/change", actions::change));
        routes.push(get("/tasks/prune", pages::prune));
        routes.push(post("/tasks/prune/start", actions::prune));
        routes.push(post("/queues/change", actions::change_queue));
        routes.push(post("/services/change", actions::change_service));
    }
    if parts.hooks {
        routes.push(get("/hooks", pages::hooks));
        routes.push(get("/hooks/letters", pages::letters));
    }
    if parts.writes && parts.hooks {
        routes.push(get("/hooks/confirm", pages::confirm_letters));
        routes.push(post("/hooks/change", actions::change_hook));
    }
    if parts.writes && parts.schedules {
        routes.push(post("/schedules/change", actions::change_schedule));
    }
    if parts.enqueues {
        routes.push(light("/enqueue", |dashboard, request| {
            Ok(pages::enqueue(dashboard, request))
        }));
        routes.push(post("/enqueue", actions::enqueue));
    }
}

fn get<Q>(path: &'static str, handler: Handler<Q>) -> Route<Q> {
    Route {
        method: Method::Get,
        path,
        access: Access::Known,
        thread: Thread::File,
        handler,
    }
}

/// A route that does without the file.
fn light<Q>(path: &'static str, handler: Handler<Q>) -> Route<Q> {
    Route {
        thread: Thread::Connections,
        ..get(path, handler)
    }
}

fn open<Q>(path: &'static str, handler: Handler<Q>) -> Route<Q> {
    Route {
        access: Access::Anybody,
        ..light(path, handler)
    }
}

fn program<Q>(path: &'static str, handler: Handler<Q>) -> Route<Q> {
    Route {
        access: Access::Program,
        ..get(path, handler)
    }
}

fn post<Q>(path: &'static str, handler: Handler<Q>) -> Route<Q> {
    Route {
        method: Method::Post,
        thread: Thread::Write,
        ..get(path, handler)
    }
}
