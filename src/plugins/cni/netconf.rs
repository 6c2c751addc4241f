//! The network configuration: every key of the SR-IOV CNI plugin, and `pool`. Where that one takes a
//! wrong value for something else, this is an error; keys that it does not know are no concern of
//! either.

use super::call::is_name;
use super::error::{CniError, Code};
use super::keys::{Keys, invalid, unicast};
use super::log::Level;
use super::version::VERSIONS;
use crate::attach::Choice;
use serde_json::{Map, Value};
use sriovd_core::model::attribute::{
    Contradiction, KeyFacts, KeyType, KeyValue, KeyValues, Shape, on_off,
};
use sriovd_core::model::{MacAddress, Malformed, PciAddress, VfAttribute, VfSettings};

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
    let mut values = KeyValues::default();
    for key in VfAttribute::keys() {
        if let Some(theirs) = key.networks
            && let Some(value) = value(conf, theirs.cni, key.takes)?
        {
            values.insert(key, value);
        }
    }
    let (settings, wrong) = values.settings(&VfSettings::default());
    match wrong.into_iter().next() {
        Some(wrong) => Err(invalid(contradiction(wrong))),
        None => Ok(settings),
    }
}

fn value(conf: &Keys<'_>, key: &str, takes: KeyType) -> Result<Option<KeyValue>, CniError> {
    Ok(match takes.shape() {
        Shape::Switch => {
            let on = conf.word(key, &[true, false].map(|on| (on_off(on), on)))?;
            on.map(KeyValue::Switch)
        }
        Shape::Mac => conf.parsed(key, unicast)?.map(KeyValue::Mac),
        Shape::Number { most, what } => conf.number(key, most, what)?.map(KeyValue::Number),
        Shape::Word(words) => {
            let text = conf.text(key)?.unwrap_or_default();
            let in_any_case = |word: &&&str| word.eq_ignore_ascii_case(text);
            // The SR-IOV CNI plugin takes it so.
            let word = match words.iter().find(in_any_case) {
                Some(word) if takes == KeyType::VlanProto => Some(*word),
                _ => {
                    let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
                    conf.word(key, &words)?
                }
            };
            word.map(KeyValue::Word)
        }
    })
}

fn contradiction(wrong: Contradiction) -> String {
    let cni = |key: &KeyFacts| key.networks.map_or(key.key, |keys| keys.cni);
    match wrong {
        Contradiction::NoTag { is_told: true, .. } => {
            "\"vlanQoS\" and 802.1ad need a \"vlan\" other than 0".to_owned()
        }
        Contradiction::NoTag { key, .. } => {
            format!("{:?} has no meaning without \"vlan\"", cni(key))
        }
        Contradiction::MinAboveMax {
            min: (of_min, min),
            max: (of_max, max),
        } => format!("{:?} {min} is above {:?} {max}", cni(of_min), cni(of_max)),
    }
}

/// The first key that looks like a slip of the pen for one of ours.
fn misspelt(conf: &Map<String, Value>) -> Option<String> {
    let keys_of_attributes = VfAttribute::keys().filter_map(|key| Some(key.networks?.cni));
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
