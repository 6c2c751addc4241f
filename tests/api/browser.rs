//! Chromium without a screen, driven over a pair of pipes.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    browser: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    /// What it told unasked.
    events: Vec<Value>,
    last: u64,
    _profile: TempDir,
}

/// One page of it.
pub struct Tab<'b> {
    browser: &'b mut Browser,
    session: String,
}

impl Browser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // It talks on descriptors 3 and 4. Its sandbox is not for root, which may run this.
        let command = "for name in chromium-headless-shell chromium google-chrome; do \
             ! browser=$(command -v $name) || break; done; exec $browser --headless --remote-debugging-pipe --no-sandbox --disable-gpu \
             --user-data-dir=\"$0\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut browser = Command::new("sh")
            .args(["-c", command])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = browser.stdin.take().unwrap();
        let output = BufReader::new(browser.stdout.take().unwrap());
        let (tell, messages) = channel();
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap();
                if tell.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            browser,
            input,
            messages,
            events: Vec::new(),
            last: 0,
            _profile: profile,
        }
    }

    /// A page that is loaded whole, with or without its scripts.
    pub fn open(&mut self, url: &str, with_scripts: bool) -> Tab<'_> {
        let target = self.call(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call(None, "Target.attachToTarget", &attach);
        let mut tab = Tab {
            session: session["sessionId"].as_str().unwrap().to_owned(),
            browser: self,
        };
        tab.call("Page.enable", &json!({}));
        tab.call("Log.enable", &json!({}));
        tab.set_scripts(with_scripts);
        tab.call("Page.navigate", &json!({"url": url}));
        tab.wait_for_event("Page.loadEventFired");
        // The page's own scripts had their chance.
        tab.set_scripts(true);
        tab
    }

    fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.write_all(&bytes).unwrap();
        loop {
            let mut message = self.next();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn next(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE);
        message.expect("a Chromium or Chrome answers; on Debian tests/setup installs it")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

impl Tab<'_> {
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.browser.call(Some(&self.session), method, parameters)
    }

    fn set_scripts(&mut self, on: bool) {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            &json!({"value": !on}),
        );
    }

    fn wait_for_event(&mut self, event: &str) {
        while !self.browser.events.iter().any(|it| it["method"] == event) {
            let message = self.browser.next();
            self.browser.events.push(message);
        }
    }

    /// What the browser did not like.
    pub fn complaints(&self) -> Vec<String> {
        let events = self.browser.events.iter();
        let entries = events.filter(|it| it["method"] == "Log.entryAdded");
        let entries = entries.map(|it| &it["params"]["entry"]);
        let errors = entries.filter(|it| it["level"] == "error");
        errors.map(ToString::to_string).collect()
    }

    /// The value of an expression in the page, which may be promised.
    pub fn ask(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// Until the page changes by itself so that this is true.
    pub fn wait(&mut self, condition: &str) {
        let all = "{subtree: true, childList: true, attributes: true, characterData: true}";
        self.ask(&format!(
            "new Promise(done => {{
               const look = () => ({condition}) && done(true);
               new MutationObserver(look).observe(document, {all});
               look();
             }})"
        ));
    }
}
