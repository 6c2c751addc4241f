//! From the settings as they are written to the settings that hold, and what contradicts in them.

use super::draft::{ApiDraft, LimitsDraft, NodeDraft, OutputsDraft, SettingsDraft};
use super::{ApiSettings, Limits, Listen, NodeSettings, Outputs, Settings, TlsSettings};
use sriovd_core::model::pools::POOLS;
use sriovd_core::policy::reader::{Fault, Key, within};
use sriovd_wire::settings::check_vf_operator;
use std::path::Path;

pub(super) fn settings(draft: &SettingsDraft, faults: &mut Vec<Fault>) -> Settings {
    let default = Settings::default();
    let api = draft.api.or_default();
    let api = ApiSettings {
        socket: api.socket.or(default.api.socket),
        admin_group: api.admin_group.cloned().flatten(),
        listen: within("api", faults, |faults| listen(&api, faults)),
    };
    let vf_operator = draft.vf_operator.or_default();
    Settings {
        policy_dirs: draft.policy_dirs.or(default.policy_dirs),
        state_dir: draft.state_dir.or(default.state_dir),
        log_level: draft.log_level.or(default.log_level),
        outputs: within("outputs", faults, |faults| {
            outputs(&draft.outputs.or_default(), faults)
        }),
        node: node(&draft.node.or_default()),
        limits: limits(&draft.limits.or_default()),
        vf_operator: within("vf_operator", faults, |faults| {
            check_vf_operator(&vf_operator, &api.socket, faults)
        }),
        api,
    }
}

fn outputs(draft: &OutputsDraft, faults: &mut Vec<Fault>) -> Outputs {
    let default = Outputs::default();
    let unit = draft.device_plugin_unit.cloned();
    let outputs = Outputs {
        cni: draft.cni.or(default.cni),
        cni_dir: draft.cni_dir.or(default.cni_dir),
        device_plugin: draft.device_plugin.or(default.device_plugin),
        device_plugin_file: draft.device_plugin_file.or(default.device_plugin_file),
        device_plugin_unit: unit.unwrap_or(default.device_plugin_unit),
        node_state: draft.node_state.or(default.node_state),
        node_state_file: draft.node_state_file.or(default.node_state_file),
        cni_plugin: draft.cni_plugin.or(default.cni_plugin),
        podman: draft.podman.or(default.podman),
        podman_dir: draft.podman_dir.or(default.podman_dir),
        manifests: draft.manifests.or(default.manifests),
        manifests_dir: draft.manifests_dir.or(default.manifests_dir),
        cdi: draft.cdi.or(default.cdi),
        cdi_dir: draft.cdi_dir.or(default.cdi_dir),
    };
    for (key, file) in [
        ("device_plugin_file", &outputs.device_plugin_file),
        ("node_state_file", &outputs.node_state_file),
    ] {
        if file == Path::new(POOLS) {
            let fault = Fault::new("the container plugins read the pools from this file").at(key);
            faults.push(fault.expecting("another path"));
        }
    }
    let both = outputs.device_plugin && outputs.node_state;
    if both && outputs.device_plugin_file == outputs.node_state_file {
        let is_written = draft.node_state_file.is_given();
        let (key, other) = match is_written {
            true => ("node_state_file", "device_plugin_file"),
            false => ("device_plugin_file", "node_state_file"),
        };
        let fault = Fault::new(format!("\"{other}\" is the same file")).at(key);
        faults.push(fault.expecting("another path"));
    }
    outputs
}

fn node(draft: &NodeDraft) -> NodeSettings {
    NodeSettings {
        labels: draft.labels.or_default(),
        hostname: draft.hostname.cloned().flatten(),
    }
}

fn limits(draft: &LimitsDraft) -> Limits {
    let default = Limits::default();
    Limits {
        step_deadline: draft.step_deadline.or(default.step_deadline),
        numvfs_deadline: draft.numvfs_deadline.or(default.numvfs_deadline),
        start_deadline: draft.start_deadline.or(default.start_deadline),
        receive_buffer: draft.receive_buffer.or(default.receive_buffer),
    }
}

fn listen(draft: &ApiDraft, faults: &mut Vec<Fault>) -> Option<Listen> {
    let files = [&draft.tls_certificate, &draft.tls_key, &draft.tls_client_ca];
    let is_bad = files.iter().any(|file| matches!(file, Key::Wrong));
    let [certificate, key, client_ca] = files.map(|file| file.cloned().flatten());
    let admins = draft.tls_admins.or_default();
    let address = draft.listen.cloned().flatten();
    let address = address?;
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), Some(client_ca)) => {
            let admins = admins.into_iter().flatten().collect();
            let tls = TlsSettings {
                certificate,
                key,
                client_ca,
                admins,
            };
            Some(Listen::Tls(address, tls))
        }
        _ if is_bad => None,
        (None, None, None) if address.ip().is_loopback() => Some(Listen::Local(address)),
        (certificate, key, _) => {
            let missing = match (certificate, key) {
                (None, _) => "tls_certificate",
                (_, None) => "tls_key",
                _ => "tls_client_ca",
            };
            let others = match address.ip().is_loopback() {
                true => "TLS is asked for",
                false => "other hosts can reach this address",
            };
            let fault = Fault::new(format!("{others}, and there is no \"{missing}\"")).expecting(
                "files with tls_certificate, tls_key and tls_client_ca, \
                 or an address such as \"127.0.0.1:8080\" and none of them",
            );
            faults.push(fault.at("listen"));
            None
        }
    }
}
