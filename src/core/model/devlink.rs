//! Parameters of a device's driver, as devlink tells them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The value of a parameter.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(untagged)]
pub enum ParamValue {
    /// `true` or `false`.
    Switch(bool),
    /// A number of 8, 16 or 32 bits.
    Number(u32),
    /// A text.
    Text(String),
}

/// When a value of a parameter takes effect.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ParamMode {
    /// At once.
    Runtime,
    /// When the driver starts the device anew (`devlink dev reload`).
    Driverinit,
    /// It is kept in the device, and takes effect when its firmware starts anew.
    Permanent,
}

/// What a parameter takes (`enum devlink_param_type`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// A number of 8 bits.
    U8,
    /// A number of 16 bits.
    U16,
    /// A number of 32 bits.
    U32,
    /// A text of at most 31 bytes.
    String,
    /// `true` or `false`.
    Bool,
}

/// A parameter that the driver has.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct DevlinkParam {
    /// What it takes.
    pub kind: ParamKind,
    /// Its values, by when they take effect.
    pub values: BTreeMap<ParamMode, ParamValue>,
}

/// The parameters of a device, by their names.
pub type DevlinkParams = BTreeMap<String, DevlinkParam>;

impl DevlinkParam {
    /// The value that can be chosen with the least trouble: the one that takes effect soonest.
    pub fn soonest(&self) -> Option<(ParamMode, &ParamValue)> {
        let (mode, value) = self.values.first_key_value()?;
        Some((*mode, value))
    }
}

impl ParamKind {
    /// Whether a parameter of this kind can have the value.
    pub fn takes(self, value: &ParamValue) -> bool {
        match (self, value) {
            (Self::U8, ParamValue::Number(number)) => *number <= u8::MAX.into(),
            (Self::U16, ParamValue::Number(number)) => *number <= u16::MAX.into(),
            (Self::U32, ParamValue::Number(_))
            | (Self::String, ParamValue::Text(_))
            | (Self::Bool, ParamValue::Switch(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "a number from 0 to 255",
            Self::U16 => "a number from 0 to 65535",
            Self::U32 => "a number from 0 to 4294967295",
            Self::String => "a text",
            Self::Bool => "true or false",
        })
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}
