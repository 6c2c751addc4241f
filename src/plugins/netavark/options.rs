//! The driver's options: texts, as podman passes them on.

use super::sentence::Sentence;
use sriovd_core::model::attribute::{Contradiction, KeyFacts, KeyValue, KeyValues, Shape};
use sriovd_core::model::{MacAddress, Mtu, ResourceName, VfAttribute, VfIndex, VfSettings};
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
    attributes: KeyValues,
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
        let keys = VfAttribute::keys().filter(|it| it.networks.is_some());
        let known: Vec<_> = OF_A_NETWORK
            .into_iter()
            .chain(keys.map(|it| it.key))
            .collect();
        read.read(options, &known)?;
        let (_, wrong) = read.attributes.settings(&VfSettings::default());
        wrong.into_iter().try_for_each(check)?;
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
        self.attributes.settings(&VfSettings::default()).0
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
            "vf" => self.vf = Some(VfIndex(number(key, text, u16::MAX)?)),
            "mtu" => {
                let mtu = Mtu::try_from(number(key, text, u32::MAX)?);
                self.mtu = Some(mtu.map_err(|error| of(key, &error))?);
            }
            "no_default_route" => self.no_default_route = word(key, text, &SWITCH)?,
            "metric" => self.metric = Some(number(key, text, u32::MAX)?),
            _ => {
                let mut attributes = VfAttribute::keys();
                let Some(facts) = attributes.find(|facts| facts.key == key) else {
                    return Err(unknown(key, &[]));
                };
                self.attributes.insert(facts, value(facts, text)?);
            }
        }
        Ok(())
    }
}

fn value(facts: &KeyFacts, text: &str) -> Result<KeyValue, Sentence> {
    let key = facts.key;
    Ok(match facts.takes.shape() {
        Shape::Switch => KeyValue::Switch(word(key, text, &SWITCH)?),
        Shape::Number { most, .. } => KeyValue::Number(number(key, text, most)?),
        Shape::Word(words) => {
            let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
            KeyValue::Word(word(key, text, &words)?)
        }
        Shape::Mac => {
            let mac: MacAddress = parsed(key, text)?;
            if !mac.is_unicast() {
                let message = format!("{mac} is not the address of one interface");
                return Err(of(key, &message));
            }
            KeyValue::Mac(mac)
        }
    })
}

fn check(wrong: Contradiction) -> Result<(), Sentence> {
    match wrong {
        Contradiction::NoTag { matters: false, .. } => Ok(()),
        Contradiction::NoTag { key, .. } => Err(of(key.key, &"it needs a \"vlan\" from 1 to 4094")),
        Contradiction::MinAboveMax {
            min: (of_min, min),
            max: (of_max, max),
        } => Err(of(
            of_min.key,
            &format!("{min} is above {:?} {max}", of_max.key),
        )),
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
    most: T,
) -> Result<T, Sentence> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok();
    let number = number.filter(|number| digits && *number <= most);
    number.ok_or_else(|| of(key, &format!("{text:?} is not a number from 0 to {most}")))
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
