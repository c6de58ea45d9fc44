//! The services of the file.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::service_readings::{Service, ServiceReading};
use super::super::words::{cell, line, number, sentence};
use super::layout::{Page, columns, form_token, table};
use crate::queue::Queue;
use crate::services::{Scope, ServiceState};
use crate::text::{size, usage};
use crate::usage::Usage;

/// The page of the services.
pub(in super::super) fn services<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let reading = dashboard.services.get(&dashboard.queue)?;
    let mut names = vec![
        "Name",
        "State",
        "#Process",
        "#Restarts",
        "#Memory",
        "#Processor time",
    ];
    if dashboard.writes() {
        names.push("");
    }
    let content = html! {
        h1 { "Services" }
        div #service-notes data-live { (notes(&reading, dashboard.options.program)) }
        (table("service-rows", "Services", &columns(&names), &html! {
            @for service in &reading.services { (row(dashboard, request, service)) }
        }))
    };
    let page = Page {
        title: "Services",
        nav: "services",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn notes(reading: &ServiceReading, program: &str) -> Markup {
    html! {
        @for trouble in &reading.troubles { p.why { (sentence(trouble)) } }
        @if reading.services.is_empty() && reading.troubles.is_empty() {
            p.none {
                "This file has no services. " code { (program) " service add" }
                " lets systemd keep a command running."
            }
            @if !reading.is_booted { p.none { "systemd does not run on this machine." } }
        }
    }
}

fn row<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, service: &Service) -> Markup {
    let standing = service.standing.as_ref();
    let or_dash = |value: Option<String>| {
        html! { @if let Some(value) = value { (value) } @else { span.dim { "–" } } }
    };
    let used = standing.and_then(|one| usage::cpu(Usage::new(one.cpu_us, None)));
    let memory = standing.and_then(|one| one.memory_bytes).map(size::rough);
    let restarts = standing.and_then(|one| one.restarts).map(number);
    let pid = standing.and_then(|one| one.pid).map(|pid| pid.to_string());
    html! {
        tr id={ "v-" (service.scope.as_str()) "-" (service.unit.unit) } {
            td.main title=(line(&service.unit.unit)) {
                (cell(&service.unit.name))
                @if service.scope == Scope::System { " " span.tag { "system" } }
                code.dim.small { (cell(&service.unit.command)) }
            }
            td { (state(standing)) }
            td.number data-label="process" { (or_dash(pid)) }
            td.number data-label="restarts" { (or_dash(restarts)) }
            td.number data-label="memory" { (or_dash(memory)) }
            td.number data-label="processor time" { (or_dash(used)) }
            @if dashboard.writes() {
                td.acts { (buttons(dashboard, request, service)) }
            }
        }
    }
}

/// The state as a chip, in systemd's words.
fn state(standing: Option<&ServiceState>) -> Markup {
    let Some(standing) = standing else {
        return html! { span.chip.s-skipped { "unknown" } };
    };
    let class = match standing.state.as_str() {
        "active" => "s-succeeded",
        "failed" => "s-failed",
        "inactive" | "unknown" => "s-skipped",
        _ => "s-queued",
    };
    html! {
        span class={ "chip " (class) } { (line(&standing.words())) }
        @if !standing.at_boot && standing.state != "unknown" { " " span.dim.small { "not at boot" } }
    }
}

/// The buttons for its state: a service that runs is stopped or restarted, another one is started.
fn buttons<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, service: &Service) -> Markup {
    let name = line(&service.unit.name);
    let runs = service.standing.as_ref().is_some_and(|standing| {
        !matches!(standing.state.as_str(), "inactive" | "failed" | "unknown")
    });
    let actions: &[(&str, &str)] = if runs {
        &[("restart", "Restart"), ("stop", "Stop")]
    } else {
        &[("start", "Start")]
    };
    html! {
        form method="post" action={ (request.root) "services/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="manager" value=(service.scope.as_str());
            input type="hidden" name="unit" value=(service.unit.unit);
            @for (action, label) in actions {
                button name="action" value=(action) aria-label={ (label) " service " (name) } {
                    (label)
                }
            }
        }
    }
}
