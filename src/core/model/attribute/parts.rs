//! Values as users say them, key by key, and the settings that they make together.

use super::{AttributeFacts, KeyFacts, KeyValue, Kind, Value, VfAttribute, VfSetting, VfSettings};
use crate::model::{LinkState, TxRate, Vlan, VlanProto};
use std::collections::BTreeMap;

/// The values of an attribute's keys, in the order of these.
type Parts = [Option<KeyValue>; 3];

impl VfSetting {
    /// Its value, key by key. What a tag has as usual is not said.
    pub fn by_key(self) -> impl Iterator<Item = (&'static KeyFacts, KeyValue)> {
        let parts: Parts = match self.value() {
            Value::Switch(on) => [Some(on.into()), None, None],
            Value::Mac(mac) => [Some(mac.into()), None, None],
            Value::Vlan(Vlan { id, qos, proto }) => {
                let qos = Some(qos).filter(|&qos| id != 0 && qos != 0);
                let proto = Some(proto).filter(|&proto| id != 0 && proto != VlanProto::default());
                [Some(id.into()), qos.map(Into::into), proto.map(Into::into)]
            }
            Value::TxRate(TxRate { min, max }) => [Some(min.into()), Some(max.into()), None],
            Value::LinkState(state) => [Some(state.into()), None, None],
        };
        let keys = self.attribute().facts().keys();
        let values = keys.zip(parts);
        values.filter_map(|(key, value)| Some((key, value?)))
    }
}

/// Values of keys, as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyValues(BTreeMap<&'static str, KeyValue>);

/// What is wrong with values that are right one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// A key of a tag is given, and there is no tag.
    NoTag {
        /// That key.
        key: &'static KeyFacts,
        /// The VLAN is said to be none; else nothing is said of it.
        is_told: bool,
        /// The key says more than what no tag has anyway.
        matters: bool,
    },
    /// The rate that is always there is above the one that is there at most.
    MinAboveMax {
        /// The key of the first, and its value.
        min: (&'static KeyFacts, u32),
        /// The key of the second, and its value.
        max: (&'static KeyFacts, u32),
    },
}

impl KeyValues {
    /// Takes the value of one key.
    pub fn insert(&mut self, key: &KeyFacts, value: KeyValue) {
        self.0.insert(key.key, value);
    }

    /// The attributes of which something is given, and what is wrong with them. Where a key is one part of an attribute,
    /// `base` gives the other parts.
    pub fn settings(&self, base: &VfSettings) -> (VfSettings, Vec<Contradiction>) {
        let (mut settings, mut wrong) = (VfSettings::default(), Vec::new());
        for facts in VfAttribute::ALL.map(VfAttribute::facts) {
            let joined = self.joined(facts, base, &mut wrong);
            joined.into_iter().for_each(|it| settings.set(it));
        }
        (settings, wrong)
    }

    fn joined(
        &self,
        facts: &'static AttributeFacts,
        base: &VfSettings,
        wrong: &mut Vec<Contradiction>,
    ) -> Option<VfSetting> {
        let mut given = facts.keys().map(|key| self.0.get(key.key).copied());
        let parts: Parts = std::array::from_fn(|_| given.next().flatten());
        if parts.iter().all(Option::is_none) {
            return None;
        }
        Some(match (facts.kind, parts) {
            (Kind::Switch(make), [Some(KeyValue::Switch(on)), ..]) => make(on),
            (Kind::Mac(make), [Some(KeyValue::Mac(mac)), ..]) => make(mac),
            (Kind::LinkState(make), [state, ..]) => make(word(state, &LinkState::WORDS)?),
            (Kind::Vlan(make), _) => make(vlan(facts, parts, base.vlan, wrong)?),
            (Kind::TxRate(make), _) => make(tx_rate(facts, parts, base.tx_rate, wrong)),
            (Kind::Switch(_) | Kind::Mac(_), _) => return None,
        })
    }
}

fn number(part: Option<KeyValue>) -> Option<u32> {
    match part {
        Some(KeyValue::Number(number)) => Some(number),
        _ => None,
    }
}

fn word<T: Copy>(part: Option<KeyValue>, words: &[(&str, T)]) -> Option<T> {
    let Some(KeyValue::Word(word)) = part else {
        return None;
    };
    let found = words.iter().find(|(it, _)| *it == word);
    found.map(|(_, value)| *value)
}

fn vlan(
    facts: &'static AttributeFacts,
    [id, qos, proto]: Parts,
    base: Option<Vlan>,
    wrong: &mut Vec<Contradiction>,
) -> Option<Vlan> {
    let id = number(id).and_then(|id| u16::try_from(id).ok());
    let qos = number(qos).and_then(|qos| u8::try_from(qos).ok());
    let proto = word(proto, &VlanProto::WORDS);
    let is_told = id.is_some() || base.is_some();
    let other = base.unwrap_or(Vlan::NONE);
    let id = id.unwrap_or(other.id);
    if id != 0 {
        return Some(Vlan {
            id,
            qos: qos.unwrap_or(other.qos),
            proto: proto.unwrap_or(other.proto),
        });
    }
    let beside = [
        qos.map(|qos| qos != 0),
        proto.map(|proto| proto != VlanProto::default()),
    ];
    let beside = facts.keys().skip(1).zip(beside);
    let beside = beside.filter_map(|(key, matters)| Some((key, matters?)));
    let pointless = beside.filter(|(_, matters)| *matters || !is_told);
    wrong.extend(pointless.map(|(key, matters)| Contradiction::NoTag {
        key,
        is_told,
        matters,
    }));
    is_told.then_some(Vlan::NONE)
}

fn tx_rate(
    facts: &'static AttributeFacts,
    [min, max, _]: Parts,
    base: Option<TxRate>,
    wrong: &mut Vec<Contradiction>,
) -> TxRate {
    let base = base.unwrap_or_default();
    let (min, max) = (
        number(min).unwrap_or(base.min),
        number(max).unwrap_or(base.max),
    );
    if max != 0
        && min > max
        && let [of_min, of_max] = facts.keys().collect::<Vec<_>>()[..]
    {
        wrong.push(Contradiction::MinAboveMax {
            min: (of_min, min),
            max: (of_max, max),
        });
    }
    TxRate { min, max }
}
