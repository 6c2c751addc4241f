//! The tables of the agent's settings, key by key.

use super::{Api, Limits, NodeSettings, Outputs, Place, Settings, VfOperator, listen, value};
use crate::policy::reader::value::{any_text, boolean};
use crate::policy::reader::{Fault, Table};
use std::path::Path;

pub(super) fn settings(file: &mut Table<'_>) -> Settings {
    let default = Settings::default();
    let dirs = file.one_or_more("policy_dirs", value::path);
    let state_dir = file.value("state_dir", value::path);
    let log_level = file.value("log_level", value::log_level);
    let outputs = file.within("outputs", "[outputs]", outputs);
    let node = file.within("node", "[node]", node);
    let limits = file.within("limits", "[limits]", limits);
    let api = file.within("api", "[api]", api).unwrap_or_default();
    Settings {
        policy_dirs: if dirs.is_empty() {
            default.policy_dirs
        } else {
            dirs
        },
        state_dir: state_dir.unwrap_or(default.state_dir),
        log_level: log_level.unwrap_or(default.log_level),
        outputs: outputs.unwrap_or_default(),
        node: node.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        vf_operator: file
            .within("vf_operator", "[vf_operator]", |table| {
                vf_operator(table, &api.socket)
            })
            .unwrap_or_default(),
        api,
    }
}

fn outputs(table: &mut Table<'_>) -> Outputs {
    let default = Outputs::default();
    let unit = table.value("device_plugin_unit", value::unit);
    Outputs {
        cni: table.value("cni", boolean).unwrap_or(default.cni),
        cni_dir: table
            .value("cni_dir", value::path)
            .unwrap_or(default.cni_dir),
        device_plugin: table
            .value("device_plugin", boolean)
            .unwrap_or(default.device_plugin),
        device_plugin_file: table
            .value("device_plugin_file", value::path)
            .unwrap_or(default.device_plugin_file),
        device_plugin_unit: unit.unwrap_or(default.device_plugin_unit),
        node_state: table
            .value("node_state", boolean)
            .unwrap_or(default.node_state),
        node_state_file: table
            .value("node_state_file", value::path)
            .unwrap_or(default.node_state_file),
        cni_plugin: table
            .value("cni_plugin", value::cni_plugin)
            .unwrap_or_default(),
        podman: table
            .value("podman", value::when_installed)
            .unwrap_or_default(),
        podman_dir: table
            .value("podman_dir", value::path)
            .unwrap_or(default.podman_dir),
        manifests: table
            .value("manifests", boolean)
            .unwrap_or(default.manifests),
        manifests_dir: table
            .value("manifests_dir", value::path)
            .unwrap_or(default.manifests_dir),
        cdi: table.value("cdi", boolean).unwrap_or(default.cdi),
        cdi_dir: table
            .value("cdi_dir", value::path)
            .unwrap_or(default.cdi_dir),
    }
}

fn node(table: &mut Table<'_>) -> NodeSettings {
    NodeSettings {
        labels: table.map("labels", any_text),
        hostname: table.value("hostname", value::hostname).flatten(),
    }
}

fn limits(table: &mut Table<'_>) -> Limits {
    let default = Limits::default();
    let mut deadline = |key, default| table.value(key, value::seconds).unwrap_or(default);
    Limits {
        step_deadline: deadline("step_deadline", default.step_deadline),
        numvfs_deadline: deadline("numvfs_deadline", default.numvfs_deadline),
        start_deadline: deadline("start_deadline", default.start_deadline),
        receive_buffer: table
            .value("receive_buffer", value::buffer)
            .unwrap_or(default.receive_buffer),
    }
}

fn api(table: &mut Table<'_>) -> Api {
    let default = Api::default();
    Api {
        socket: table.value("socket", value::path).unwrap_or(default.socket),
        admin_group: table.value("admin_group", value::group).flatten(),
        listen: listen::listen(table),
    }
}

/// `own`: the agent's socket.
fn vf_operator(table: &mut Table<'_>, own: &Path) -> VfOperator {
    let default = VfOperator::default();
    let enabled = table.value("enabled", boolean).unwrap_or(default.enabled);
    let rest = table.value("rest", value::place).unwrap_or(default.rest);
    let grpc = table.value("grpc", value::place).unwrap_or(default.grpc);
    // The later one would take the place of the other.
    for (key, place) in [("rest", &rest), ("grpc", &grpc)] {
        if matches!(place, Place::Socket(path) if path == own) {
            let fault = Fault::new("this is the agent's own socket");
            table.error(key, fault.expecting("another path"));
        }
    }
    if rest == grpc {
        let fault = Fault::new("\"rest\" is in the same place");
        table.error("grpc", fault.expecting("another address or path"));
    }
    let is_open = matches!(&rest, Place::Local(_)) || matches!(&grpc, Place::Local(_));
    if enabled && is_open {
        let fault = Fault::new("every user of this host may change VFs through this API");
        table.warning(
            "enabled",
            fault.suggesting(
                "give \"rest\" and \"grpc\" the path of a Unix socket each where that is not meant",
            ),
        );
    }
    VfOperator {
        enabled,
        rest,
        grpc,
    }
}
