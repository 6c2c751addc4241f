//! The CNI plugin: what a container runtime asks for, done with the VFs of a host.
//!
//! The protocol is that of <https://www.cni.dev/docs/spec/>, versions 0.1.0 to 1.1.0; the
//! configuration is the SR-IOV CNI plugin's, with `pool` beside `deviceID`.
#![warn(missing_docs)]

mod add;
mod call;
mod check;
mod collect;
mod error;
mod ipam;
mod keys;
mod log;
mod netconf;
mod plugin;
mod result;
mod version;

use crate::attach::{self, Allocator};
use call::{Call, Command};
use error::{CniError, Code, chain};
use log::{Level, Log};
pub use netconf::LONGEST;
use netconf::{Header, NetConf};
use plugin::Plugin;
use serde_json::json;
use std::ffi::OsString;
use std::path::Path;
use version::{VERSIONS, is_since};

/// Of a refusal where the caller's version is unknown: it has all codes that are used.
const OF_REFUSALS: &str = "1.0.0";

/// What is printed, and whether it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What CNI has on standard output: a result or an error, as JSON; empty where it wants nothing.
    pub stdout: String,
    /// Whether the exit code is 1.
    pub is_error: bool,
}

/// Answers one call. `variable` gives the environment; `input` is the whole standard input, or one
/// byte more than may be.
pub fn run(root: &Path, variable: impl Fn(&str) -> Option<OsString>, input: &[u8]) -> Answer {
    let header = Header::read(input);
    let version = header
        .as_ref()
        .map_or(OF_REFUSALS, |header| header.version.as_str())
        .to_owned();
    let mut log = Log::default();
    let answered = Call::read(variable).and_then(|call| {
        let header = match (header, call.command) {
            // Runtimes send what they like with it, or nothing.
            (Err(_), Command::Version) => Header::default(),
            (header, _) => header?,
        };
        let plugin = Plugin {
            allocator: Allocator::new(root.to_owned()),
            call,
            header,
        };
        answer(&plugin, &mut log)
    });
    match answered {
        Ok(stdout) => Answer {
            stdout,
            is_error: false,
        },
        Err(error) => {
            log.write(Level::Error, &error);
            Answer {
                stdout: error.object(&version),
                is_error: true,
            }
        }
    }
}

fn answer(plugin: &Plugin, log: &mut Log) -> Result<String, CniError> {
    let (command, version) = (plugin.call.command, plugin.header.version.as_str());
    check_version(version, command)?;
    *log = Log::of(&plugin.header.raw);
    // Whatever became of the configuration since, what was allocated must be released.
    let conf = || NetConf::read(&plugin.header);
    match command {
        Command::Add => {
            let conf = conf()?;
            if let Some(remark) = &conf.remark {
                log.write(Level::Warning, remark);
            }
            add::add(plugin, &conf, log)
        }
        Command::Del => add::del(plugin, log),
        Command::Check => check::check(plugin, &conf()?),
        Command::Gc => collect::collect(plugin, log),
        Command::Status => status(plugin, &conf()?),
        Command::Version => Ok(versions(version)),
    }
}

fn check_version(version: &str, command: Command) -> Result<(), CniError> {
    let since = match command {
        Command::Version => return Ok(()),
        Command::Add | Command::Del => VERSIONS[0],
        Command::Check => "0.4.0",
        Command::Gc | Command::Status => "1.1.0",
    };
    let message = if !VERSIONS.contains(&version) {
        let versions = VERSIONS.join(", ");
        format!("cniVersion {version:?} is not one of {versions}")
    } else if !is_since(version, since) {
        format!("{command:?} is a command since cniVersion {since}, not of {version}")
    } else {
        return Ok(());
    };
    Err(CniError::new(Code::IncompatibleVersion, message))
}

fn versions(asked: &str) -> String {
    let newest = VERSIONS[VERSIONS.len() - 1];
    let versions = json!({
        "cniVersion": if VERSIONS.contains(&asked) { asked } else { newest },
        "supportedVersions": VERSIONS,
    });
    format!("{versions}\n")
}

/// Whether an ADD could succeed. Of a VF that is only named with the ADD nothing can be said.
fn status(plugin: &Plugin, conf: &NetConf) -> Result<String, CniError> {
    if let Some(choice) = &conf.choice {
        let free = attach::has_free(&plugin.allocator, choice, true);
        free.map_err(|error| CniError::new(Code::NotAvailable, chain(&error)))?;
    }
    if let Some(ipam) = plugin.ipam()? {
        ipam.forward("STATUS")?;
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests;
