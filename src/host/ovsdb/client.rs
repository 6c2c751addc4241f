//! One connection: questions with a deadline, and what the database sends unasked.

use super::frame::Frames;
use serde_json::{Value, json};
use sriovd_core::host::HostError;
use sriovd_core::model::Errno;
use sriovd_core::model::bridge::database;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A connection to ovsdb-server.
pub struct Client {
    stream: UnixStream,
    frames: Frames,
    /// What is done with it, for errors.
    what: String,
    answer: Duration,
    asked: u64,
}

impl Client {
    /// `answer`: how long the database may take for one.
    ///
    /// # Errors
    /// `HostError::Silent` where nothing listens or the socket is for others.
    pub fn connect(socket: &Path, what: &str, answer: Duration) -> Result<Self, HostError> {
        let stream = UnixStream::connect(socket).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                    " (openvswitch-switch.service is not running)"
                }
                _ => "",
            };
            HostError::Silent {
                what: what.to_owned(),
                why: format!(
                    "connecting to {}: {}{hint}",
                    socket.display(),
                    Errno::from(error)
                ),
            }
        })?;
        Ok(Self {
            stream,
            frames: Frames::default(),
            what: what.to_owned(),
            answer,
            asked: 0,
        })
    }

    /// One transaction: the answers to its operations, in their order, and behind them what went wrong at its end.
    ///
    /// # Errors
    /// No answer in time, or one that is none.
    pub fn transact(
        &mut self,
        database: &str,
        operations: Vec<Value>,
    ) -> Result<Vec<Value>, HostError> {
        let mut parameters = vec![json!(database)];
        parameters.extend(operations);
        match self.call("transact", &parameters)? {
            Value::Array(answers) => Ok(answers),
            other => Err(self.unreadable(&other)),
        }
    }

    /// Waits until ovs-vswitchd has done all up to this configuration. It is no error that it has not in time: the
    /// database has it, and ovs-vswitchd does it when it runs.
    pub(super) fn await_taken_up(&mut self, next: i64, time: Duration) -> Result<(), HostError> {
        let end = Instant::now() + time;
        let of = json!({"Open_vSwitch": {"columns": ["cur_cfg"]}});
        let first = self.call("monitor", &[json!(database::NAME), json!("cur_cfg"), of])?;
        let mut reached = current(&first);
        while reached.is_none_or(|reached| reached < next) {
            let Some(message) = self.message(end)? else {
                return Ok(());
            };
            if message.get("method") == Some(&json!("update")) {
                let told = message.pointer("/params/1").and_then(current);
                reached = told.or(reached);
            }
        }
        Ok(())
    }

    fn call(&mut self, method: &str, parameters: &[Value]) -> Result<Value, HostError> {
        self.asked += 1;
        let id = json!(self.asked);
        self.send(&json!({"method": method, "params": parameters, "id": id}))?;
        let end = Instant::now() + self.answer;
        loop {
            let Some(mut message) = self.message(end)? else {
                return Err(self.silent(&format!("no answer in {} s", self.answer.as_secs())));
            };
            if message.get("id") != Some(&id) || message.get("method").is_some() {
                continue;
            }
            return match message.get("error") {
                None | Some(Value::Null) => Ok(message["result"].take()),
                Some(error) => Err(HostError::Refused {
                    what: self.what.clone(),
                    why: error.to_string(),
                }),
            };
        }
    }

    /// The next message that is not for the connection itself; `None`: there is none in time.
    fn message(&mut self, end: Instant) -> Result<Option<Value>, HostError> {
        let mut bytes = vec![0; 1 << 16];
        loop {
            while let Some(message) = self.frames.next_message() {
                let text = String::from_utf8_lossy(&message);
                let parsed = serde_json::from_str(&text);
                let message: Value = parsed.map_err(|_| self.unreadable(&json!(text)))?;
                match is_heartbeat(&message) {
                    Some(answer) => self.send(&answer)?,
                    None => return Ok(Some(message)),
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let read = self
                .stream
                .set_read_timeout(Some(left))
                .and_then(|()| self.stream.read(&mut bytes));
            match read {
                Ok(0) => return Err(self.silent("it closed the connection")),
                Ok(count) => {
                    let read = bytes.get(..count).unwrap_or_default();
                    let pushed = self.frames.push(read);
                    pushed.map_err(|error| self.silent(&error.to_string()))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) => return Ok(None),
                Err(error) => return Err(self.silent(&Errno::from(error).to_string())),
            }
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), HostError> {
        let text = message.to_string();
        let sent = self
            .stream
            .set_write_timeout(Some(self.answer))
            .and_then(|()| self.stream.write_all(text.as_bytes()));
        sent.map_err(|error| self.silent(&Errno::from(error).to_string()))
    }

    fn silent(&self, why: &str) -> HostError {
        HostError::Silent {
            what: self.what.clone(),
            why: format!("ovsdb-server: {why}"),
        }
    }

    fn unreadable(&self, found: &Value) -> HostError {
        HostError::Unreadable {
            what: self.what.clone(),
            found: database::Unintelligible::new(found).found,
        }
    }
}

/// The answer to what the database asks to know whether somebody is there.
pub fn is_heartbeat(message: &Value) -> Option<Value> {
    if message.get("method") != Some(&json!("echo")) {
        return None;
    }
    let (id, said) = (message.get("id"), message.get("params"));
    Some(json!({"result": said, "error": null, "id": id}))
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What ovs-vswitchd has reached, in rows that a monitor tells.
fn current(tables: &Value) -> Option<i64> {
    let rows = tables.get("Open_vSwitch")?.as_object()?.values();
    let mut reached = rows.filter_map(|row| row.pointer("/new/cur_cfg")?.as_i64());
    reached.next()
}
