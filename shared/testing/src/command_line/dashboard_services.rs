//! The page of the services, under a `systemctl` that notes its calls.

use super::http::Dashboard;
use super::program::name;
use super::services::Machine;

/// A machine with two services, and the name of the unit of the first.
fn with_services() -> (Machine, String) {
    let machine = Machine::new();
    machine.ok(&["add", "web", "--", "/bin/sh", "-c", "echo '<b>'; sleep 9"]);
    machine.ok(&["add", "api", "--", "/bin/true"]);
    machine.calls();
    (machine, format!("{}-web.service", name()))
}

fn serve(machine: &Machine, options: &[&str]) -> Dashboard {
    let mut command = Dashboard::command(&machine.0, options);
    Dashboard::begin(machine.at_its_path(&mut command))
}

/// Lets systemd say that a unit is active.
fn show_active(machine: &Machine, unit: &str) {
    let shown = format!(
        "Id={unit}\nActiveState=active\nSubState=running\nResult=success\nUnitFileState=enabled\n\
         MainPID=12\nNRestarts=3\nMemoryCurrent=44040192\nCPUUsageNSec=1500000000\n"
    );
    machine.0.write("bin/systemctl.show", shown);
}

pub fn services_are_shown_as_systemd_says() {
    let (machine, unit) = with_services();
    show_active(&machine, &unit);
    let dashboard = serve(&machine, &["--read-only"]);
    let page = dashboard.get("/services").body;
    let row = |service: &str| {
        let id = format!("<tr id=\"v-user-{}-{service}.service\"", name());
        let (_, row) = page.split_once(&id).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    let web = row("web");
    for text in [
        "active (running)",
        ">12<",
        ">3<",
        ">42.0 MiB<",
        ">1.5s<",
        "&lt;b&gt;",
    ] {
        assert!(web.contains(text), "{text} in {web}");
    }
    assert!(row("api").contains(">unknown<"), "systemd did not tell");
    assert!(
        !page.contains("<b>") && !page.contains("method=\"post\""),
        "{page}"
    );
    assert_eq!(machine.calls().len(), 1, "one call for all");
    let own = ["sec-fetch-site: same-origin"];
    let fields = format!("manager=user&unit={unit}&action=stop");
    assert_eq!(
        dashboard
            .send("POST", "/services/change", &own, &fields)
            .status,
        404
    );
    assert_eq!(machine.calls(), Vec::<String>::new());
}

pub fn a_service_is_started_stopped_and_restarted_by_a_form() {
    let (machine, unit) = with_services();
    show_active(&machine, &unit);
    let dashboard = serve(&machine, &[]);
    let page = dashboard.get("/services").body;
    for label in [
        "Stop service web",
        "Restart service web",
        "Start service api",
    ] {
        assert!(page.contains(&format!("aria-label=\"{label}\"")), "{page}");
    }
    let change = |fields: &str| dashboard.post("/services/change", "/services", fields);
    for verb in ["stop", "start", "restart"] {
        machine.calls();
        let done = change(&format!("manager=user&unit={unit}&action={verb}"));
        assert_eq!(done.header("location"), "../services", "{done:?}");
        let asked = format!("--user {verb} --no-block -- {unit}");
        assert!(machine.calls().contains(&asked), "{asked}");
    }
    machine.calls();
    for (fields, status) in [
        (format!("manager=user&unit={unit}&action=mask"), 400),
        (format!("manager=system&unit={unit}&action=stop"), 404),
        ("manager=user&unit=sshd.service&action=stop".to_owned(), 404),
        ("manager=user&unit=--help&action=stop".to_owned(), 404),
        ("action=stop".to_owned(), 404),
    ] {
        assert_eq!(change(&fields).status, status, "{fields}");
    }
    assert!(machine.calls().iter().all(|call| call.contains(" show ")));
}

pub fn the_page_of_services_works_below_a_path() {
    let (machine, unit) = with_services();
    show_active(&machine, &unit);
    let dashboard = serve(&machine, &[]);
    dashboard.links_hold_below_a_path("/services");
    let fields = format!("manager=user&unit={unit}&action=stop");
    let done = dashboard.post("/services/change", "/services", &fields);
    let back = dashboard.own_path("/services/change", done.header("location"));
    assert_eq!(back, "/services");
}

pub fn a_systemd_that_is_missing_or_refuses_is_told_in_a_sentence() {
    let (machine, unit) = with_services();
    std::fs::remove_file(machine.0.path("bin/systemctl")).unwrap();
    let mut command = Dashboard::command(&machine.0, &[]);
    let missing = Dashboard::begin(command.env("PATH", machine.0.path("bin")));
    let page = missing.get("/services").body;
    assert!(
        page.contains("Services need systemd, and `systemctl` cannot be run"),
        "{page}"
    );
    assert!(
        page.contains(">web<") && page.contains(">unknown<"),
        "{page}"
    );

    machine.program(
        "systemctl",
        "#!/bin/sh\necho 'Failed to connect to <bus>' >&2\nexit 1\n",
    );
    let refused = serve(&machine, &[]);
    let page = refused.get("/services").body;
    assert!(page.contains("Failed to connect to &lt;bus&gt;"), "{page}");
    let fields = format!("manager=user&unit={unit}&action=start");
    let answer = refused.post("/services/change", "/services", &fields);
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(
        answer.body.contains("Failed to connect to &lt;bus&gt;"),
        "{answer:?}"
    );
    let elsewhere = refused.get("/queues");
    assert_eq!(elsewhere.status, 200);
}
