//! The network configuration: every key of the SR-IOV CNI plugin, and `pool`. Where that one takes a
//! wrong value for something else, this is an error.

use super::call::is_name;
use super::error::{CniError, Code};
use super::log::Level;
use crate::attach::Choice;
use crate::model::{
    LinkState, MacAddress, Malformed, PciAddress, TxRate, VfSettings, Vlan, VlanProto,
};
use serde_json::{Map, Value};

/// What every command needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: String,
    /// The network's.
    pub(super) name: String,
    pub(super) raw: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetConf {
    /// `None`: whoever gave the container its VF has not said which.
    pub(super) choice: Option<Choice>,
    pub(super) settings: VfSettings,
    /// The runtime's, which goes before all others.
    pub(super) runtime_mac: Option<MacAddress>,
}

/// Keys that have a meaning for us. Like Go, whatever their case.
const OURS: [&str; 15] = [
    "pool",
    "deviceID",
    "vlan",
    "vlanQoS",
    "vlanProto",
    "mac",
    "spoofchk",
    "trust",
    "link_state",
    "min_tx_rate",
    "max_tx_rate",
    "logLevel",
    "logFile",
    "ipam",
    "runtimeConfig",
];

/// Keys that runtimes and multus put in, and those of the specification that are not ours.
const OTHERS: [&str; 14] = [
    "cniVersion",
    "cniVersions",
    "name",
    "type",
    "dns",
    "capabilities",
    "args",
    "prevResult",
    "pciBusID",
    "resourceName",
    "disableCheck",
    "disableGC",
    "loadOnlyInlinedPlugins",
    "ipMasq",
];

impl Header {
    pub(super) fn read(input: &[u8]) -> Result<Self, CniError> {
        let cannot = |message: String| CniError::new(Code::CannotDecode, message);
        if u64::try_from(input.len()).is_ok_and(|length| length > super::LONGEST) {
            let limit = super::LONGEST;
            return Err(cannot(format!(
                "the configuration is longer than {limit} bytes"
            )));
        }
        let raw: Map<String, Value> = serde_json::from_slice(input)
            .map_err(|error| cannot(format!("the configuration is not a JSON object: {error}")))?;
        let text = |key: &str| match raw.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(invalid(format!("{key:?} is {other}, not a text"))),
        };
        let (version, name) = (text("cniVersion")?, text("name")?);
        // VERSION asks without one.
        if !name.is_empty() && !is_name(&name) {
            return Err(invalid(format!(
                "\"name\" {name:?} is not a network's name"
            )));
        }
        let version = if version.is_empty() {
            "0.1.0".to_owned()
        } else {
            version
        };
        Ok(Self { version, name, raw })
    }
}

impl NetConf {
    pub(super) fn read(header: &Header) -> Result<Self, CniError> {
        if header.name.is_empty() {
            return Err(invalid("\"name\" is missing".to_owned()));
        }
        let known = |key: &str| {
            OURS.iter()
                .chain(&OTHERS)
                .any(|it| it.eq_ignore_ascii_case(key))
        };
        let reserved = |key: &str| key.starts_with("cni.dev/") || key.starts_with('_');
        let mut keys = header.raw.keys();
        if let Some(key) = keys.find(|key| !known(key) && !reserved(key)) {
            return Err(invalid(unknown_key(key)));
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
            settings: settings(&conf)?,
            runtime_mac: runtime.parsed("mac", unicast)?,
        })
    }
}

fn settings(conf: &Keys<'_>) -> Result<VfSettings, CniError> {
    let on_off = [("on", true), ("off", false)];
    let link_states = [
        ("auto", LinkState::Auto),
        ("enable", LinkState::Enable),
        ("disable", LinkState::Disable),
    ];
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
    Ok(VfSettings {
        trust: conf.word("trust", &on_off)?,
        mac: conf.parsed("mac", unicast)?,
        vlan: vlan(conf)?,
        spoof_check: conf.word("spoofchk", &on_off)?,
        tx_rate,
        link_state: conf.word("link_state", &link_states)?,
        query_rss: None,
    })
}

fn saturated(rate: Option<u64>) -> u32 {
    rate.map_or(0, |rate| u32::try_from(rate).unwrap_or(u32::MAX))
}

fn vlan(conf: &Keys<'_>) -> Result<Option<Vlan>, CniError> {
    let id = conf.number("vlan", 4094, "a VLAN from 0 to 4094")?;
    let qos = conf.number("vlanQoS", 7, "a priority from 0 to 7")?;
    let proto = match conf.text("vlanProto")? {
        None => None,
        Some(text) => match text.to_ascii_lowercase().as_str() {
            "802.1q" => Some(VlanProto::Dot1q),
            "802.1ad" => Some(VlanProto::Dot1ad),
            _ => return Err(wrong("vlanProto", text, "\"802.1q\" or \"802.1ad\"")),
        },
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

pub(super) fn unicast(text: &str) -> Result<MacAddress, Malformed> {
    let mac: MacAddress = text.parse()?;
    match mac.is_unicast() {
        true => Ok(mac),
        false => Err(Malformed::new(text, "the MAC address of one interface")),
    }
}

/// An object whose keys are found whatever their case.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    /// Null is as good as nothing.
    fn get(&self, key: &str) -> Option<&Value> {
        let is_it = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(key);
        let found = self
            .0
            .get(key)
            .or_else(|| self.0.iter().find(is_it).map(|(_, value)| value));
        found.filter(|value| !value.is_null())
    }

    /// The empty text is as good as nothing.
    fn text(&self, key: &str) -> Result<Option<&str>, CniError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong(key, &other.to_string(), "a text")),
        }
    }

    fn parsed<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, CniError> {
        let parsed = self.text(key)?.map(parse).transpose();
        parsed.map_err(|error| invalid(format!("{key:?}: {error}")))
    }

    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, CniError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            wrong(key, &format!("{text:?}"), &words.join(" or "))
        })
    }

    fn number(&self, key: &str, most: u64, expected: &str) -> Result<Option<u64>, CniError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| *number <= most);
        number
            .map(Some)
            .ok_or_else(|| wrong(key, &value.to_string(), expected))
    }
}

fn wrong(key: &str, found: &str, expected: &str) -> CniError {
    invalid(format!("{key:?} is {found}, not {expected}"))
}

fn unknown_key(key: &str) -> String {
    let near = OURS
        .iter()
        .map(|it| (strsim::damerau_levenshtein(it, key), it));
    match near.min() {
        Some((distance, it)) if distance <= 3 => {
            format!("unknown key {key:?}; did you mean {it:?}?")
        }
        _ => format!("unknown key {key:?}; known are {}", OURS.join(", ")),
    }
}

fn invalid(message: String) -> CniError {
    CniError::new(Code::InvalidConfig, message)
}
