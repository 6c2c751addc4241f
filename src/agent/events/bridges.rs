//! Bridges of Open vSwitch that another program changes, as its database tells them.
//!
//! Only while something of them is wanted: `wanted` says so.

use super::trigger::{Cause, Scope, Trigger, send};
use anyhow::Context as _;
use serde_json::{Value, json};
use sriovd_core::model::PciAddress;
use sriovd_core::model::bridge::database::{self, entries_of, mark, monitored};
use sriovd_host::ovsdb::frame::Frames;
use sriovd_host::ovsdb::is_heartbeat;
use sriovd_wire::client::Conversation;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

/// For one that ends every connection as soon as it is made.
const PAUSE: Duration = Duration::from_millis(100);

/// Connects when it is wanted.
pub struct BridgeEvents {
    socket: PathBuf,
    wanted: Receiver<bool>,
}

impl BridgeEvents {
    /// Of the database behind this socket, as long as `wanted` is true.
    pub fn new(socket: PathBuf, wanted: Receiver<bool>) -> Self {
        Self { socket, wanted }
    }

    /// Runs until something is broken. That the database is not there is waited for.
    pub async fn run(mut self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        loop {
            self.wanted.wait_for(|wanted| *wanted).await?;
            let mut wanted = self.wanted.clone();
            tokio::select! {
                followed = follow(&self.socket, &triggers) => followed?,
                ended = wanted.wait_for(|wanted| !wanted) => drop(ended?),
            }
        }
    }
}

/// Until the database ends the connection.
async fn follow(socket: &Path, triggers: &Sender<Trigger>) -> anyhow::Result<()> {
    let is_there = Conversation::new(socket.to_owned()).is_back().await;
    is_there.context("cannot wait for Open vSwitch")?;
    // What a database says that is none is as if it had gone.
    if let Ok(mut stream) = UnixStream::connect(socket).await {
        let asked = json!({"method": "monitor", "id": "bridges", "params": [database::NAME, "bridges", monitored()]});
        if stream.write_all(asked.to_string().as_bytes()).await.is_ok() {
            hear(stream, triggers).await?;
        }
    }
    // Whoever waits for it learns that it is gone, too.
    tell(triggers, Scope::Bridges).await?;
    sleep(PAUSE).await;
    Ok(())
}

async fn hear(mut stream: UnixStream, triggers: &Sender<Trigger>) -> anyhow::Result<()> {
    let mut frames = Frames::default();
    let mut bytes = vec![0; 1 << 16];
    loop {
        while let Some(message) = frames.next_message() {
            let Ok(message) = serde_json::from_slice::<Value>(&message) else {
                return Ok(());
            };
            if let Some(answer) = is_heartbeat(&message) {
                if stream
                    .write_all(answer.to_string().as_bytes())
                    .await
                    .is_err()
                {
                    return Ok(());
                }
                continue;
            }
            for scope in concerned(&message) {
                tell(triggers, scope).await?;
            }
        }
        let read: io::Result<usize> = stream.read(&mut bytes).await;
        let Ok(count @ 1..) = read else {
            return Ok(());
        };
        if frames.push(bytes.get(..count).unwrap_or_default()).is_err() {
            return Ok(());
        }
    }
}

async fn tell(triggers: &Sender<Trigger>, scope: Scope) -> anyhow::Result<()> {
    let cause = Cause::Bridges;
    send(triggers, Trigger { scope, cause }).await
}

/// Where to look again.
fn concerned(message: &Value) -> Vec<Scope> {
    // The answer to `monitor`: all there is. What changed before it is looked at, too.
    if message.get("id") == Some(&json!("bridges")) {
        return vec![Scope::Bridges];
    }
    let tables = message.pointer("/params/1").and_then(Value::as_object);
    let mut pfs: BTreeSet<PciAddress> = BTreeSet::new();
    for (table, rows) in tables.into_iter().flatten() {
        for row in rows.as_object().into_iter().flat_map(|rows| rows.values()) {
            let versions = ["old", "new"].map(|version| row.get(version));
            let marks = versions.iter().flatten().filter_map(|version| {
                let ids = entries_of(version, "external_ids")?;
                mark(&ids)
            });
            let before = pfs.len();
            pfs.extend(marks);
            // What another program makes or removes may have been in the way.
            let comes_or_goes = versions.iter().flatten().count() == 1;
            let may_be_in_the_way = ["Bridge", "Port"].contains(&table.as_str());
            if pfs.len() == before && comes_or_goes && may_be_in_the_way {
                return vec![Scope::Bridges];
            }
        }
    }
    pfs.into_iter().map(Scope::Device).collect()
}

#[cfg(test)]
mod tests;
