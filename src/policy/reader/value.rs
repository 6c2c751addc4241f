//! Values that any table may have.

use super::Expected;
use crate::model::Malformed;
use std::ops::RangeInclusive;
use std::str::FromStr;
use toml::de::DeValue;

pub(crate) fn boolean(value: &DeValue<'_>) -> Result<bool, Expected> {
    value.as_bool().ok_or("true or false".into())
}

/// A whole number in a range that `T` can hold.
pub(crate) fn integer<T: TryFrom<i64>>(
    value: &DeValue<'_>,
    range: RangeInclusive<i64>,
    expected: &'static str,
) -> Result<T, Expected> {
    value
        .as_integer()
        .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
        .filter(|number| range.contains(number))
        .and_then(|number| T::try_from(number).ok())
        .ok_or(expected.into())
}

/// A text that its type knows how to read.
pub(crate) fn parsed<T: FromStr<Err = Malformed>>(value: &DeValue<'_>) -> Result<T, Expected> {
    // Every such type refuses the empty text and says what it wants instead.
    let text = value.as_str().unwrap_or("");
    text.parse()
        .map_err(|malformed: Malformed| malformed.expected.into())
}

/// One of a few words.
pub(crate) fn word<T: Copy>(
    value: &DeValue<'_>,
    words: &[(&'static str, T)],
) -> Result<T, Expected> {
    let text = value.as_str();
    let found = words.iter().find(|(word, _)| text == Some(word));
    found
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| Expected::word(words.iter().map(|(word, _)| *word).collect()))
}

/// A text without a type of its own.
pub(crate) fn text(
    value: &DeValue<'_>,
    expected: &'static str,
    valid: impl FnOnce(&str) -> bool,
) -> Result<String, Expected> {
    let text = value.as_str().filter(|text| valid(text));
    text.map(str::to_owned).ok_or(expected.into())
}

pub(crate) fn any_text(value: &DeValue<'_>) -> Result<String, Expected> {
    text(value, "a text", |_| true)
}
