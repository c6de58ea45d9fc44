//! The hooks, and the dead letters of each.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::hook_source::{HookRow, LetterRow};
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::words::{ago, ago_or_dash, cell, line, number};
use super::layout::{Page, columns, form_token, table};
use crate::clock::Timestamp;
use crate::queue::Queue;
use crate::text::duration;
use crate::watch::deliver::MOST_TRIES;

/// Most dead letters of a page.
const MOST_LETTERS: u32 = 100;

/// Kinds of events that a row of the list names.
const NAMED_KINDS: usize = 2;

/// The page of the hooks.
pub(in super::super) fn hooks<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let source = dashboard.sources.hooks.as_ref();
    let hooks = source.map_or(Ok(Vec::new()), |source| (source.all)(&dashboard.queue))?;
    let mut names = vec![
        "Name",
        "Events",
        "State",
        "#Behind",
        "#Dead letters",
        "Last try",
    ];
    if dashboard.writes() {
        names.push("");
    }
    let content = html! {
        h1 { "Hooks" }
        @if hooks.is_empty() {
            p.none {
                "There are no hooks. " code { (dashboard.options.program) " hook add" }
                " delivers events to a program or a URL."
            }
        }
        (table("hook-rows", "Hooks", &columns(&names),
            &html! { @for hook in &hooks { (row(dashboard, request, hook)) } }))
    };
    let page = Page {
        title: "Hooks",
        nav: "hooks",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// Path of the page of a hook, from the first page.
pub(in super::super) fn address(name: &str) -> String {
    format!("hooks/letters{}", query_of([("name", name.to_owned())]))
}

fn row<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, hook: &HookRow) -> Markup {
    let now = dashboard.now();
    html! {
        tr id={ "o-" (hook.standing.name) } {
            td.main {
                a href={ (request.root) (address(&hook.standing.name)) } { (cell(&hook.standing.name)) }
                code.dim.small { (cell(&hook.target)) }
            }
            td { (cell(&events(hook))) }
            td { (state(hook, now)) }
            td.number data-label="behind" { (number(hook.standing.lag)) }
            td.number data-label="dead letters" {
                @if hook.standing.dead_letters > 0 { strong.problem { (number(hook.standing.dead_letters)) } }
                @else { span.dim { "0" } }
            }
            td data-label="last try" { (ago_or_dash(hook.last_at, now)) }
            @if dashboard.writes() {
                td.acts { (switch(dashboard, request, hook, "list")) }
            }
        }
    }
}

/// The events of a hook in a few words.
fn events(hook: &HookRow) -> String {
    let named = &hook.events[..hook.events.len().min(NAMED_KINDS)];
    let (named, queues) = (named.join(", "), hook.queues.join(", "));
    let more = match hook.events.len().saturating_sub(NAMED_KINDS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let of = if queues.is_empty() { "" } else { " of " };
    format!("{named}{more}{of}{queues}")
}

/// The state of a hook, and the time of the next try if the last one failed.
fn state(hook: &HookRow, now: Timestamp) -> Markup {
    html! {
        @match (hook.standing.paused_at, hook.standing.failures) {
            (Some(at), _) => {
                span.chip.s-blocked { "paused" } " " span.dim { (ago(at, now)) }
            }
            (None, 0) => span.chip.s-succeeded { "active" },
            (None, failures) => {
                span.chip.s-failed { "failing" }
                " " span.dim.tries {
                    (failures) " of " (MOST_TRIES) " tries"
                    @if let Some(at) = hook.next_try_at { ", next " (ago(at, now)) }
                }
            }
        }
    }
}

/// The button that pauses or resumes a hook. It leads back to the page that is named.
fn switch<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    hook: &HookRow,
    back: &str,
) -> Markup {
    let (action, label) = match hook.standing.paused_at {
        Some(_) => ("resume", "Resume"),
        None => ("pause", "Pause"),
    };
    html! {
        form method="post" action={ (request.root) "hooks/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="name" value=(hook.standing.name);
            input type="hidden" name="back" value=(back);
            button name="action" value=(action)
                aria-label={ (label) " hook " (line(&hook.standing.name)) } { (label) }
        }
    }
}

/// The hook that a link names.
fn found<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request) -> Result<HookRow, Problem> {
    let missing = || Problem::NotFound("there is no hook of that name".to_owned());
    let name = request.query.get("name").ok_or_else(missing)?;
    let source = dashboard.sources.hooks.as_ref().ok_or_else(missing)?;
    let all = (source.all)(&dashboard.queue)?;
    all.into_iter()
        .find(|hook| hook.standing.name == name)
        .ok_or_else(missing)
}

fn letters_of<Q: Queue>(
    dashboard: &Dashboard<Q>,
    (hook, most): (&HookRow, u32),
) -> crate::Result<Vec<LetterRow>> {
    let source = dashboard.sources.hooks.as_ref();
    source.map_or(Ok(Vec::new()), |source| {
        (source.letters)(&dashboard.queue, &hook.standing.name, most)
    })
}

