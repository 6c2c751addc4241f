//! The tables of the agent's settings, key by key.

use super::{Api, Limits, NodeSettings, Outputs, Settings, VfOperator, listen, value};
use crate::policy::reader::Table;
use crate::policy::reader::value::{any_text, boolean};

pub(super) fn settings(file: &mut Table<'_>) -> Settings {
    let default = Settings::default();
    let dirs = file.one_or_more("policy_dirs", value::path);
    let state_dir = file.value("state_dir", value::path);
    let log_level = file.value("log_level", value::log_level);
    Settings {
        policy_dirs: if dirs.is_empty() {
            default.policy_dirs
        } else {
            dirs
        },
        state_dir: state_dir.unwrap_or(default.state_dir),
        log_level: log_level.unwrap_or(default.log_level),
        outputs: file
            .within("outputs", "[outputs]", outputs)
            .unwrap_or_default(),
        node: file.within("node", "[node]", node).unwrap_or_default(),
        limits: file
            .within("limits", "[limits]", limits)
            .unwrap_or_default(),
        api: file.within("api", "[api]", api).unwrap_or_default(),
        vf_operator: file
            .within("vf_operator", "[vf_operator]", vf_operator)
            .unwrap_or_default(),
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

fn vf_operator(table: &mut Table<'_>) -> VfOperator {
    let default = VfOperator::default();
    VfOperator {
        enabled: table.value("enabled", boolean).unwrap_or(default.enabled),
        rest: table.value("rest", value::local).unwrap_or(default.rest),
        grpc: table.value("grpc", value::local).unwrap_or(default.grpc),
    }
}
