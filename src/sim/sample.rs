//! Things to fill in: policies that ask for nothing.

use sriovd_core::model::{PolicyName, VfSettings};
use sriovd_core::policy::{
    DesiredRepresentor, DeviceType, Disruption, MacChoice, NodeMatch, OnRemoval, Origin, PfMatch,
    Policy,
};
use std::collections::BTreeMap;

/// It matches every PF and wants nothing of it.
pub fn policy(name: PolicyName) -> Policy {
    Policy {
        origin: Origin::File {
            file: format!("{name}.toml").into(),
            line: 1,
        },
        name,
        priority: 99,
        enabled: true,
        node: NodeMatch::default(),
        matches: PfMatch::default(),
        resource: None,
        resource_prefix: None,
        num_vfs: None,
        vfs: None,
        mtu: None,
        device_type: DeviceType::Netdevice,
        names_driver: false,
        driver_autoprobe: None,
        eswitch_mode: None,
        devlink: BTreeMap::new(),
        hw_tc_offload: None,
        representor: DesiredRepresentor::default(),
        bridge: None,
        external: None,
        is_rdma: false,
        need_vhost_net: false,
        exclude_topology: false,
        settings: VfSettings::default(),
        mac: MacChoice::Kernel,
        overrides: BTreeMap::new(),
        on_removal: OnRemoval::Reset,
        disruption: Disruption::WhenUnused,
    }
}
