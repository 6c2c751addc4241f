//! One call of the plugin: what is asked, with which configuration, of which host.

use super::call::Call;
use super::error::CniError;
use super::ipam::Ipam;
use super::netconf::{Header, NetConf};
use crate::attach::Allocator;
use sriovd_core::model::VfSettings;

pub(super) struct Plugin {
    pub(super) allocator: Allocator,
    pub(super) call: Call,
    pub(super) header: Header,
}

impl Plugin {
    /// What the VF is to have: of the MACs, the one that was said nearest to the container.
    pub(super) fn settings(&self, conf: &NetConf) -> VfSettings {
        let mut settings = conf.settings;
        settings.mac = conf.runtime_mac.or(self.call.mac).or(settings.mac);
        settings
    }

    /// `None`: the network has no addresses.
    pub(super) fn ipam(&self) -> Result<Option<Ipam>, CniError> {
        Ipam::of(&self.header.raw, &self.call.path)
    }
}
