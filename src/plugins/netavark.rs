//! The plugin for netavark, podman's network stack: its driver `sriov`.
//!
//! The protocol is that of netavark's `plugin-API.md`, version 1.0.0: an executable of the driver's
//! name, a word and a namespace as arguments, JSON on both standard streams. A network whose setup
//! fails gets no teardown: what was half done is undone here.
#![warn(missing_docs)]

mod options;
mod protocol;
mod sentence;

use crate::attach::{
    self, Addressing, Allocated, Allocator, AttachError, Choice, Request, remove_routes_to_nowhere,
};
use options::Options;
pub use protocol::LONGEST;
use protocol::{Network, Setup, status};
use sentence::Sentence;
use serde_json::{Value, json};
use sriovd_core::model::Container;
use std::path::Path;

const API_VERSION: &str = "1.0.0";

/// What is printed, and whether it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What netavark wants on standard output, as JSON: a result, or `{"error": …}`.
    pub stdout: String,
    /// For the user's terminal.
    pub stderr: String,
    /// Whether the exit code is 1.
    pub is_error: bool,
}

/// Answers one call. `input` is the whole standard input, or one byte more than may be.
pub fn run(root: &Path, arguments: &[String], input: &[u8]) -> Reply {
    let mut said = String::new();
    let answered = answer(root, arguments, input, &mut said);
    let (stdout, is_error) = match answered {
        Ok(Value::Null) => (String::new(), false),
        Ok(value) => (format!("{value}\n"), false),
        Err(error) => (format!("{}\n", json!({"error": error.to_string()})), true),
    };
    Reply {
        stdout,
        stderr: said,
        is_error,
    }
}

fn answer(
    root: &Path,
    arguments: &[String],
    input: &[u8],
    said: &mut String,
) -> Result<Value, Sentence> {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let allocator = || Allocator::new(root.to_owned());
    match words[..] {
        [] | ["info"] => Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "api_version": API_VERSION,
        })),
        ["create"] => create(input),
        ["setup", namespace] => setup(&allocator(), namespace, input),
        ["teardown", namespace] => {
            teardown(&allocator(), namespace, input, said).map(|()| Value::Null)
        }
        _ => Err(Sentence(format!(
            "arguments {words:?} are not: create, setup NAMESPACE, teardown NAMESPACE or info"
        ))),
    }
}

/// The network as it came, if it can work.
fn create(input: &[u8]) -> Result<Value, Sentence> {
    let (mut value, network) = protocol::read::<Network>(input)?;
    let options = Options::of_network(&network.options)?;
    options.check_complete()?;
    network.check_addressing(&options)?;
    // Without subnets podman gives no addresses, and says so only where nobody named a driver.
    if network.subnets.is_empty() && network.ipam_driver().is_none() {
        value["ipam_options"] = json!({"driver": "none"});
    }
    Ok(value)
}

fn setup(allocator: &Allocator, namespace: &str, input: &[u8]) -> Result<Value, Sentence> {
    let (_, setup) = protocol::read::<Setup>(input)?;
    let network = &setup.network;
    let mut options = Options::of_network(&network.options)?;
    options.add_of_container(&setup.network_options.options)?;
    let pool = options.check_complete()?;
    let mut settings = options.settings();
    settings.mac = setup.static_mac()?.or(settings.mac);
    let addressing = setup.addressing(&options)?;
    let request = Request {
        container: Container {
            namespace: namespace.into(),
            ..setup.container()?
        },
        choice: Choice::OfPool {
            pool: pool.clone(),
            index: options.vf,
        },
        settings,
        mtu: options.mtu,
        userspace: false,
    };
    let of_network = |error: &AttachError| {
        Sentence(format!("network {}: {}", network.name, Sentence::of(error)))
    };
    // One that ended without a word may be what holds the last VF.
    drop(attach::collect(allocator, None));
    let allocated = attach::allocate(allocator, &request).map_err(|error| of_network(&error))?;
    let configured = attach::configure(allocator, &allocated, &addressing);
    match configured {
        Ok(Some(interface)) => Ok(status(&setup, &request.container, interface.mac)),
        Ok(None) => {
            attach::undo(allocator, &allocated).map_err(|error| of_network(&error))?;
            Err(Sentence(format!("pool {pool}: the VF has no interface")))
        }
        Err(error) => Err(match undo(allocator, &allocated, &addressing, namespace) {
            Ok(()) => of_network(&error),
            Err(trouble) => Sentence(format!(
                "{}; {}",
                of_network(&error),
                Sentence::of(&trouble)
            )),
        }),
    }
}

/// Of a setup that went wrong half-way nothing stays: netavark does not call for its teardown.
fn undo(
    allocator: &Allocator,
    allocated: &Allocated,
    addressing: &Addressing,
    namespace: &str,
) -> Result<(), AttachError> {
    attach::undo(allocator, allocated)?;
    Ok(remove_routes_to_nowhere(Path::new(namespace), addressing)?)
}

/// From what was written down alone: the network may look different by now. Only routes to nowhere,
/// which no netdev takes with it, are those that it names.
fn teardown(
    allocator: &Allocator,
    namespace: &str,
    input: &[u8],
    said: &mut String,
) -> Result<(), Sentence> {
    let (_, setup) = protocol::read::<Setup>(input)?;
    let interface = setup.interface()?;
    let released = attach::release(allocator, &setup.container_id, interface.as_str());
    let released = released.map_err(|error| Sentence::of(&error))?;
    for trouble in released.into_iter().flat_map(|it| it.troubles) {
        said.push_str(&format!("sriovd: {trouble}\n"));
    }
    if let Ok(options) = Options::of_network(&setup.network.options)
        && let Ok(addressing) = setup.addressing(&options)
        && let Err(error) = remove_routes_to_nowhere(Path::new(namespace), &addressing)
    {
        said.push_str(&format!("sriovd: {error}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
