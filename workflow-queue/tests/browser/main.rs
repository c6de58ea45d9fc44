//! The dashboard in a real browser, through `WebDriver`.

#[cfg(test)]
#[path = "../dead_letter/mod.rs"]
mod dead_letter;
#[cfg(test)]
mod driver;

#[cfg(test)]
mod tests {
    use fantoccini::Locator;
    use queue_testing::command_line::http::Dashboard;
    use queue_testing::command_line::program::Sandbox;
    use queue_testing::command_line::{UnderTest, program};

    use super::dead_letter::bury;
    use super::driver::{Browser, Driver};

    fn sandbox() -> Sandbox {
        Sandbox::of(UnderTest {
            path: env!("CARGO_BIN_EXE_workflow-queue"),
            is_full: true,
        })
    }

    /// A file with a task that fails, one that waits in a queue of its own, and some that succeed.
    fn filled() -> Sandbox {
        let sandbox = sandbox();
        sandbox.write("fail", "");
        let speaks = "test -e fail && exit 7; echo first line; \
                      while ! test -e go; do sleep 0.02; done; echo last line";
        sandbox.ok(&["add-task", "speaks", speaks, "--max-attempts", "1"]);
        sandbox.ok(&["add-task", "waits", "true", "--queue", "mail"]);
        sandbox.ok(&["add-task", "plain", "true"]);
        sandbox
    }

    async fn log_in(browser: &Browser, dashboard: &Dashboard) {
        browser.open(dashboard, &dashboard.login).await;
        browser.shows("h1", "Overview").await;
    }

