//! A browser and its driver, as processes of a test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use queue_testing::command_line::http::Dashboard;
use queue_testing::patience::PATIENCE;
use queue_testing::skipped;
use serde_json::{Map, Value, json};

/// Driver of browsers.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

/// Browser with one page.
pub(crate) struct Browser {
    client: Client,
}

impl Driver {
    /// Starts the driver. Without it or a browser the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        let has = |program| {
            let mut asked = Command::new(program);
            let asked = asked.arg("--version").stdout(Stdio::null());
            asked.stderr(Stdio::null()).status().is_ok()
        };
        if !has("chromium") || !has("chromedriver") {
            skipped("chromium or chromedriver is not installed");
            return None;
        }
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        Some(Self {
            process,
            port: port.unwrap(),
        })
    }

    /// Runs a story in a browser of its own.
    pub(crate) fn run(&self, scripts: bool, story: impl AsyncFnOnce(Browser)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = self.client(scripts).await;
            let browser = Browser {
                client: client.clone(),
            };
            story(browser).await;
            client.close().await.unwrap();
        });
    }

    async fn client(&self, scripts: bool) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,1600",
        ];
        let mut options = json!({ "args": arguments });
        if !scripts {
            options["prefs"] = json!({
                "profile.managed_default_content_settings.javascript": 2,
            });
        }
        let mut wanted = Map::new();
        wanted.insert("goog:chromeOptions".to_owned(), options);
        wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted);
        let address = format!("http://127.0.0.1:{}", self.port);
        builder.connect(&address).await.unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// Opens a page of the dashboard.
    pub(crate) async fn open(&self, dashboard: &Dashboard, path: &str) {
        let address = format!("http://{}{path}", dashboard.host);
        self.client.goto(&address).await.unwrap();
    }

    /// Address of the page.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Text of an element, empty while there is none.
    pub(crate) async fn text(&self, css: &str) -> String {
        let Ok(found) = self.client.find(Locator::Css(css)).await else {
            return String::new();
        };
        // Text that is hidden from the eye counts too.
        let text = found.prop("textContent").await;
        text.ok().flatten().unwrap_or_default()
    }

    /// Waits until an element has this text.
    pub(crate) async fn shows(&self, css: &str, text: &str) {
        self.waits(css, |shown| shown.contains(text), text).await;
    }

    /// Waits until an element is there without this text.
    pub(crate) async fn lacks(&self, css: &str, text: &str) {
        let lacks = |shown: &str| !shown.is_empty() && !shown.contains(text);
        self.waits(css, lacks, text).await;
    }

    /// Waits until there is no such element.
    pub(crate) async fn gone(&self, css: &str) {
        self.waits(css, str::is_empty, "nothing").await;
    }

    async fn waits(&self, css: &str, holds: impl Fn(&str) -> bool, text: &str) {
        let waiting = async {
            loop {
                if holds(&self.text(css).await) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE / 5, waiting).await.is_err() {
            let shown = self.text("body").await;
            panic!("waited in vain for {css} about {text:?} in {shown}");
        }
    }

    /// Clicks at an element.
    pub(crate) async fn click(&self, locator: Locator<'_>) {
        self.client
            .find(locator)
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Presses Enter at an element.
    pub(crate) async fn press_enter(&self, css: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        let enter = char::from(Key::Enter).to_string();
        element.send_keys(&enter).await.unwrap();
    }

    /// Marks the page, until another is loaded in its place.
    pub(crate) async fn mark(&self) {
        self.script("window.isMarked = true").await;
    }

    /// True if the page is still the marked one.
    pub(crate) async fn is_marked(&self) -> bool {
        self.script("return window.isMarked === true").await == Value::Bool(true)
    }

    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Addresses of the parts of the page that could not be loaded.
    pub(crate) async fn missing_parts(&self) -> String {
        let script = "return performance.getEntriesByType('resource')\
                      .filter(one => one.responseStatus >= 400).map(one => one.name).join()";
        self.script(script)
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}
