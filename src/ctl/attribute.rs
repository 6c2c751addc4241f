//! What a VF is and should be, attribute by attribute.

use super::colour;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::attribute::{AttributeFacts, Value, on_off};
use sriovd_core::model::{TxRate, VfAttribute, VfSetting, VfSettings, VfSnapshot, Vlan, VlanProto};
use sriovd_core::policy::DeviceType;
use sriovd_core::policy::resolve::DesiredVf;

/// `None` is "not told" of what is, "left alone" of what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(super) struct Compared {
    pub(super) attribute: &'static str,
    pub(super) is: Option<String>,
    pub(super) wanted: Option<String>,
    /// It is not as the policy wants it.
    pub(super) differs: bool,
}

impl Compared {
    fn new(attribute: &'static str, is: Option<String>, wanted: Option<String>) -> Self {
        let differs = wanted.is_some() && is != wanted;
        Self {
            attribute,
            is,
            wanted,
            differs,
        }
    }

    /// As a cell of a table.
    pub(super) fn cell(&self) -> String {
        let is = self.is.as_deref().unwrap_or("-");
        match &self.wanted {
            Some(wanted) if self.differs => {
                colour::paint(colour::BAD, &format!("{is} (wanted {wanted})"))
            }
            _ => is.to_owned(),
        }
    }
}

/// In the order in which they are shown: first what tells one VF from another.
pub(super) fn shown() -> impl Iterator<Item = &'static AttributeFacts> {
    let first = [VfAttribute::Mac, VfAttribute::Vlan];
    let others = VfAttribute::ALL.into_iter();
    let others = others.filter(move |attribute| !first.contains(attribute));
    first.into_iter().chain(others).map(VfAttribute::facts)
}

pub(super) fn compare(vf: Option<&VfSnapshot>, wanted: Option<&DesiredVf>) -> Vec<Compared> {
    let mut compared = vec![driver(vf, wanted), mtu(vf, wanted)];
    let no_settings = VfSettings::default();
    let is = vf.map_or(&no_settings, |vf| &vf.settings);
    let wish = wanted.map_or(&no_settings, |wanted| &wanted.settings);
    compared.extend(shown().map(|facts| {
        let value = |settings: &VfSettings| settings.get(facts.attribute).map(value);
        Compared::new(facts.name, value(is), value(wish))
    }));
    compared
}

fn driver(vf: Option<&VfSnapshot>, wanted: Option<&DesiredVf>) -> Compared {
    let is = vf.and_then(|vf| vf.driver.as_ref());
    let wish = wanted.and_then(|wanted| match &wanted.device_type {
        DeviceType::Netdevice => Some("netdevice".to_owned()),
        DeviceType::Any => None,
        DeviceType::Driver(driver) => Some(driver.to_string()),
    });
    let wish = wish.filter(|_| wanted.is_some_and(|wanted| wanted.claim.is_some()));
    let ready = vf.is_some_and(|vf| wanted.is_some_and(|wanted| wanted.is_ready(vf)));
    Compared {
        differs: wish.is_some() && !ready,
        ..Compared::new("driver", is.map(ToString::to_string), wish)
    }
}

/// Of the VF's own netdev, which is out of sight with another driver or elsewhere.
fn mtu(vf: Option<&VfSnapshot>, wanted: Option<&DesiredVf>) -> Compared {
    let own = vf.and_then(|vf| vf.interface.as_ref());
    let is = own.map(|own| own.mtu.to_string());
    let wish = wanted.and_then(|wanted| wanted.mtu);
    let mut compared = Compared::new("mtu", is, wish.map(|mtu| mtu.to_string()));
    compared.differs &= own.is_some();
    compared
}

/// The value alone, short enough for a column.
pub(super) fn value(setting: VfSetting) -> String {
    match setting.value() {
        Value::Switch(on) => on_off(on).to_owned(),
        Value::Mac(mac) => mac.to_string(),
        Value::Vlan(Vlan { id, qos, proto }) => {
            let qos = match qos {
                0 => String::new(),
                qos => format!(" qos {qos}"),
            };
            let proto = match proto {
                VlanProto::Dot1q => "",
                VlanProto::Dot1ad => " 802.1ad",
            };
            format!("{id}{qos}{proto}")
        }
        Value::TxRate(TxRate { min: 0, max: 0 }) => "any".to_owned(),
        Value::TxRate(TxRate { min: 0, max }) => format!("..{max}"),
        Value::TxRate(TxRate { min, max: 0 }) => format!("{min}.."),
        Value::TxRate(TxRate { min, max }) => format!("{min}..{max}"),
        Value::LinkState(state) => state.to_string(),
    }
}

#[cfg(test)]
mod tests;
