//! QEMU's control socket: commands and events, one JSON object a line.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Qmp(Mutex<Connection>);

struct Connection {
    stream: BufReader<UnixStream>,
    /// What came of a line before time ran out.
    line: Vec<u8>,
    events: VecDeque<Value>,
}

impl Qmp {
    pub fn new(stream: UnixStream) -> Result<Self> {
        let mut connection = Connection {
            stream: BufReader::new(stream),
            line: Vec::new(),
            events: VecDeque::new(),
        };
        let greeting = connection.receive(Instant::now() + PATIENCE)?;
        ensure!(
            greeting.get("QMP").is_some(),
            "unexpected greeting: {greeting}"
        );
        let qmp = Self(Mutex::new(connection));
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    pub fn execute(&self, command: &str, arguments: &Value) -> Result<Value> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut request = json!({ "execute": command, "arguments": arguments }).to_string();
        request.push('\n');
        connection.stream.get_mut().write_all(request.as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut message = connection
                .receive(deadline)
                .with_context(|| command.to_owned())?;
            if message.get("event").is_some() {
                connection.events.push_back(message);
            } else if let Some(error) = message.get("error") {
                bail!(
                    "{command} {arguments}: {}",
                    error["desc"].as_str().unwrap_or_default()
                );
            } else {
                return Ok(message["return"].take());
            }
        }
    }

    /// The next event that matches, also one that came while something else was waited for.
    pub fn wait_for(
        &self,
        event: &str,
        patience: Duration,
        matches: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + patience;
        let wanted = |message: &Value| message["event"] == event && matches(&message["data"]);
        loop {
            if let Some(position) = connection.events.iter().position(wanted) {
                return connection.events.remove(position).context("event");
            }
            let message = connection
                .receive(deadline)
                .with_context(|| format!("waiting for {event}"))?;
            connection.events.push_back(message);
        }
    }

    /// Drops what is queued, so that an old event does not pass for the next one.
    pub fn forget_events(&self) {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connection.events.clear();
    }
}

impl Connection {
    fn receive(&mut self, deadline: Instant) -> Result<Value> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "QEMU did not answer in time");
            self.stream.get_ref().set_read_timeout(Some(left))?;
            match self.stream.read_until(b'\n', &mut self.line) {
                Ok(_) if self.line.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.line);
                    return serde_json::from_slice(&line).context("QEMU does not speak JSON");
                }
                Ok(_) => bail!("QEMU closed its control socket"),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error).context("QEMU's control socket"),
            }
        }
    }
}
