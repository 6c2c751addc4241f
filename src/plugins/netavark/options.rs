//! The driver's options: texts, as podman passes them on.

use super::sentence::Sentence;
use sriovd_core::model::{
    LinkState, MacAddress, Mtu, ResourceName, TxRate, VfAttribute, VfIndex, VfSettings, Vlan,
    VlanProto,
};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// As they come, by key.
type Texts = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Options {
    pub(super) pool: Option<ResourceName>,
    pub(super) vf: Option<VfIndex>,
    pub(super) mtu: Option<Mtu>,
    pub(super) no_default_route: bool,
    pub(super) metric: Option<u32>,
    vlan: Option<u16>,
    vlan_qos: Option<u8>,
    vlan_proto: Option<VlanProto>,
    link_state: Option<LinkState>,
    min_tx_rate: Option<u32>,
    max_tx_rate: Option<u32>,
    mac: Option<MacAddress>,
    /// Attributes that are on or off.
    switches: VfSettings,
}

/// Besides attributes of VFs.
const OF_A_NETWORK: [&str; 4] = ["pool", "mtu", "no_default_route", "metric"];
const OF_A_CONTAINER: [&str; 1] = ["vf"];

const SWITCH: [(&str, bool); 4] = [
    ("true", true),
    ("on", true),
    ("false", false),
    ("off", false),
];
impl Options {
    pub(super) fn of_network(options: &Texts) -> Result<Self, Sentence> {
        let mut read = Self::default();
        let attributes = VfAttribute::ALL.into_iter();
        let keys = attributes.flat_map(|attribute| attribute.facts().keys());
        let keys = keys.filter(|it| it.networks.is_some()).map(|it| it.key);
        let known: Vec<_> = OF_A_NETWORK.into_iter().chain(keys).collect();
        read.read(options, &known)?;
        read.check_vlan()?;
        read.check_rates()?;
        Ok(read)
    }

    pub(super) fn add_of_container(&mut self, options: &Texts) -> Result<(), Sentence> {
        self.read(options, &OF_A_CONTAINER)
    }

    /// The pool, without which there is nothing to take a VF from.
    pub(super) fn check_complete(&self) -> Result<&ResourceName, Sentence> {
        self.pool.as_ref().ok_or_else(|| {
            let sentence =
                "option \"pool\" is missing: the resource of the VFs that containers get";
            Sentence(sentence.to_owned())
        })
    }

    pub(super) fn settings(&self) -> VfSettings {
        let any_rate = self.min_tx_rate.is_some() || self.max_tx_rate.is_some();
        VfSettings {
            mac: self.mac,
            vlan: self.vlan.map(|id| Vlan {
                id,
                qos: self.vlan_qos.unwrap_or_default(),
                proto: self.vlan_proto.unwrap_or_default(),
            }),
            tx_rate: any_rate.then(|| TxRate {
                min: self.min_tx_rate.unwrap_or_default(),
                max: self.max_tx_rate.unwrap_or_default(),
            }),
            link_state: self.link_state,
            ..self.switches
        }
    }

    fn read(&mut self, options: &Texts, known: &[&'static str]) -> Result<(), Sentence> {
        for (key, text) in options {
            match known.iter().find(|it| *it == key) {
                Some(key) => self.set(key, text)?,
                None => return Err(unknown(key, known)),
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), Sentence> {
        match key {
            "pool" => self.pool = Some(parsed(key, text)?),
            "vf" => self.vf = Some(VfIndex(number(key, text, 0, u16::MAX)?)),
            "vlan" => self.vlan = Some(number(key, text, 0, Vlan::LAST_ID)?),
            "vlan_qos" => self.vlan_qos = Some(number(key, text, 0, Vlan::LAST_QOS)?),
            "vlan_proto" => self.vlan_proto = Some(word(key, text, &VlanProto::WORDS)?),
            "link_state" => self.link_state = Some(word(key, text, &LinkState::WORDS)?),
            "min_tx_rate" => self.min_tx_rate = Some(number(key, text, 0, u32::MAX)?),
            "max_tx_rate" => self.max_tx_rate = Some(number(key, text, 0, u32::MAX)?),
            "mtu" => {
                let mtu = Mtu::try_from(number(key, text, 0, u32::MAX)?);
                self.mtu = Some(mtu.map_err(|error| of(key, &error))?);
            }
            "mac" => {
                let mac: MacAddress = parsed(key, text)?;
                if !mac.is_unicast() {
                    return Err(of(
                        key,
                        &format!("{mac} is not the address of one interface"),
                    ));
                }
                self.mac = Some(mac);
            }
            "no_default_route" => self.no_default_route = word(key, text, &SWITCH)?,
            "metric" => self.metric = Some(number(key, text, 0, u32::MAX)?),
            _ => {
                let mut switches = VfAttribute::switches();
                let switch = switches.find(|(facts, _)| facts.key.key == key);
                let Some((_, make)) = switch else {
                    return Err(unknown(key, &[]));
                };
                self.switches.set(make(word(key, text, &SWITCH)?));
            }
        }
        Ok(())
    }

    fn check_vlan(&self) -> Result<(), Sentence> {
        let tagged = self.vlan.is_some_and(|id| id != 0);
        let lonely = [
            ("vlan_qos", self.vlan_qos.is_some_and(|qos| qos != 0)),
            ("vlan_proto", self.vlan_proto == Some(VlanProto::Dot1ad)),
        ];
        match lonely.iter().find(|(_, is_set)| *is_set && !tagged) {
            Some((key, _)) => Err(of(key, &"it needs a \"vlan\" from 1 to 4094")),
            None => Ok(()),
        }
    }

    fn check_rates(&self) -> Result<(), Sentence> {
        match (self.min_tx_rate, self.max_tx_rate) {
            (Some(min), Some(max)) if max != 0 && min > max => Err(of(
                "min_tx_rate",
                &format!("{min} is above \"max_tx_rate\" {max}"),
            )),
            _ => Ok(()),
        }
    }
}

fn of(key: &str, what: &dyn Display) -> Sentence {
    Sentence(format!("option {key:?}: {what}"))
}

fn parsed<T: FromStr<Err: Display>>(key: &str, text: &str) -> Result<T, Sentence> {
    text.parse().map_err(|error| of(key, &error))
}

fn number<T: FromStr + PartialOrd + Display + Copy>(
    key: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T, Sentence> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|number| digits && (&least..=&most).contains(&number));
    number.ok_or_else(|| {
        of(
            key,
            &format!("{text:?} is not a number from {least} to {most}"),
        )
    })
}

fn word<T: Copy>(key: &str, text: &str, words: &[(&str, T)]) -> Result<T, Sentence> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        of(key, &format!("{text:?} is not one of {}", words.join(", ")))
    })
}

fn unknown(key: &str, known: &[&str]) -> Sentence {
    let near = known
        .iter()
        .map(|it| (strsim::damerau_levenshtein(it, key), it));
    match near.min() {
        Some((distance, it)) if distance <= 3 => {
            Sentence(format!("unknown option {key:?}; did you mean {it:?}?"))
        }
        _ => Sentence(format!(
            "unknown option {key:?}; known are {}",
            known.join(", ")
        )),
    }
}
