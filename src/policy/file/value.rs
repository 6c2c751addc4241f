//! Values of policies and networks that have no parser of their own.

use crate::model::{
    DriverName, LinkState, LinkType, MacAddress, Mtu, ResourceName, ResourcePrefix, VfIndex,
    VlanProto,
};
use crate::policy::reader::value::{integer, parsed, text, word};
use crate::policy::reader::{Expected, nearest};
use crate::policy::{DeviceType, Disruption, MacChoice, NumVfs, OnRemoval, PfNamePattern, glob};
use toml::de::DeValue;

pub(super) type Value<'v> = DeValue<'v>;

pub(super) fn priority(value: &Value<'_>) -> Result<u8, Expected> {
    integer(value, 0..=99, "a number from 0 (strongest) to 99 (weakest)")
}

/// As Kubernetes takes it: of one that it refuses the device plugin ends, with all other pools.
pub(super) fn resource(value: &Value<'_>) -> Result<ResourceName, Expected> {
    let expected = "a resource name (1 to 63 of letters, digits, '_' and '-', with a letter or digit at both ends)";
    let name = parsed::<ResourceName>(value).ok();
    let name = name.filter(ResourceName::is_qualified);
    name.ok_or(expected.into())
}

pub(super) fn resource_prefix(value: &Value<'_>) -> Result<ResourcePrefix, Expected> {
    let expected = "a resource prefix (a DNS name in lower case such as intel.com, and not one of kubernetes.io)";
    let prefix = parsed::<ResourcePrefix>(value).ok();
    let prefix = prefix.filter(ResourcePrefix::is_qualified);
    prefix.ok_or(expected.into())
}

pub(super) fn num_vfs(value: &Value<'_>) -> Result<NumVfs, Expected> {
    const EXPECTED: &str = "a number from 0 to 65535, or \"max\"";
    if value.as_str() == Some("max") {
        return Ok(NumVfs::Max);
    }
    let count = integer(value, 0..=65535, EXPECTED);
    count
        .map(NumVfs::Count)
        .map_err(|_| Expected::phrase(EXPECTED, vec!["max"]))
}

pub(super) fn vf_index(value: &Value<'_>) -> Result<VfIndex, Expected> {
    integer(value, 0..=65534, "the number of a VF, counted from 0").map(VfIndex)
}

pub(super) fn mtu(value: &Value<'_>) -> Result<Mtu, Expected> {
    const EXPECTED: &str = "a number of bytes from 68 to 65535";
    let bytes: u32 = integer(value, 0..=65535, EXPECTED)?;
    Mtu::try_from(bytes).map_err(|_| EXPECTED.into())
}

pub(super) fn numa_node(value: &Value<'_>) -> Result<u16, Expected> {
    integer(
        value,
        0..=65535,
        "the number of a NUMA node, counted from 0",
    )
}

pub(super) fn vlan_id(value: &Value<'_>) -> Result<u16, Expected> {
    integer(value, 0..=4094, "a VLAN id from 1 to 4094, or 0 for none")
}

pub(super) fn vlan_qos(value: &Value<'_>) -> Result<u8, Expected> {
    integer(value, 0..=7, "a priority from 0 to 7")
}

pub(super) fn vlan_proto(value: &Value<'_>) -> Result<VlanProto, Expected> {
    let words = [("802.1q", VlanProto::Dot1q), ("802.1ad", VlanProto::Dot1ad)];
    word(value, &words)
}

pub(super) fn tx_rate(value: &Value<'_>) -> Result<u32, Expected> {
    let all = 0..=i64::from(u32::MAX);
    integer(value, all, "a rate in Mbit/s, or 0 for no limit")
}

pub(super) fn link_state(value: &Value<'_>) -> Result<LinkState, Expected> {
    let words = [
        ("auto", LinkState::Auto),
        ("enable", LinkState::Enable),
        ("disable", LinkState::Disable),
    ];
    word(value, &words)
}

pub(super) fn link_type(value: &Value<'_>) -> Result<LinkType, Expected> {
    let words = [
        ("ether", LinkType::Ether),
        ("infiniband", LinkType::Infiniband),
    ];
    word(value, &words)
}

