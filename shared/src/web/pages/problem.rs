//! Pages of requests that are not answered as they wish.

use maud::html;

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::sentence;
use super::layout::Page;
use super::login;
use crate::queue::Queue;

/// The page of a problem. Somebody who is not logged in sees nothing but the login.
pub(in super::super) fn problem<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    problem: &Problem,
) -> Reply {
    if request.session.is_empty() {
        return Reply::page(login::form(dashboard, request, problem)).status(problem.status());
    }
    let content = html! {
        section.empty {
            h1 { (problem.title()) }
            p { (sentence(&problem.sentence())) }
            p { a.button href=(request.root) { "To the overview" } }
        }
    };
    let page = Page {
        title: problem.title(),
        nav: "-",
        is_live: false,
    };
    Reply::page(page.around(dashboard, request, &content)).status(problem.status())
}