/// The page of one hook.
pub(in super::super) fn letters<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let hook = found(dashboard, request)?;
    let letters = letters_of(dashboard, (&hook, MOST_LETTERS))?;
    let now = dashboard.now();
    let content = html! {
        div.head {
            h1 dir="auto" { (line(&hook.standing.name)) }
            div #state.state data-live { (state(&hook, now)) }
            @if dashboard.writes() {
                div #acts.acts data-live { (switch(dashboard, request, &hook, "letters")) }
            }
        }
        div #trouble data-live {
            @if let Some(error) = &hook.last_error {
                p.why {
                    "The last try failed " (ago_or_dash(hook.last_at, now)) ": " (line(error)) "."
                }
            }
        }
        pre.command { code { (line(&hook.target)) } }
        (facts(&hook, now))
        (letters_section(dashboard, request, (&hook, &letters)))
    };
    let page = Page {
        title: &format!("Hook {}", line(&hook.standing.name)),
        nav: "hooks",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn facts(hook: &HookRow, now: Timestamp) -> Markup {
    let fact = |name: &str, value: Markup| html! { div { dt { (name) } dd { (value) } } };
    let all = "of all queues".to_owned();
    let of = if hook.queues.is_empty() {
        all
    } else {
        hook.queues.join(", ")
    };
    html! {
        dl.facts #facts data-live {
            (fact("events", html! { (line(&hook.events.join(", "))) }))
            (fact("queues", html! { (line(&of)) }))
            (fact("delivered", html! { (number(hook.standing.delivered)) }))
            (fact("failed tries", html! { (number(hook.standing.failed)) }))
            (fact("given up", html! { (number(hook.standing.buried)) }))
            (fact("events behind", html! {
                (number(hook.standing.lag))
                @if let Some(since) = hook.standing.behind_since.filter(|_| hook.standing.lag > 0) {
                    ", the first " (ago(since, now))
                }
            }))
            (fact("last try", ago_or_dash(hook.last_at, now)))
            (fact("time limit", html! { (duration::show(hook.limit)) }))
            (fact("signed", html! { @if hook.is_signed { "yes" } @else { "no" } }))
            (fact("added", ago(hook.added_at, now)))
            (fact("position", html! { code { (hook.position) } }))
        }
    }
}

fn letters_section<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    (hook, letters): (&HookRow, &[LetterRow]),
) -> Markup {
    let mut names = vec!["#Number", "Event", "Reason", "#Last try"];
    if dashboard.writes() {
        names.push("");
    }
    let all = format!(
        "hooks/confirm{}",
        query_of([
            ("name", hook.standing.name.clone()),
            ("action", "retry".to_owned())
        ])
    );
    html! {
        section aria-labelledby="letters" {
            h2 #letters { "Dead letters" }
            div #letters-note data-live {
                @if letters.is_empty() { p.none { "Every event was taken, or is still tried." } }
                @else if hook.standing.dead_letters > letters.len() as u64 {
                    p.none {
                        "The oldest " (letters.len()) " of " (number(hook.standing.dead_letters)) "."
                    }
                }
                @if dashboard.writes() && letters.iter().any(|letter| !letter.is_wanted) {
                    p { a.button href={ (request.root) (all) } { "Deliver all again" } }
                }
            }
            (table("letter-rows", "Dead letters, the oldest first", &columns(&names), &html! {
                @for letter in letters { (letter_row(dashboard, request, (hook, letter))) }
            }))
        }
    }
}

fn letter_row<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    (hook, letter): (&HookRow, &LetterRow),
) -> Markup {
    html! {
        tr id={ "d" (letter.id) } {
            td.number.dim { (letter.id) }
            td {
                code { (line(&letter.kind)) }
                @if let Some(id) = letter.task {
                    " " a href={ (request.root) "tasks/" (id) } { "#" (id) }
                }
            }
            td.main {
                (line(&letter.error))
                details.small {
                    summary { "Event" }
                    pre { code { (line(&letter.body)) } }
                }
            }
            td.number { (ago(letter.at, dashboard.now())) }
            @if dashboard.writes() {
                td.acts {
                    @if letter.is_wanted { span.chip.s-queued { "to be delivered" } }
                    @else { (retry_one(dashboard, request, (hook, letter.id))) }
                }
            }
        }
    }
}

fn retry_one<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    (hook, letter): (&HookRow, i64),
) -> Markup {
    html! {
        form method="post" action={ (request.root) "hooks/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="name" value=(hook.standing.name);
            input type="hidden" name="letter" value=(letter);
            button name="action" value="retry"
                aria-label={ "Deliver dead letter " (letter) " again" } { "Deliver again" }
        }
    }
}

/// The question before all dead letters of a hook are delivered again.
pub(in super::super) fn confirm<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let hook = found(dashboard, request)?;
    let count = match hook.standing.dead_letters {
        1 => "1 dead letter".to_owned(),
        count => format!("{} dead letters", number(count)),
    };
    let order = format!("Deliver {count} again");
    let content = html! {
        section.question {
            @if hook.standing.dead_letters == 0 {
                h1 { "Nothing to deliver" }
                p { "This hook has no dead letters." }
                a.button href={ (request.root) (address(&hook.standing.name)) } { "Back to the hook" }
            } @else {
                h1 { (order) "?" }
                p { "To " code { (cell(&hook.target)) } ", each once, the oldest first." }
                p.dim { "One that is taken is deleted. The others stay here." }
                form method="post" action={ (request.root) "hooks/change" } {
                    (form_token(dashboard, request))
                    input type="hidden" name="name" value=(hook.standing.name);
                    input type="hidden" name="all" value="1";
                    button.primary name="action" value="retry" { (order) }
                    " "
                    a.button.plain href={ (request.root) (address(&hook.standing.name)) } {
                        "Back to the hook"
                    }
                }
            }
        }
    };
    let page = Page {
        title: "Deliver again",
        nav: "hooks",
        is_live: false,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}
