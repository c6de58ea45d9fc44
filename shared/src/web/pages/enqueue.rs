//! The form that enqueues a command.

use std::sync::Arc;

use maud::html;

use super::super::dashboard::Dashboard;
use super::super::reply::Reply;
use super::super::request::Request;
use super::layout::{Page, form_token};
use crate::queue::Queue;

/// The page of the form.
pub(in super::super) fn enqueue<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Reply {
    let content = html! {
        h1 { "Enqueue" }
        form.fields method="post" action={ (request.root) "enqueue" } {
            (form_token(dashboard, request))
            label for="command" { "Command, for " code { "/bin/sh -c" } }
            textarea #command.code name="command" rows="4" required spellcheck="false" {}
            label for="name" { "Name; the command's first line unless given" }
            input #name name="name" maxlength="200";
            label for="queue" { "Queue" }
            input #queue name="queue" placeholder="default" maxlength="200";
            label for="priority" { "Priority; higher runs first" }
            input #priority name="priority" inputmode="numeric" placeholder="0"
                pattern="[+\\-]?[0-9]+";
            button.primary { "Enqueue" }
        }
    };
    let page = Page {
        title: "Enqueue",
        nav: "enqueue",
        is_live: false,
    };
    Reply::page(page.around(dashboard, request, &content))
}
