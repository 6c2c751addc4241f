//! A PF that goes on from where a snapshot was taken.

use super::{DriverModel, Hidden, SimPf};
use sriovd_core::model::PfSnapshot;
use std::collections::{BTreeMap, BTreeSet};

impl From<PfSnapshot> for SimPf {
    fn from(mut snapshot: PfSnapshot) -> Self {
        let mut holders = snapshot.holders.take().unwrap_or_default();
        let hidden = snapshot.vfs.iter().map(|(&index, vf)| {
            let own_mac = vf.interface.as_ref().map(|interface| interface.mac);
            let holders = holders.remove(&index).unwrap_or_default();
            let hidden = Hidden {
                own_mac,
                holders,
                ..Hidden::default()
            };
            (index, hidden)
        });
        let hidden = hidden.collect();
        let driver = snapshot
            .driver
            .as_ref()
            .map_or("", |driver| driver.as_str());
        let listed_vfs = (!snapshot.vf_list_complete).then_some(0);
        snapshot.vf_list_complete = true;
        Self {
            params: snapshot.params.take().unwrap_or_default(),
            model: DriverModel::of(driver),
            cable: snapshot
                .interface
                .as_ref()
                .and_then(|nic| nic.speed.or(nic.carrier.then_some(1000))),
            listed_vfs,
            late_netdevs: false,
            dead_vfs: BTreeSet::new(),
            users: snapshot.users.take().unwrap_or_default(),
            mute_vfs: BTreeMap::new(),
            resetting: 0,
            mtu_before_bond: None,
            lost: None,
            hidden,
            busy: 0,
            snapshot,
        }
    }
}
