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

/// Every setting again from the keys that say it.
#[test]
fn the_keys_of_a_setting_make_it_again() {
    for setting in every_setting().into_iter().chain(usual_settings()) {
        let mut values = KeyValues::default();
        for (key, value) in setting.by_key() {
            let fits = match (key.takes.shape(), value) {
                (Shape::Switch, KeyValue::Switch(_)) | (Shape::Mac, KeyValue::Mac(_)) => true,
                (Shape::Number { most, .. }, KeyValue::Number(number)) => number <= most,
                (Shape::Word(words), KeyValue::Word(word)) => words.contains(&word),
                _ => false,
            };
            assert!(fits, "{key:?} takes {value:?}");
            values.insert(key, value);
        }
        let mut alone = VfSettings::default();
        alone.set(setting);
        assert_eq!(
            values.settings(&VfSettings::default()),
            (alone, Vec::new()),
            "{setting}"
        );
    }
}

fn usual_settings() -> impl Iterator<Item = VfSetting> {
    let rows = VfAttribute::ALL.into_iter().map(VfAttribute::facts);
    rows.map(|facts| facts.initial.likely())
}

fn values(given: &[(&str, KeyValue)]) -> KeyValues {
    let mut values = KeyValues::default();
    for (name, value) in given {
        let key = VfAttribute::keys().find(|key| key.key == *name);
        values.insert(key.unwrap(), *value);
    }
    values
}

#[test]
fn keys_that_are_not_given_are_as_before() {
    let base = VfSettings {
        vlan: Some(Vlan {
            id: 100,
            qos: 3,
            proto: VlanProto::Dot1ad,
        }),
        tx_rate: Some(TxRate { min: 10, max: 50 }),
        ..VfSettings::default()
    };
    let given = values(&[
        ("vlan_qos", KeyValue::Number(5)),
        ("max_tx_rate", KeyValue::Number(0)),
    ]);
    let expected = VfSettings {
        vlan: base.vlan.map(|vlan| Vlan { qos: 5, ..vlan }),
        tx_rate: Some(TxRate { min: 10, max: 0 }),
        ..VfSettings::default()
    };
    assert_eq!(given.settings(&base), (expected, Vec::new()));
    let none = values(&[("vlan", KeyValue::Number(0))]);
    let none = none.settings(&base).0;
    assert_eq!((none.vlan, none.tx_rate), (Some(Vlan::NONE), None));
}

#[test]
fn keys_that_contradict_are_told() {
    let nothing = VfSettings::default();
    let wrong = |given: &[(&str, KeyValue)]| {
        let (settings, wrong) = values(given).settings(&nothing);
        let told = wrong.into_iter().map(|wrong| match wrong {
            Contradiction::NoTag {
                key,
                is_told,
                matters,
            } => format!("{} {is_told} {matters}", key.key),
            Contradiction::MinAboveMax { min, max } => {
                format!("{} {} {} {}", min.0.key, min.1, max.0.key, max.1)
            }
        });
        (settings.vlan, told.collect::<Vec<_>>())
    };
    let number = KeyValue::Number;
    let (tag, usual) = (KeyValue::Word("802.1ad"), KeyValue::Word("802.1q"));
    let none = Some(Vlan::NONE);
    for (given, vlan, told) in [
        (
            &[("vlan", number(0)), ("vlan_qos", number(0))][..],
            none,
            &[][..],
        ),
        (
            &[("vlan", number(0)), ("vlan_qos", number(1))],
            none,
            &["vlan_qos true true"],
        ),
        (&[("vlan_qos", number(0))], None, &["vlan_qos false false"]),
        (
            &[("vlan_qos", number(2)), ("vlan_proto", tag)],
            None,
            &["vlan_qos false true", "vlan_proto false true"],
        ),
        (&[("vlan_proto", usual)], None, &["vlan_proto false false"]),
        (
            &[("min_tx_rate", number(9)), ("max_tx_rate", number(8))],
            None,
            &["min_tx_rate 9 max_tx_rate 8"],
        ),
        (&[("min_tx_rate", number(9))], None, &[]),
    ] {
        let told = told.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(wrong(given), (vlan, told), "{given:?}");
    }
}
