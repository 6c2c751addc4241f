//! People at a terminal, which `script` makes.

use crate::host::Host;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// sriovctl at work, and what it has said so far.
struct Session {
    process: Child,
    output: Receiver<String>,
    said: String,
}

impl Session {
    fn on_terminal(host: &Host, arguments: &str) -> Self {
        Self::on_terminal_with(host, "TERM=xterm", arguments)
    }

    fn on_terminal_with(host: &Host, environment: &str, arguments: &str) -> Self {
        let sriovctl = sriovd_tests::binary("sriovctl");
        let sriovctl = sriovctl.display();
        let socket = host.socket.display();
        let command = format!("exec env {environment} {sriovctl} --socket {socket} {arguments}");
        Self::start(Command::new("script").args(["-qefc", &command, "/dev/null"]))
    }

    fn without_terminal(host: &Host, arguments: &[&str]) -> Self {
        let mut command = Command::new(sriovd_tests::binary("sriovctl"));
        Self::start(command.arg("--socket").arg(&host.socket).args(arguments))
    }

    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = process.stdout.take().unwrap();
        let (tell, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if tell.send(text).is_err() {
                    break;
                }
            }
        });
        Self {
            process,
            output,
            said: String::new(),
        }
    }

    /// What was said up to and with a text that was not said before.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.said.find(text) {
                let rest = self.said.split_off(at + text.len());
                return std::mem::replace(&mut self.said, rest);
            }
            let more = self.output.recv_timeout(PATIENCE);
            self.said += &more.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.said));
        }
    }

    fn answer(&mut self, text: &str) {
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Its exit code, and the rest of what it said.
    fn end(mut self) -> (i32, String) {
        drop(self.process.stdin.take());
        while let Ok(more) = self.output.recv_timeout(PATIENCE) {
            self.said += &more;
        }
        let status = self.process.wait().unwrap();
        (status.code().unwrap(), std::mem::take(&mut self.said))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn force_names_who_loses_a_vf_and_asks() {
    let host = Host::start(1, 4);
    host.occupy(0);
    for answer in ["n\n", "\n", "yes please\n"] {
        let mut session = Session::on_terminal(&host, "apply --force 0000:01:00.0");
        let said = session.wait_for("Go on? [y/N] ");
        let loses = "VF 1 will be taken from network namespace blue";
        assert!(said.contains(loses), "{said}");
        session.answer(answer);
        let (code, said) = session.end();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("nothing was done"), "{said}");
    }
    assert_eq!(host.asked(), [""; 0]);
    for answer in ["y\n", "yes\n"] {
        let mut session = Session::on_terminal(&host, "apply --force 0000:01:00.0");
        session.wait_for("Go on? [y/N] ");
        session.answer(answer);
        let (code, said) = session.end();
        assert_ne!(code, 1, "{said}");
    }
    assert_eq!(host.asked().len(), 2);
    assert!(
        host.asked()[0].ends_with("force true"),
        "{:?}",
        host.asked()
    );
}

#[test]
fn force_without_a_terminal_was_thought_about() {
    let host = Host::start(1, 4);
    host.occupy(0);
    let session = Session::without_terminal(&host, &["apply", "--force", "0000:01:00.0"]);
    let (_, said) = session.end();
    assert!(!said.contains("Go on?"), "{said}");
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn colours_are_for_terminals_whose_user_wants_them() {
    let host = Host::start(1, 4);
    let green = "\x1b[32mready";
    let (_, said) = Session::on_terminal(&host, "status").end();
    assert!(said.contains(green), "{said:?}");
    let plain = Session::on_terminal_with(&host, "TERM=xterm NO_COLOR=1", "status");
    let piped = Session::without_terminal(&host, &["status"]);
    for session in [plain, piped] {
        let (_, said) = session.end();
        assert!(
            said.contains(" ready ") && !said.contains('\x1b'),
            "{said:?}"
        );
    }
}

#[test]
fn status_is_drawn_again_when_something_changes() {
    let host = Host::start(1, 4);
    let mut session = Session::on_terminal(&host, "status --watch");
    let clear = "\x1b[H\x1b[2J";
    let first = session.wait_for("ready");
    assert!(first.contains(clear), "{first:?}");
    host.plug(3);
    let again = session.wait_for("0003:01:00.0");
    assert!(again.contains(clear), "{again:?}");
    assert!(again.contains("0000:01:00.0"), "{again:?}");
}

#[test]
fn without_a_terminal_only_news_are_told() {
    let host = Host::start(1, 4);
    let mut lines = Session::without_terminal(&host, &["status", "--watch"]);
    let mut objects = Session::without_terminal(&host, &["status", "--watch", "--json"]);
    lines.wait_for("(0000:01:00.0) 4/4/256 VFs, ready\n");
    objects.wait_for("}\n");
    host.plug(3);
    let news = lines.wait_for("(0003:01:00.0) 4/4/256 VFs, ready\n");
    assert!(!news.contains("0000:01:00.0"), "{news}");
    let status = objects.wait_for("}\n");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["pfs"].as_array().unwrap().len(), 2);
}

#[test]
fn who_watches_goes_on_when_the_agent_starts_again() {
    let host = Host::start(1, 4);
    let mut lines = Session::without_terminal(&host, &["status", "--watch"]);
    let mut table = Session::on_terminal(&host, "status --watch 0000:01:00.0");
    lines.wait_for("(0000:01:00.0) 4/4/256 VFs, ready\n");
    table.wait_for("ready");
    host.stop();
    table.wait_for("; waiting for it to come back");
    host.start_again();
    table.wait_for("\x1b[2J");
    host.plug(3);
    let news = lines.wait_for("(0003:01:00.0) 4/4/256 VFs, ready\n");
    // What is as it was is not told again.
    assert!(!news.contains("0000:01:00.0"), "{news}");
}
