//! What the table of attributes says is consistent, and is what JSON and messages say.

use super::*;
use std::collections::BTreeSet;

/// Each attribute with a value that no VF begins with.
fn every_setting() -> Vec<VfSetting> {
    let unusual = |attribute: VfAttribute| match attribute.facts().kind {
        Kind::Switch(make) => make(true),
        Kind::Mac(make) => make(MacAddress([2, 0, 0, 0, 0, 1])),
        Kind::Vlan(make) => make(Vlan {
            id: 100,
            qos: 3,
            proto: VlanProto::Dot1ad,
        }),
        Kind::TxRate(make) => make(TxRate { min: 10, max: 50 }),
        Kind::LinkState(make) => make(LinkState::Disable),
    };
    VfAttribute::ALL.map(unusual).to_vec()
}

#[test]
fn a_row_makes_settings_of_its_own_attribute() {
    for (attribute, setting) in VfAttribute::ALL.into_iter().zip(every_setting()) {
        let facts = attribute.facts();
        assert_eq!(facts.attribute, attribute);
        assert_eq!(setting.attribute(), attribute);
        assert_eq!(facts.initial.likely().attribute(), attribute);
        let usual = attribute.usual();
        assert!(usual.is_none_or(|usual| usual == facts.initial.likely()));
    }
}

#[test]
fn no_two_rows_have_the_same_key_or_message() {
    let rows = || VfAttribute::ALL.into_iter().map(VfAttribute::facts);
    let keys = || rows().flat_map(AttributeFacts::keys);
    let theirs = || keys().filter_map(|key| key.networks);
    let all = keys().count();
    assert!(all > VfAttribute::ALL.len());
    assert_eq!(
        keys().map(|key| key.key).collect::<BTreeSet<_>>().len(),
        all
    );
    assert_eq!(keys().map(|key| key.ip).collect::<BTreeSet<_>>().len(), all);
    let cni: BTreeSet<_> = theirs().map(|it| it.cni).collect();
    assert_eq!(cni.len(), theirs().count());
    let operator: BTreeSet<_> = theirs().filter_map(|it| it.operator).collect();
    assert_eq!(
        operator.len(),
        theirs().filter(|it| it.operator.is_some()).count()
    );
    let messages: BTreeSet<_> = rows().map(|facts| facts.netlink).collect();
    assert_eq!(messages.len(), VfAttribute::ALL.len());
}

#[test]
fn names_are_those_of_json() {
    for setting in every_setting() {
        let attribute = setting.attribute();
        let name = attribute.facts().name;
        assert_eq!(serde_json::to_value(attribute).unwrap(), name);
        let mut settings = VfSettings::default();
        settings.set(setting);
        let (alone, among) = (
            serde_json::to_value(setting).unwrap(),
            serde_json::to_value(settings).unwrap(),
        );
        assert_eq!(alone, among, "both {{\"{name}\": …}}");
        assert_eq!(
            serde_json::from_value::<VfSettings>(among).unwrap(),
            settings
        );
    }
}

#[test]
fn settings_come_out_in_the_order_in_which_they_are_set() {
    let mut settings = VfSettings::default();
    for setting in every_setting().into_iter().rev() {
        assert_eq!(settings.get(setting.attribute()), None);
        settings.set(setting);
        assert_eq!(settings.get(setting.attribute()), Some(setting));
    }
    assert_eq!(settings.iter().collect::<Vec<_>>(), every_setting());
    let place = |attribute| VfAttribute::ALL.into_iter().position(|it| it == attribute);
    assert_eq!(place(VfAttribute::Trust), Some(0), "ice resets the VF");
    assert!(place(VfAttribute::Mac) < place(VfAttribute::SpoofCheck));
}

#[test]
fn settings_read_like_the_command_that_sets_them() {
    let told: Vec<_> = every_setting().iter().map(VfSetting::to_string).collect();
    for words in [
        "trust on",
        "mac 02:00:00:00:00:01",
        "vlan 100 qos 3 proto 802.1ad",
        "spoofchk on",
        "min_tx_rate 10 max_tx_rate 50",
        "state disable",
        "query_rss on",
    ] {
        assert!(told.iter().any(|it| it == words), "{words:?} in {told:?}");
    }
    assert_eq!(VfSetting::SpoofCheck(false).to_string(), "spoofchk off");
    assert_eq!(VfSetting::Vlan(Vlan::NONE).to_string(), "vlan 0");
}