pub(super) fn on_removal(value: &Value<'_>) -> Result<OnRemoval, Expected> {
    word(
        value,
        &[("reset", OnRemoval::Reset), ("keep", OnRemoval::Keep)],
    )
}

pub(super) fn disruption(value: &Value<'_>) -> Result<Disruption, Expected> {
    let words = [
        ("never", Disruption::Never),
        ("when-unused", Disruption::WhenUnused),
        ("always", Disruption::Always),
    ];
    word(value, &words)
}

/// An address that the kernel takes for a VF.
pub(super) fn mac(value: &Value<'_>) -> Result<MacAddress, Expected> {
    let mac: MacAddress = parsed(value)?;
    let expected = "a MAC address of one device: not a multicast one, not all zeros";
    mac.is_unicast().then_some(mac).ok_or(expected.into())
}

/// For all VFs of a policy: no single address can be.
pub(super) fn mac_of_all(value: &Value<'_>) -> Result<MacChoice, Expected> {
    let words = [("kernel", MacChoice::Kernel), ("stable", MacChoice::Stable)];
    word(value, &words).map_err(|expected| match mac(value) {
        Ok(_) => "\"kernel\" or \"stable\"; an address can only stand in [[policy.vf]]".into(),
        Err(_) => expected,
    })
}

pub(super) fn mac_of_one(value: &Value<'_>) -> Result<MacChoice, Expected> {
    mac_of_all(value).or_else(|_| match mac(value) {
        Ok(address) => Ok(MacChoice::Fixed(address)),
        Err(_) => Err(Expected::phrase(
            "\"kernel\", \"stable\", or a MAC address of one device: not a multicast one, not all zeros",
            vec!["kernel", "stable"],
        )),
    })
}

pub(super) fn device_type(value: &Value<'_>) -> Result<DeviceType, Expected> {
    const EXPECTED: &str = "\"netdevice\", \"any\", or the name of a driver such as \"vfio-pci\"";
    match value.as_str() {
        Some("netdevice") => Ok(DeviceType::Netdevice),
        Some("any") => Ok(DeviceType::Any),
        _ => {
            let driver = parsed::<DriverName>(value).map(DeviceType::Driver);
            driver.map_err(|_| EXPECTED.into())
        }
    }
}

/// A driver may be called anything; this is what a slip of the finger looks like.
pub(super) fn nearly_known(driver: &DriverName) -> Option<&'static str> {
    let known = ["netdevice", "vfio-pci"];
    nearest(driver.as_str(), &known).filter(|near| *near != driver.as_str())
}

pub(super) fn glob_of_names(value: &Value<'_>) -> Result<String, Expected> {
    let expected = "a name or shell glob such as ens1f*, with every bracket closed";
    text(value, expected, is_glob)
}

/// `NAME` or `NAME#VFS`.
pub(super) fn pf_name(value: &Value<'_>) -> Result<PfNamePattern, Expected> {
    let expected =
        "an interface name or shell glob such as ens1f*, and perhaps its VFs as in ens1f0#0-3";
    let text = value.as_str().unwrap_or_default();
    let (name, vfs) = match text.split_once('#') {
        Some((name, vfs)) => (name, Some(vfs.parse().map_err(|_| expected)?)),
        None => (text, None),
    };
    let glob = is_glob(name).then(|| name.to_owned()).ok_or(expected)?;
    Ok(PfNamePattern { glob, vfs })
}

/// No name that a glob is held against has a slash, a space or more than 255 characters.
fn is_glob(text: &str) -> bool {
    let no_name = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    (1..=255).contains(&text.len()) && !text.contains(no_name) && glob::is_well_formed(text)
}

pub(super) fn namespace(value: &Value<'_>) -> Result<String, Expected> {
    let expected = "a Kubernetes namespace (1 to 63 of lower-case letters, digits and '-', with a letter or digit at both ends)";
    text(value, expected, |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|&b| plain(b) || b == b'-')
            && bytes.first().is_some_and(|&b| plain(b))
            && bytes.last().is_some_and(|&b| plain(b))
    })
}

pub(super) fn cni_version(value: &Value<'_>) -> Result<&'static str, Expected> {
    let versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
    word(value, &versions.map(|version| (version, version)))
}
