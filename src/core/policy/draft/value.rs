//! What keys of policies and networks take that have no type of their own.

use crate::model::bridge::FailMode;
use crate::model::{
    DriverName, EswitchMode, LinkState, LinkType, MacAddress, Mtu, ParamValue, ResourceName,
    ResourcePrefix, VfIndex, Vlan, VlanProto,
};
use crate::policy::network::PluginType;
use crate::policy::reader::{
    At, Fault, Given, Object, Parsed, Rule, Scalar, Words, all_with_whole_numbers, integer, quoted,
    scalar,
};
use crate::policy::{DeviceType, Disruption, MacChoice, NumVfs, OnRemoval, PfNamePattern, glob};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

scalar! {
    /// The version of the format.
    pub Version(u8), 1..=1, "1, the only version there is"
}

scalar! {
    /// Which policy wins.
    pub Priority(u8), 0..=99, "a number from 0 (strongest) to 99 (weakest)"
}

scalar! {
    /// A pool, as Kubernetes takes it: of one that it refuses the device plugin ends, with all
    /// other pools.
    pub Resource(ResourceName): text,
    "a resource name (1 to 63 of letters, digits, '_' and '-', with a letter or digit at both ends)",
    |text| text.parse().ok().filter(ResourceName::is_qualified)
}

scalar! {
    /// What stands before a pool in the name of a resource of Kubernetes.
    pub Prefix(ResourcePrefix): text,
    "a resource prefix (a DNS name in lower case such as intel.com, and not one of kubernetes.io)",
    |text| text.parse().ok().filter(ResourcePrefix::is_qualified)
}

scalar! {
    /// How many VFs.
    pub Count(NumVfs) as "a number from 0 to 65535, or \"max\"", vec!["max"],
    json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, {"const": "max"}]}),
    |given| match given.text() {
        Some("max") => Some(NumVfs::Max),
        _ => integer(given, 0..=65535).map(NumVfs::Count),
    }
}

scalar! {
    /// One VF of a PF.
    pub Index(VfIndex) as "the number of a VF, counted from 0", Vec::new(),
    json!({"type": "integer", "minimum": 0, "maximum": 65534}),
    |given| integer(given, 0..=65534).map(VfIndex)
}

scalar! {
    /// The largest packet.
    pub Bytes(Mtu) as "a number of bytes from 68 to 65535", Vec::new(),
    json!({"type": "integer", "minimum": 68, "maximum": 65535}),
    |given| Mtu::try_from(integer::<u32>(given, 68..=65535)?).ok()
}

/// The longest text that devlink takes, less the zero at its end.
const LONGEST_OF_DEVLINK: usize = 31;

/// The value of a parameter of devlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param;

impl Param {
    const EXPECTED: &str =
        "true, false, a number from 0 to 4294967295, or a text of at most 31 bytes";
}

impl Scalar for Param {
    type Value = ParamValue;

    fn name() -> &'static str {
        "Param"
    }

    fn expected() -> std::borrow::Cow<'static, str> {
        Self::EXPECTED.into()
    }

    fn kinds() -> Value {
        json!({"anyOf": [
            {"type": "boolean"},
            {"type": "integer", "minimum": 0, "maximum": u32::MAX},
            {"type": "string", "maxLength": LONGEST_OF_DEVLINK},
        ]})
    }

    fn parse(given: &Given) -> Option<ParamValue> {
        match given {
            Given::Boolean(on) => Some(ParamValue::Switch(*on)),
            Given::Text(text) => {
                let fits = text.len() <= LONGEST_OF_DEVLINK && !text.contains(char::is_control);
                fits.then(|| ParamValue::Text(text.clone()))
            }
            given => integer(given, 0..=i128::from(u32::MAX)).map(ParamValue::Number),
        }
    }

    /// In quotation marks anything would be a text.
    fn expected_instead(_given: &Given) -> Option<&'static str> {
        Some(Self::EXPECTED)
    }
}

scalar! {
    /// A node of memory and processors.
    pub NumaNode(u16), 0..=65535, "the number of a NUMA node, counted from 0"
}

scalar! {
    /// A VLAN.
    pub VlanId(u16), 0..=i128::from(Vlan::LAST_ID), "a VLAN id from 1 to 4094, or 0 for none"
}

scalar! {
    /// The priority in a VLAN tag.
    pub VlanQos(u8), 0..=i128::from(Vlan::LAST_QOS), "a priority from 0 to 7"
}

scalar! {
    /// A rate of sending.
    pub Rate(u32), 0..=i128::from(u32::MAX), "a rate in Mbit/s, or 0 for no limit"
}

impl Words for VlanProto {
    const WORDS: &'static [(&'static str, Self)] = &Self::WORDS;
}

impl Words for LinkState {
    const WORDS: &'static [(&'static str, Self)] = &Self::WORDS;
}

impl Words for EswitchMode {
    const WORDS: &'static [(&'static str, Self)] = &Self::WORDS;
}

impl Words for FailMode {
    const WORDS: &'static [(&'static str, Self)] = &Self::WORDS;
}

impl Words for LinkType {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ether", Self::Ether), ("infiniband", Self::Infiniband)];
}

impl Words for OnRemoval {
    const WORDS: &'static [(&'static str, Self)] = &[("reset", Self::Reset), ("keep", Self::Keep)];
}

impl Words for Disruption {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("never", Self::Never),
        ("when-unused", Self::WhenUnused),
        ("always", Self::Always),
    ];
}

