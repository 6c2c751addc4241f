//! The settings as they are written: every key may be missing.

use super::value::{Buffer, Client, HostName, Listener, PathOrNone, Seconds, Unit};
use super::{CniPlugin, LogLevel, WhenInstalled};
use sriovd_core::policy::reader::{Boolean, Many, MapOf, OneOf, Text, table};
use sriovd_wire::settings::{AbsolutePath, Group, VfOperatorDraft};

table! {
    /// `/etc/sriovd.toml`.
    pub(super) SettingsDraft: "this file" {
        /// Where policies are. A file in one directory hides those of the same name in the ones behind it
        policy_dirs: Many<AbsolutePath>,
        /// What the agent must remember over restarts
        state_dir: AbsolutePath,
        /// How much goes to the journal
        log_level: OneOf<LogLevel>,
        /// What is written for other programs
        outputs: OutputsDraft,
        /// What policies see of this node
        node: NodeDraft,
        /// How long things may take, and how much may wait
        limits: LimitsDraft,
        /// Where the agent answers
        api: ApiDraft,
        /// The API of vf-operator
        vf_operator: VfOperatorDraft,
    }
}

table! {
    /// `[outputs]`.
    pub(super) OutputsDraft: "[outputs]" {
        /// CNI network lists for container runtimes, one for each network
        cni: Boolean,
        /// Where they are
        cni_dir: AbsolutePath,
        /// The configuration of the SR-IOV network device plugin
        device_plugin: Boolean,
        /// Where it is
        device_plugin_file: AbsolutePath,
        /// The plugin's unit, which is restarted when the configuration changed
        device_plugin_unit: Unit,
        /// What this node has and does, as JSON
        node_state: Boolean,
        /// Where it is
        node_state_file: AbsolutePath,
        /// Which plugin the CNI lists name
        cni_plugin: OneOf<CniPlugin>,
        /// Networks for podman
        podman: OneOf<WhenInstalled>,
        /// Where they are
        podman_dir: AbsolutePath,
        /// NetworkAttachmentDefinitions for Kubernetes, one for each network
        manifests: Boolean,
        /// Where they are
        manifests_dir: AbsolutePath,
        /// Device nodes of VFs, for the Container Device Interface
        cdi: Boolean,
        /// Where they are
        cdi_dir: AbsolutePath,
    }
}

table! {
    /// `[node]`.
    pub(super) NodeDraft: "[node]" {
        /// Labels by which policies can choose nodes
        labels: MapOf<Text>,
        /// The name by which policies can choose this node
        hostname: HostName,
    }
}

table! {
    /// `[limits]`.
    pub(super) LimitsDraft: "[limits]" {
        /// Until a step that does not come back is reported as hung
        step_deadline: Seconds,
        /// The same for changes of a VF count
        numvfs_deadline: Seconds,
        /// Until the service counts as started although some NIC is not ready
        start_deadline: Seconds,
        /// Events that the kernel keeps while the agent is busy, for each source
        receive_buffer: Buffer,
    }
}

table! {
    /// `[api]`.
    pub(super) ApiDraft: "[api]" {
        /// Where sriovctl finds the agent
        socket: AbsolutePath,
        /// Its members may change what others may only read
        admin_group: Group,
        /// Where the API is over TCP
        listen: Listener,
        /// The certificate of this host
        tls_certificate: PathOrNone,
        /// Its key
        tls_key: PathOrNone,
        /// The CA that signs the certificates of clients
        tls_client_ca: PathOrNone,
        /// The clients that may change things, by a name in their certificates
        tls_admins: Many<Client>,
    }
}
