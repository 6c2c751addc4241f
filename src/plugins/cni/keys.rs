//! The values of a configuration's keys, or what is wrong with them.

use super::error::{CniError, Code};
use serde_json::{Map, Value};
use sriovd_core::model::{MacAddress, Malformed};

/// An object whose keys are found whatever their case, as by Go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Keys<'a> {
    /// Null is as good as nothing.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let is_it = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(key);
        let found = self
            .0
            .get(key)
            .or_else(|| self.0.iter().find(is_it).map(|(_, value)| value));
        found.filter(|value| !value.is_null())
    }

    /// The empty text is as good as nothing.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, CniError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong(key, &other.to_string(), "a text")),
        }
    }

    pub(super) fn parsed<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, CniError> {
        let parsed = self.text(key)?.map(parse).transpose();
        parsed.map_err(|error| invalid(format!("{key:?}: {error}")))
    }

    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, CniError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            wrong(key, &format!("{text:?}"), &words.join(" or "))
        })
    }

    pub(super) fn number(
        &self,
        key: &str,
        most: u32,
        expected: &str,
    ) -> Result<Option<u32>, CniError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number <= most);
        number
            .map(Some)
            .ok_or_else(|| wrong(key, &value.to_string(), expected))
    }
}

fn wrong(key: &str, found: &str, expected: &str) -> CniError {
    invalid(format!("{key:?} is {found}, not {expected}"))
}

pub(super) fn invalid(message: String) -> CniError {
    CniError::new(Code::InvalidConfig, message)
}

pub(super) fn unicast(text: &str) -> Result<MacAddress, Malformed> {
    let mac: MacAddress = text.parse()?;
    match mac.is_unicast() {
        true => Ok(mac),
        false => Err(Malformed::new(text, "the MAC address of one interface")),
    }
}