    #[test]
    fn a_person_logs_in_filters_follows_retries_and_pauses() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = filled();
        let dashboard = Dashboard::start(&sandbox, &[]);
        let _worker = sandbox.start(&["worker"]);
        program::until("the first run has failed", || {
            sandbox.state("1") == "failed"
        });
        driver.run(true, async |browser| {
            // A wrong token shows nothing.
            browser.open(&dashboard, "/login?token=wrong").await;
            browser
                .shows("[role=status]", "That is not the token")
                .await;
            assert!(!browser.text("body").await.contains("speaks"));
            log_in(&browser, &dashboard).await;
            assert!(!browser.address().await.contains("token"));

            // The state of the failed task is a filter, which applies at once.
            browser.open(&dashboard, "/tasks").await;
            browser.shows("#task-rows", "plain").await;
            browser.click(Locator::Css("input[value=failed]")).await;
            browser.lacks("#task-rows", "plain").await;
            browser.click(Locator::LinkText("speaks")).await;
            browser.shows("#state", "exit code 7").await;

            // It is retried, and its output and its end appear without a reload.
            std::fs::remove_file(sandbox.path("fail")).unwrap();
            browser.click(Locator::Css("button[value=retry]")).await;
            browser.shows("#state", "running").await;
            browser.mark().await;
            browser.shows("#output", "first line").await;
            sandbox.write("go", "");
            browser.shows("#output", "last line").await;
            browser.shows("#state", "succeeded").await;
            assert!(browser.is_marked().await, "the page was loaded again");

            // A new task appears in the list, and its queue is paused by keyboard.
            browser.open(&dashboard, "/tasks?queue=mail").await;
            browser.shows("#task-rows", "waits").await;
            browser.mark().await;
            sandbox.ok(&["add-task", "newcomer", "true", "--queue", "mail"]);
            browser.shows("#task-rows", "newcomer").await;
            assert!(browser.is_marked().await, "the page was loaded again");
            browser.open(&dashboard, "/queues").await;
            browser
                .press_enter("button[aria-label='Pause queue mail']")
                .await;
            browser.shows("#queue-rows", "paused").await;
            assert_eq!(browser.missing_parts().await, "");
        });
        let queues = sandbox.json(&["queues", "mail"]);
        assert!(queues[0]["paused_at"].is_string(), "{queues}");
    }

    #[test]
    fn a_person_follows_the_log_runs_a_schedule_and_looks_at_the_health() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = filled();
        sandbox.ok(&[
            "schedule",
            "add",
            "nightly",
            "0 3 * * *",
            "echo from the schedule",
        ]);
        let dashboard = Dashboard::start(&sandbox, &[]);
        driver.run(true, async |browser| {
            log_in(&browser, &dashboard).await;

            // A new event appears at the top, and a filter applies at once.
            browser.open(&dashboard, "/events").await;
            browser.shows("#event-rows", "task.enqueued").await;
            browser.mark().await;
            sandbox.ok(&["pause", "mail"]);
            browser
                .shows("#event-rows tr:first-child", "queue.paused")
                .await;
            assert!(browser.is_marked().await, "the page was loaded again");
            browser
                .click(Locator::Css("#f-kind option[value=queue]"))
                .await;
            browser.lacks("#event-rows", "task.enqueued").await;
            assert!(browser.address().await.ends_with("?kind=queue"));

            // The schedule is run and paused.
            browser.open(&dashboard, "/schedules").await;
            let run = "button[aria-label='Run nightly now']";
            browser.click(Locator::Css(run)).await;
            browser.shows("h1", "#4 nightly").await;
            browser.open(&dashboard, "/schedules").await;
            browser.click(Locator::LinkText("nightly")).await;
            browser.shows("#run-rows", "queued").await;
            browser.press_enter("button[value=pause]").await;
            browser.shows("#state", "paused").await;

            browser.open(&dashboard, "/health").await;
            browser.shows("#health-rows", "The oldest task of").await;
            assert_eq!(browser.missing_parts().await, "");
        });
        let schedules = sandbox.json(&["schedule", "list"]);
        assert!(schedules[0]["paused_at"].is_string(), "{schedules}");
    }

    #[test]
    fn a_person_delivers_a_dead_letter_again_and_sees_it_go() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = filled();
        let takes = "test -e open || exit 3; cat >> taken";
        let add = ["hook", "add", "alarm", "--on", "task.failed", "--"];
        sandbox.ok(&[&add[..], &["sh", "-c", takes]].concat());
        bury(&sandbox.path("queue.db"), 2);
        let dashboard = Dashboard::start(&sandbox, &[]);
        driver.run(true, async |browser| {
            log_in(&browser, &dashboard).await;
            browser.open(&dashboard, "/hooks").await;
            browser.click(Locator::LinkText("alarm")).await;
            browser.shows("#letter-rows", "it said no <b>").await;

            // It is refused once more, by keyboard, and then taken without a reload.
            let again = "button[aria-label='Deliver dead letter 1 again']";
            browser.press_enter(again).await;
            browser.shows("#d1", "exit code 3").await;
            sandbox.write("open", "");
            browser.click(Locator::Css(again)).await;
            browser.gone("#d1").await;
            browser.shows("#d2", "Deliver again").await;

            // The rest is asked about.
            browser.click(Locator::LinkText("Deliver all again")).await;
            browser.shows("h1", "Deliver 1 dead letter again?").await;
            browser.click(Locator::Css("button.primary")).await;
            browser
                .shows("#letters-note", "Every event was taken")
                .await;
            browser.press_enter("button[value=pause]").await;
            browser.shows("#state", "paused").await;

            browser.open(&dashboard, "/services").await;
            browser.shows("#service-notes", "has no services").await;
            assert_eq!(browser.missing_parts().await, "");
        });
        assert_eq!(sandbox.read("taken").matches("specversion").count(), 2);
        let hooks = sandbox.json(&["hook", "list"]);
        assert!(hooks[0]["paused_at"].is_string(), "{hooks}");
    }

    #[test]
    fn a_person_prunes_what_has_ended_and_nothing_else() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = filled();
        // The newest task stays.
        sandbox.ok(&["add-task", "last", "true", "--queue", "mail"]);
        assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 1);
        assert_eq!(sandbox.state("1"), "failed");
        let dashboard = Dashboard::start(&sandbox, &[]);
        driver.run(true, async |browser| {
            log_in(&browser, &dashboard).await;
            browser.open(&dashboard, "/tasks").await;
            browser.click(Locator::LinkText("Prune…")).await;
            browser.shows("h1", "Prune").await;
            browser.click(Locator::Css("#age option:first-child")).await;
            browser.click(Locator::Css("button.primary")).await;
            browser.shows("h1", "Delete 1 task?").await;
            browser.shows("main", "All succeeded tasks").await;
            browser.press_enter("button.danger").await;
            browser.shows("h1", "1 task was deleted").await;
            browser.click(Locator::LinkText("Back to the tasks")).await;
            browser.shows("#task-rows", "speaks").await;
            browser.lacks("#task-rows", "plain").await;
            assert_eq!(browser.missing_parts().await, "");
        });
        let status = sandbox.json(&["status"]);
        assert_eq!(status["succeeded"], 0, "{status}");
        assert_eq!(
            (&status["failed"], &status["queued"]),
            (&1.into(), &2.into())
        );
    }

    #[test]
    fn a_person_pauses_the_schedules_that_are_chosen() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = sandbox();
        let names = ["hourly", "nightly", "weekly"];
        for name in names {
            sandbox.ok(&["schedule", "add", name, "0 3 * * *", "true"]);
        }
        let dashboard = Dashboard::start(&sandbox, &[]);
        let paused = || {
            let all = sandbox.json(&["schedule", "list"]);
            [0, 1, 2].map(|index| all[index]["paused_at"].is_string())
        };
        driver.run(true, async |browser| {
            log_in(&browser, &dashboard).await;
            browser.open(&dashboard, "/schedules").await;
            for name in ["hourly", "weekly"] {
                let pick = format!("input[aria-label='Choose schedule {name}']");
                browser.click(Locator::Css(&pick)).await;
            }
            browser.press_enter("#picked button[value=pause]").await;
            for (name, word) in [
                ("hourly", "paused"),
                ("weekly", "paused"),
                ("nightly", "Pause"),
            ] {
                browser.shows(&format!("#c-{name}"), word).await;
            }
            assert_eq!(paused(), [true, false, true]);
            // The boxes are empty again.
            let chosen = "return document.querySelectorAll('.pick input:checked').length";
            assert_eq!(browser.script(chosen).await, 0);
            for name in names {
                let pick = format!("input[aria-label='Choose schedule {name}']");
                browser.click(Locator::Css(&pick)).await;
            }
            browser.press_enter("#picked button[value=resume]").await;
            browser.lacks("#schedule-rows", "paused").await;
            assert_eq!(browser.missing_parts().await, "");
        });
        assert_eq!(paused(), [false; 3]);
    }

    /// A drawing opened at its left edge, which on a telephone shows the steps that ended long ago.
    #[test]
    fn a_wide_workflow_opens_at_what_runs() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = sandbox();
        let step = |index: usize| {
            let waits = if index == 8 { "test -e go" } else { "true" };
            let after = match index {
                0 => String::new(),
                _ => format!(",\"after\":[\"s{}\"]", index - 1),
            };
            format!("{{\"name\":\"s{index}\",\"command\":\"{waits}\",\"max_attempts\":1{after}}}\n")
        };
        sandbox.enqueue(&(0..12).map(step).collect::<String>());
        sandbox.run(&["worker", "--drain"]);
        assert_eq!(sandbox.state("9"), "failed");
        let dashboard = Dashboard::start(&sandbox, &[]);
        driver.run(true, async |browser| {
            log_in(&browser, &dashboard).await;
            browser.open(&dashboard, "/tasks/9/workflow").await;
            browser.shows("#graph", "s8").await;
            let seen = "const own = document.querySelector('#graph').getBoundingClientRect(); \
                        const box = document.querySelector('.node.s-failed').getBoundingClientRect(); \
                        return box.left >= own.left && box.right <= own.right";
            assert_eq!(browser.script(seen).await, true);
            // Each task of the table is below those that it depends on.
            let rows = browser.text("#step-rows").await;
            assert!(rows.find("s3") < rows.find("s4"), "{rows}");
        });
    }

    #[test]
    fn everything_works_without_script() {
        let Some(driver) = Driver::start() else {
            return;
        };
        let sandbox = filled();
        let dashboard = Dashboard::start(&sandbox, &[]);
        driver.run(false, async |browser| {
            log_in(&browser, &dashboard).await;
            browser.open(&dashboard, "/tasks").await;
            browser.click(Locator::Css("#t3 input")).await;
            browser
                .click(Locator::Css(".bulk button[value=cancel]"))
                .await;
            browser.shows("h1", "Cancel 1 task?").await;
            browser.click(Locator::Css("button.danger")).await;
            browser.shows("h1", "1 task was cancelled").await;
        });
        assert_eq!(sandbox.state("3"), "cancelled");
        assert_eq!(sandbox.state("1"), "queued");
    }
}
