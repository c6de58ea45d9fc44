//! The login: the token in a link or a form is exchanged for a cookie.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::auth::SESSION_MS;
use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::sentence;
use super::layout::bare;
use crate::queue::Queue;

/// Gives a browser that has the token its cookie. The page that follows is loaded by a page of this
/// dashboard, so that the browser sends the cookie even if the link stood elsewhere.
pub(in super::super) fn login<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let Some(token) = request.query.get("token") else {
        return Err(Problem::LoggedOut);
    };
    if !dashboard.keys.admits(token) {
        let clause = "that is not the token; it stands at the end of the link that `serve` printed at its start";
        return Ok(Reply::page(form(
            dashboard,
            request,
            &Problem::Forbidden(clause.to_owned()),
        ))
        .status(axum::http::StatusCode::FORBIDDEN));
    }
    let cookie = format!(
        "{}={}; Max-Age={}; HttpOnly; SameSite=Strict{}",
        dashboard.keys.cookie_name(),
        dashboard.keys.session(dashboard.now()),
        SESSION_MS / 1000,
        if request.is_tls { "; Secure" } else { "" }
    );
    let page = html! {
        meta http-equiv="refresh" content={ "0;url=" (request.root) };
        main #main.login data-replace=(request.root) {
            p { "Logged in. " a href=(request.root) { "To the overview" } }
        }
    };
    Ok(Reply::page(bare("Logged in", &request.root, None, &page)).with("set-cookie", &cookie))
}

/// The form for the token, below a sentence.
pub(super) fn form<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    problem: &Problem,
) -> Markup {
    let program = dashboard.options.program;
    let body = html! {
        main #main.login {
            h1 { (program) }
            p role="status" { (sentence(&problem.sentence())) }
            @if !matches!(problem, Problem::UnknownHost(_)) {
                form method="get" action={ (request.root) "login" } {
                    label for="token" { "Token" }
                    input #token type="password" name="token" autocomplete="current-password"
                        required;
                    button.primary { "Log in" }
                }
            }
        }
    };
    bare(problem.title(), &request.root, None, &body)
}
