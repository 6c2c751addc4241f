//! The network configuration: every key of the SR-IOV CNI plugin, and `pool`. Where that one takes a
//! wrong value for something else, this is an error; keys that it does not know are no concern of
//! either.

use super::call::is_name;
use super::error::{CniError, Code};
use super::keys::{Keys, invalid, unicast, wrong};
use super::log::Level;
use super::version::VERSIONS;
use crate::attach::Choice;
use serde_json::{Map, Value};
use sriovd_core::model::attribute::on_off;
use sriovd_core::model::{
    LinkState, MacAddress, Malformed, PciAddress, TxRate, VfAttribute, VfSettings, Vlan, VlanProto,
};

/// What is read of a configuration; those of runtimes have a few kilobytes.
pub const LONGEST: u64 = 1 << 20;

/// What every command needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// Without one it is the oldest: there was no key for it then.
    pub(super) version: String,
    /// The network's.
    pub(super) name: String,
    pub(super) raw: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetConf {
    /// `None`: whoever gave the container its VF has not said which.
    pub(super) choice: Option<Choice>,
    /// What is to be said of a key that has no effect.
    pub(super) remark: Option<String>,
    pub(super) settings: VfSettings,
    /// The runtime's, which goes before all others.
    pub(super) runtime_mac: Option<MacAddress>,
}

/// Keys that have a meaning for us besides those of attributes, whatever their case.
const OURS: [&str; 6] = [
    "pool",
    "deviceID",
    "logLevel",
    "logFile",
    "ipam",
    "runtimeConfig",
];

impl Header {
    pub(super) fn read(input: &[u8]) -> Result<Self, CniError> {
        let cannot = |message: String| CniError::new(Code::CannotDecode, message);
        if u64::try_from(input.len()).is_ok_and(|length| length > LONGEST) {
            return Err(cannot(format!(
                "the configuration is longer than {LONGEST} bytes"
            )));
        }
        let raw: Map<String, Value> = serde_json::from_slice(input)
            .map_err(|error| cannot(format!("the configuration is not a JSON object: {error}")))?;
        let text = |key: &str| match Keys(&raw).get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(cannot(format!("{key:?} is {other}, not a text"))),
        };
        let (version, name) = (text("cniVersion")?, text("name")?);
        let version = match version.is_empty() {
            true => VERSIONS[0].to_owned(),
            false => version,
        };
        Ok(Self { version, name, raw })
    }
}

impl NetConf {
    pub(super) fn read(header: &Header) -> Result<Self, CniError> {
        if header.name.is_empty() {
            return Err(invalid("\"name\" is missing".to_owned()));
        }
        if !is_name(&header.name) {
            let message = format!("\"name\" {:?} is not a network's name", header.name);
            return Err(invalid(message));
        }
        let conf = Keys(&header.raw);
        let runtime = conf.get("runtimeConfig");
        let runtime = runtime.and_then(Value::as_object).cloned();
        let runtime = runtime.unwrap_or_default();
        let runtime = Keys(&runtime);
        let device = match runtime.parsed("deviceID", str::parse)? {
            Some(device) => Some(device),
            None => conf.parsed("deviceID", str::parse)?,
        };
        let device: Option<PciAddress> = device;
        let pool = conf.parsed("pool", str::parse)?;
        let pool = pool.map(|pool| Choice::OfPool { pool, index: None });
        // Whoever names a VF has chosen.
        let choice = device.map(Choice::Vf).or(pool);
        conf.word("logLevel", &Level::ALL)?;
        conf.parsed("logFile", |text| Ok::<_, Malformed>(text.to_owned()))?;
        if conf.get("ipam").is_some_and(|ipam| !ipam.is_object()) {
            return Err(invalid("\"ipam\" is not an object".to_owned()));
        }
        Ok(Self {
            choice,
            remark: misspelt(&header.raw),
            settings: settings(&conf)?,
            runtime_mac: runtime.parsed("mac", unicast)?,
        })
    }
}

