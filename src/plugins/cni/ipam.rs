//! Address management, which another plugin does: run as the protocol says, with our environment.

use super::error::{CniError, Code};
use super::keys::Keys;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The plugin that the configuration names under `ipam`.
#[derive(Debug)]
pub(super) struct Ipam {
    /// Its name.
    pub(super) plugin: String,
    binary: PathBuf,
    conf: Map<String, Value>,
}

/// The newest version that old plugins know.
const FALLBACK: &str = "1.0.0";

impl Ipam {
    /// `None`: the network has no addresses.
    pub(super) fn of(
        conf: &Map<String, Value>,
        path: &[PathBuf],
    ) -> Result<Option<Self>, CniError> {
        let ipam = Keys(conf).get("ipam").and_then(Value::as_object);
        let plugin = ipam.and_then(|ipam| Keys(ipam).get("type")?.as_str());
        let Some(plugin) = plugin.filter(|plugin| !plugin.is_empty()) else {
            return Ok(None);
        };
        if plugin.contains('/') || plugin.starts_with('.') {
            let message = format!("\"ipam\": type {plugin:?} is not the name of a plugin");
            return Err(CniError::new(Code::InvalidConfig, message));
        }
        let binary = path.iter().map(|directory| directory.join(plugin));
        let binary = { binary }.find(|binary| binary.is_file()).ok_or_else(|| {
            let shown: Vec<_> = path.iter().map(|path| path.display().to_string()).collect();
            let message = format!(
                "IPAM plugin {plugin} is not in CNI_PATH ({})",
                shown.join(":")
            );
            CniError::new(Code::InvalidConfig, message)
        })?;
        Ok(Some(Self {
            plugin: plugin.to_owned(),
            binary,
            conf: conf.clone(),
        }))
    }

    /// Its result, empty where the command has none.
    pub(super) fn run(&self, command: &str) -> Result<Value, CniError> {
        match self.run_once(command, &self.conf) {
            Err(error) if error.is_incompatible_version() => {
                let mut conf = self.conf.clone();
                conf.insert("cniVersion".to_owned(), json!(FALLBACK));
                self.run_once(command, &conf)
            }
            result => result,
        }
    }

    /// STATUS and GC. One that does not know them has nothing to say there.
    pub(super) fn forward(&self, command: &str) -> Result<(), CniError> {
        match self.run_once(command, &self.conf) {
            Err(error) if !error.is_unknown_command() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn run_once(&self, command: &str, conf: &Map<String, Value>) -> Result<Value, CniError> {
        let plugin = &self.plugin;
        let failed = |error: &dyn std::fmt::Display| {
            CniError::new(Code::Ipam, format!("IPAM plugin {plugin}: {error}"))
        };
        let mut child = Command::new(&self.binary)
            .env("CNI_COMMAND", command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that needs no configuration may not read it.
            drop(stdin.write_all(json!(conf).to_string().as_bytes()));
        }
        let output = child.wait_with_output().map_err(|error| failed(&error))?;
        if output.status.success() {
            let text = output.stdout.trim_ascii();
            return match text.is_empty() {
                true => Ok(Value::Null),
                false => serde_json::from_slice(text).map_err(|error| failed(&error)),
            };
        }
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let code = object["code"]
            .as_u64()
            .and_then(|code| u32::try_from(code).ok());
        match (code, object["msg"].as_str()) {
            (Some(code), Some(message)) => {
                let details = object["details"]
                    .as_str()
                    .filter(|details| !details.is_empty());
                let details = details.map_or_else(String::new, |details| format!(" ({details})"));
                let message = format!("IPAM plugin {plugin}: {message}{details}");
                Err(CniError::of_plugin(code, message))
            }
            _ => Err(failed(&output.status)),
        }
    }
}
