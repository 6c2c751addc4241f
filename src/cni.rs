//! The CNI plugin: what a container runtime asks for, done with the VFs of a host.
//!
//! The protocol is that of <https://www.cni.dev/docs/spec/>, versions 0.3.0 to 1.1.0; the
//! configuration is the SR-IOV CNI plugin's, with `pool` beside `deviceID`.

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
use crate::model::VfSettings;
use call::{Call, Command};
use error::{CniError, Code};
use ipam::Ipam;
use log::{Level, Log};
use netconf::{Header, NetConf};
use serde_json::json;
use std::ffi::OsString;
use std::path::Path;

/// What is read of a configuration; those of runtimes have a few kilobytes.
pub const LONGEST: u64 = 1 << 20;

/// Versions of the protocol, oldest first.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// What is printed, and whether it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub stdout: String,
    pub is_error: bool,
}

/// Answers one call. `variable` gives the environment; `input` is the whole standard input, or one
/// byte more than may be.
pub fn run(root: &Path, variable: impl Fn(&str) -> Option<OsString>, input: &[u8]) -> Answer {
    let header = Header::read(input);
    let version = header
        .as_ref()
        .map_or(VERSIONS[3], |header| header.version.as_str())
        .to_owned();
    let mut log = Log::default();
    let answered = Call::read(variable).and_then(|call| {
        let header = header?;
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
            Command::Add => self.add(&conf()?, log),
            Command::Del => self.del(log),
            Command::Check => self.check(&conf()?),
            Command::Gc => self.collect(log),
            Command::Status => self.status(&conf()?),
            Command::Version => {
                let versions = json!({
                    "cniVersion": self.header.version,
                    "supportedVersions": VERSIONS,
                });
                Ok(format!("{versions}\n"))
            }
        }
    }

    fn check_version(&self, command: Command) -> Result<(), CniError> {
        let (version, newest) = (self.header.version.as_str(), VERSIONS[VERSIONS.len() - 1]);
        let message = match command {
            Command::Version => return Ok(()),
            _ if !VERSIONS.contains(&version) => {
                format!(
                    "cniVersion {version:?} is not one of {}",
                    VERSIONS.join(", ")
                )
            }
            Command::Gc | Command::Status if version != newest => {
                format!("{command:?} is a command of cniVersion {newest}")
            }
            _ => return Ok(()),
        };
        Err(CniError::new(Code::IncompatibleVersion, message))
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