fn settings(conf: &Keys<'_>) -> Result<VfSettings, CniError> {
    let rate = |key| conf.number(key, u64::from(u32::MAX), "a rate in Mbit/s");
    let (min, max) = (rate("min_tx_rate")?, rate("max_tx_rate")?);
    let tx_rate = (min.is_some() || max.is_some()).then(|| TxRate {
        min: saturated(min),
        max: saturated(max),
    });
    if let Some(TxRate { min, max }) = tx_rate
        && max != 0
        && min > max
    {
        let message = format!("\"min_tx_rate\" {min} is above \"max_tx_rate\" {max}");
        return Err(invalid(message));
    }
    let mut settings = VfSettings {
        mac: conf.parsed("mac", unicast)?,
        vlan: vlan(conf)?,
        tx_rate,
        link_state: conf.word("link_state", &LinkState::WORDS)?,
        ..VfSettings::default()
    };
    for (facts, make) in VfAttribute::switches() {
        let Some(keys) = facts.key.networks else {
            continue;
        };
        let on = conf.word(keys.cni, &[true, false].map(|on| (on_off(on), on)))?;
        on.into_iter().for_each(|on| settings.set(make(on)));
    }
    Ok(settings)
}

fn saturated(rate: Option<u64>) -> u32 {
    rate.map_or(0, |rate| u32::try_from(rate).unwrap_or(u32::MAX))
}

fn vlan(conf: &Keys<'_>) -> Result<Option<Vlan>, CniError> {
    let id = conf.number("vlan", u64::from(Vlan::LAST_ID), "a VLAN from 0 to 4094")?;
    let qos = conf.number(
        "vlanQoS",
        u64::from(Vlan::LAST_QOS),
        "a priority from 0 to 7",
    )?;
    let proto = match conf.text("vlanProto")? {
        None => None,
        Some(text) => {
            let mut words = VlanProto::WORDS.into_iter();
            match words.find(|(word, _)| word.eq_ignore_ascii_case(text)) {
                Some((_, proto)) => Some(proto),
                None => return Err(wrong("vlanProto", text, "\"802.1q\" or \"802.1ad\"")),
            }
        }
    };
    let Some(id) = id else {
        let lonely = qos.map(|_| "vlanQoS").or(proto.map(|_| "vlanProto"));
        return match lonely {
            Some(key) => Err(invalid(format!("{key:?} has no meaning without \"vlan\""))),
            None => Ok(None),
        };
    };
    let vlan = Vlan {
        id: u16::try_from(id).unwrap_or_default(),
        qos: u8::try_from(qos.unwrap_or_default()).unwrap_or_default(),
        proto: proto.unwrap_or_default(),
    };
    if vlan.id == 0 && (vlan.qos != 0 || vlan.proto == VlanProto::Dot1ad) {
        let message = "\"vlanQoS\" and 802.1ad need a \"vlan\" other than 0";
        return Err(invalid(message.to_owned()));
    }
    Ok(Some(vlan))
}

/// The first key that looks like a slip of the pen for one of ours.
fn misspelt(conf: &Map<String, Value>) -> Option<String> {
    let attributes = VfAttribute::ALL.into_iter();
    let keys_of_attributes = attributes.flat_map(|attribute| attribute.facts().keys());
    let keys_of_attributes = keys_of_attributes.filter_map(|key| Some(key.networks?.cni));
    let ours: Vec<_> = OURS.into_iter().chain(keys_of_attributes).collect();
    let near = |key: &String| {
        let key = key.to_ascii_lowercase();
        let distances = ours.iter().map(|it| {
            let distance = strsim::damerau_levenshtein(&it.to_ascii_lowercase(), &key);
            (distance, *it)
        });
        let (distance, it) = distances.min()?;
        let is_near = distance > 0 && distance * 4 <= it.len();
        is_near.then_some(it)
    };
    let mut keys = conf.keys();
    keys.find_map(|key| {
        Some(format!(
            "key {key:?} is ignored; is {:?} meant?",
            near(key)?
        ))
    })
}