impl Words for PluginType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sriov", Self::Sriov),
        ("ib-sriov", Self::IbSriov),
        ("ovs", Self::Ovs),
        ("host-device", Self::HostDevice),
    ];
}

/// Whose configurations have the form that is written.
const CNI_VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

scalar! {
    /// A version of CNI.
    pub CniVersion(&'static str) as quoted(&CNI_VERSIONS), CNI_VERSIONS.to_vec(),
    json!({"type": "string", "enum": CNI_VERSIONS}),
    |given| CNI_VERSIONS.into_iter().find(|version| given.text() == Some(version))
}

/// An address that the kernel takes for a VF.
fn unicast(given: &Given) -> Option<MacAddress> {
    Parsed::<MacAddress>::parse(given).filter(|mac| mac.is_unicast())
}

/// The address of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unicast;

impl Scalar for Unicast {
    type Value = MacAddress;

    fn name() -> &'static str {
        "MacAddress"
    }

    fn expected() -> std::borrow::Cow<'static, str> {
        Parsed::<MacAddress>::expected()
    }

    fn kinds() -> Value {
        Parsed::<MacAddress>::kinds()
    }

    fn parse(given: &Given) -> Option<MacAddress> {
        unicast(given)
    }

    fn expected_instead(given: &Given) -> Option<&'static str> {
        let malformed = Parsed::<MacAddress>::parse(given).is_none();
        (!malformed).then_some("a MAC address of one device: not a multicast one, not all zeros")
    }
}

fn mac_choice(given: &Given) -> Option<MacChoice> {
    match given.text()? {
        "kernel" => Some(MacChoice::Kernel),
        "stable" => Some(MacChoice::Stable),
        _ => None,
    }
}

/// For all VFs of a policy: no single address can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacOfAll;

impl Scalar for MacOfAll {
    type Value = MacChoice;

    fn name() -> &'static str {
        "MacOfAll"
    }

    fn expected() -> std::borrow::Cow<'static, str> {
        "\"kernel\" or \"stable\"".into()
    }

    fn words() -> Vec<&'static str> {
        vec!["kernel", "stable"]
    }

    fn kinds() -> Value {
        json!({"type": "string", "enum": Self::words()})
    }

    fn parse(given: &Given) -> Option<MacChoice> {
        mac_choice(given)
    }

    fn expected_instead(given: &Given) -> Option<&'static str> {
        let instead = "\"kernel\" or \"stable\"; an address can only stand in [[policy.vf]]";
        unicast(given).map(|_| instead)
    }
}

scalar! {
    /// For a single VF.
    pub MacOfOne(MacChoice) as "\"kernel\", \"stable\", or a MAC address of one device: not a multicast one, not all zeros",
    vec!["kernel", "stable"], json!({"type": "string"}),
    |given| mac_choice(given).or_else(|| unicast(given).map(MacChoice::Fixed))
}

scalar! {
    /// What VFs are for, by what drives them.
    pub Purpose(DeviceType): text,
    "\"netdevice\", \"any\", or the name of a driver such as \"vfio-pci\"",
    |text| match text {
        "netdevice" => Some(DeviceType::Netdevice),
        "any" => Some(DeviceType::Any),
        driver => driver.parse::<DriverName>().ok().map(DeviceType::Driver),
    }
}

scalar! {
    /// Names, by a pattern.
    pub NameGlob(String): text, "a name or shell glob such as ens1f*, with every bracket closed",
    |text| is_glob(text).then(|| text.to_owned())
}

scalar! {
    /// `NAME` or `NAME#VFS`.
    pub PfName(PfNamePattern): text,
    "an interface name or shell glob such as ens1f*, and perhaps its VFs as in ens1f0#0-3",
    |text| {
        let (name, vfs) = match text.split_once('#') {
            Some((name, vfs)) => (name, Some(vfs.parse().ok()?)),
            None => (text, None),
        };
        let glob = is_glob(name).then(|| name.to_owned())?;
        Some(PfNamePattern { glob, vfs })
    }
}

/// No name that a glob is held against has a slash, a space or more than 255 characters.
fn is_glob(text: &str) -> bool {
    let no_name = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    (1..=255).contains(&text.len()) && !text.contains(no_name) && glob::is_well_formed(text)
}

scalar! {
    /// A label of DNS (RFC 1123), as Kubernetes calls its namespaces.
    pub Namespace(String): text,
    "a Kubernetes namespace (1 to 63 of lower-case letters, digits and '-', with a letter or digit at both ends)",
    |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let valid = (1..=63).contains(&bytes.len())
            && bytes.iter().all(|&b| plain(b) || b == b'-')
            && bytes.first().is_some_and(|&b| plain(b))
            && bytes.last().is_some_and(|&b| plain(b));
        valid.then(|| text.to_owned())
    }
}

/// A CNI plugin or a list of them: a table, or a text of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CniConfig;

impl Rule for CniConfig {
    type Value = Map<String, Value>;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value> {
        let Some(text) = given.text() else {
            return Object::read(given, at, faults);
        };
        match serde_json::from_str(text) {
            Ok(config) => Some(all_with_whole_numbers(config)),
            Err(error) => {
                let fault = Fault::new(format!("\"{}\" is not a JSON object: {error}", at.key()));
                faults.push(fault.expecting("a CNI plugin or list in JSON"));
                None
            }
        }
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, {"type": "object"}]})
    }
}
