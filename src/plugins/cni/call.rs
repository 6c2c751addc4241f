//! The environment of a call: what is asked, of which container.

use super::error::{CniError, Code};
use super::keys::unicast;
use sriovd_core::model::{Container, InterfaceName, MacAddress};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Add,
    Del,
    Check,
    Gc,
    Status,
    Version,
}

const COMMANDS: [(&str, Command); 6] = [
    ("ADD", Command::Add),
    ("DEL", Command::Del),
    ("CHECK", Command::Check),
    ("GC", Command::Gc),
    ("STATUS", Command::Status),
    ("VERSION", Command::Version),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) command: Command,
    /// Where other plugins are.
    pub(super) path: Vec<PathBuf>,
    /// From `CNI_ARGS`.
    pub(super) mac: Option<MacAddress>,
    container: Option<String>,
    namespace: Option<PathBuf>,
    pub(super) interface: Option<InterfaceName>,
    /// The pod's name, where a kubelet is behind it.
    pod: Option<String>,
}

impl Call {
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, CniError> {
        let text = |name: &str| match variable(name) {
            None => Ok(None),
            Some(value) => match value.into_string() {
                Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
                Err(_) => Err(invalid(format!("{name} is not UTF-8"))),
            },
        };
        let word = text("CNI_COMMAND")?;
        let word = word.ok_or_else(|| invalid("CNI_COMMAND is not set".to_owned()))?;
        let command = COMMANDS.iter().find(|(name, _)| *name == word);
        let (_, command) = command.ok_or_else(|| {
            let words: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
            invalid(format!(
                "CNI_COMMAND {word:?} is not one of {}",
                words.join(", ")
            ))
        })?;
        if *command == Command::Version {
            return Ok(Self::version());
        }
        // What only says what to allocate keeps nothing from being released.
        let gives = matches!(command, Command::Add | Command::Check);
        let container = text("CNI_CONTAINERID")?;
        if let Some(id) = container.as_ref().filter(|id| !is_name(id)) {
            return Err(invalid(format!(
                "CNI_CONTAINERID {id:?} is not a letter or digit followed by those, '_', '.' and '-'"
            )));
        }
        let interface = text("CNI_IFNAME")?.map(|name| {
            let parsed = name.parse::<InterfaceName>();
            parsed.map_err(|error| invalid(format!("CNI_IFNAME: {error}")))
        });
        let namespace = text("CNI_NETNS")?.map(PathBuf::from);
        let relative = namespace
            .as_ref()
            .filter(|path| gives && !path.is_absolute());
        if let Some(path) = relative {
            return Err(invalid(format!(
                "CNI_NETNS {path:?} is not an absolute path"
            )));
        }
        let arguments = text("CNI_ARGS")?.filter(|_| gives).unwrap_or_default();
        let arguments = Arguments::read(&arguments)?;
        let path = text("CNI_PATH")?.unwrap_or_default();
        let call = Self {
            command: *command,
            path: std::env::split_paths(&path).collect(),
            mac: arguments.mac,
            container,
            namespace,
            interface: interface.transpose()?,
            pod: arguments.pod,
        };
        call.check_complete()?;
        Ok(call)
    }

    /// It concerns no container: libcni fills in words that name none.
    fn version() -> Self {
        Self {
            command: Command::Version,
            path: Vec::new(),
            mac: None,
            container: None,
            namespace: None,
            interface: None,
            pod: None,
        }
    }

    fn check_complete(&self) -> Result<(), CniError> {
        let needs = |is_there: bool, name: &str| match is_there {
            true => Ok(()),
            false => Err(invalid(format!("{name} is not set"))),
        };
        if matches!(self.command, Command::Add | Command::Del | Command::Check) {
            needs(self.container.is_some(), "CNI_CONTAINERID")?;
            needs(self.interface.is_some(), "CNI_IFNAME")?;
        }
        if matches!(self.command, Command::Add | Command::Check) {
            needs(self.namespace.is_some(), "CNI_NETNS")?;
        }
        Ok(())
    }

    pub(super) fn container(&self) -> &str {
        self.container.as_deref().unwrap_or_default()
    }

    pub(super) fn interface(&self) -> &str {
        self.interface.as_ref().map_or("", InterfaceName::as_str)
    }

    pub(super) fn namespace(&self) -> &Path {
        self.namespace.as_deref().unwrap_or(Path::new(""))
    }

    pub(super) fn container_in(&self, network: &str) -> Result<Container, CniError> {
        let incomplete = || invalid("CNI_CONTAINERID, CNI_NETNS or CNI_IFNAME is not set".into());
        Ok(Container {
            id: self.container.clone().ok_or_else(incomplete)?,
            name: self.pod.clone(),
            network: network.to_owned(),
            namespace: self.namespace.clone().ok_or_else(incomplete)?,
            interface: self.interface.clone().ok_or_else(incomplete)?,
        })
    }
}

/// What libcni takes for a network's name or a container's id.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn invalid(message: String) -> CniError {
    CniError::new(Code::InvalidEnvironment, message)
}

/// `CNI_ARGS`: `KEY=value` with semicolons between.
#[derive(Debug, Default)]
struct Arguments {
    mac: Option<MacAddress>,
    pod: Option<String>,
}

impl Arguments {
    fn read(text: &str) -> Result<Self, CniError> {
        let mut arguments = Self::default();
        let mut unknown = Vec::new();
        let mut ignore_unknown = false;
        for pair in text.split(';').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid(format!("CNI_ARGS: {pair:?} is not KEY=value")))?;
            match key {
                "IgnoreUnknown" => {
                    ignore_unknown = match value.to_ascii_lowercase().as_str() {
                        "1" | "true" => true,
                        "0" | "false" => false,
                        _ => {
                            return Err(invalid(format!(
                                "CNI_ARGS: IgnoreUnknown is {value:?}, not 1 or 0"
                            )));
                        }
                    };
                }
                "MAC" => {
                    let mac = unicast(value);
                    let mac = mac.map_err(|error| invalid(format!("CNI_ARGS: MAC: {error}")))?;
                    arguments.mac = Some(mac);
                }
                "K8S_POD_NAME" => arguments.pod = Some(value.to_owned()),
                key if key.starts_with("K8S_") => {}
                key => unknown.push(key),
            }
        }
        match unknown.first() {
            Some(key) if !ignore_unknown => Err(invalid(format!(
                "CNI_ARGS: unknown key {key:?}; with IgnoreUnknown=1 it is ignored"
            ))),
            _ => Ok(arguments),
        }
    }
}
