//! The frame of all pages: title, navigation, style, script.

use maud::{DOCTYPE, Markup, html};

use super::super::auth::FORM_TOKEN;
use super::super::dashboard::Dashboard;
use super::super::request::Request;
use super::super::words::line;
use super::assets::{SCRIPT, STYLE, version};
use crate::queue::Queue;

/// Page within the frame.
pub(super) struct Page<'a> {
    /// Title, also of the window.
    pub(super) title: &'a str,
    /// Path of the page in the navigation, from the first page.
    pub(super) nav: &'static str,
    /// True if the page is read anew when something has changed.
    pub(super) is_live: bool,
}

impl Page<'_> {
    /// The page with that content.
    pub(super) fn around<Q: Queue>(
        &self,
        dashboard: &Dashboard<Q>,
        request: &Request,
        content: &Markup,
    ) -> Markup {
        let root = &request.root;
        let options = &dashboard.options;
        let mut links = vec![("", "Overview"), ("tasks", "Tasks"), ("queues", "Queues")];
        if dashboard.sources.limits.is_some() {
            links.push(("limits", "Limits"));
        }
        if dashboard.sources.schedules.is_some() {
            links.push(("schedules", "Schedules"));
        }
        links.push(("workers", "Workers"));
        links.push(("events", "Events"));
        if dashboard.sources.hooks.is_some() {
            links.push(("hooks", "Hooks"));
        }
        links.push(("services", "Services"));
        links.push(("health", "Health"));
        if dashboard.writes() && options.allow_enqueue {
            links.push(("enqueue", "Enqueue"));
        }
        let navigation = html! {
            nav aria-label="Pages" {
                ul {
                    @for (path, name) in &links {
                        li {
                            a href={ (root) (path) }
                                aria-current=[(*path == self.nav).then_some("page")] {
                                (name)
                            }
                        }
                    }
                }
            }
        };
        let file = line(&options.file);
        bare(
            &format!("{} · {file}", line(self.title)),
            root,
            self.is_live.then(|| format!("{root}live")).as_deref(),
            &html! {
                header.top {
                    a.brand href=(root) title={ (options.program) ": " (file) } {
                        (mark())
                        span.file dir="auto" { (file) }
                    }
                    @if options.read_only { span.tag { "read-only" } }
                    (navigation)
                    span #link.live hidden { "live" }
                }
                main #main tabindex="-1" { (content) }
                footer.bottom {
                    span { (options.program) " " (env!("CARGO_PKG_VERSION")) }
                }
            },
        )
    }
}

/// The sign of the programs: three bars, of which one is done.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" {
            rect x="2" y="3" width="16" height="3.4" rx="1.7" {}
            rect x="2" y="8.3" width="11" height="3.4" rx="1.7" {}
            rect x="2" y="13.6" width="6" height="3.4" rx="1.7" {}
        }
    }
}

/// A whole document without navigation.
pub(super) fn bare(title: &str, root: &str, live: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href={ (root) "style.css?" (version(STYLE)) };
                link rel="icon" href={ (root) "icon.svg" } type="image/svg+xml";
                script defer src={ (root) "script.js?" (version(SCRIPT)) } {}
            }
            body data-live=[live] {
                a.skip href="#main" { "Skip to content" }
                (body)
            }
        }
    }
}

/// The hidden field that a form needs to be accepted.
pub(super) fn form_token<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request) -> Markup {
    let token = dashboard.keys.form(&request.session, dashboard.now());
    html! { input type="hidden" name=(FORM_TOKEN) value=(token); }
}

/// A table in a box that scrolls by itself when it is too wide. `id` names it for live updates.
pub(super) fn table(id: &str, caption: &str, head: &Markup, rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.quiet { (caption) }
                thead { tr { (head) } }
                tbody id=(id) data-live { (rows) }
            }
        }
    }
}

/// Headings of columns; those that begin with `#` are of numbers.
pub(super) fn columns(names: &[&str]) -> Markup {
    html! {
        @for name in names {
            @match name.strip_prefix('#') {
                Some(name) => th scope="col" class="number" { (name) },
                None => th scope="col" { (name) },
            }
        }
    }
}

/// A bar of the used part of something, beside the numbers.
pub(super) fn meter(used: u64, all: u64) -> Markup {
    let share = used
        .saturating_mul(100)
        .checked_div(all)
        .unwrap_or(0)
        .min(100);
    html! {
        svg.meter viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            rect.whole width="100" height="6" rx="3" {}
            rect width=(share) height="6" rx="3" {}
        }
    }
}
