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
mod log;
mod netconf;
mod result;

use crate::attach::Lender;
use call::{Call, Command};
use error::{CniError, Code};
use ipam::Ipam;
use log::{Level, Log};
use netconf::{Header, NetConf};
use serde_json::json;
use sriovd_core::model::VfSettings;
use std::ffi::OsString;
use std::path::Path;

/// What is read of a configuration; those of runtimes have a few kilobytes.
pub const LONGEST: u64 = 1 << 20;

/// Versions of the protocol, oldest first.
const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];
/// Of a refusal where the caller's version is unknown: it has all codes that are used.
const OF_REFUSALS: &str = "1.0.0";

/// Whether this version is so new. One that is unknown is not.
fn is_since(version: &str, since: &str) -> bool {
    let place = |version| VERSIONS.iter().position(|it| *it == version);
    place(version) >= place(since)
}

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
            lender: Lender::new(root.to_owned()),
            call,
            header,
        };
        plugin.answer(&mut log)
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

struct Plugin {
    lender: Lender,
    call: Call,
    header: Header,
}

impl Plugin {
    fn answer(&self, log: &mut Log) -> Result<String, CniError> {
        let command = self.call.command;
        self.check_version(command)?;
        *log = Log::of(&self.header.raw);
        // Whatever became of the configuration since, what was lent must come back.
        let conf = || NetConf::read(&self.header);
        match command {
            Command::Add => {
                let conf = conf()?;
                if let Some(remark) = &conf.remark {
                    log.write(Level::Warning, remark);
                }
                self.add(&conf, log)
            }
            Command::Del => self.del(log),
            Command::Check => self.check(&conf()?),
            Command::Gc => self.collect(log),
            Command::Status => self.status(&conf()?),
            Command::Version => Ok(self.versions()),
        }
    }

    fn check_version(&self, command: Command) -> Result<(), CniError> {
        let version = self.header.version.as_str();
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

    fn versions(&self) -> String {
        let asked = self.header.version.as_str();
        let newest = VERSIONS[VERSIONS.len() - 1];
        let versions = json!({
            "cniVersion": if VERSIONS.contains(&asked) { asked } else { newest },
            "supportedVersions": VERSIONS,
        });
        format!("{versions}\n")
    }

    /// What the VF is to have: of the MACs, the one that was said nearest to the container.
    fn settings(&self, conf: &NetConf) -> VfSettings {
        let mut settings = conf.settings;
        settings.mac = conf.runtime_mac.or(self.call.mac).or(settings.mac);
        settings
    }

    /// Whether an ADD could succeed. Of a VF that is only named with the ADD nothing can be said.
    fn status(&self, conf: &NetConf) -> Result<String, CniError> {
        if let Some(choice) = &conf.choice {
            let free = self.lender.has_free(choice, true);
            free.map_err(|error| CniError::new(Code::NotAvailable, chain(&error)))?;
        }
        if let Some(ipam) = Ipam::of(&self.header.raw, &self.call.path)? {
            ipam.forward("STATUS")?;
        }
        Ok(String::new())
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
