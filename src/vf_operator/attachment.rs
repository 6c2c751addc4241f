//! An attachment: what was posted, and as it is on this host, with the VF that it has now. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::proto::NetworkAttachment;
use super::refusal::Refusal;
use pbjson_types::value::Kind;
use pbjson_types::{ListValue, Struct};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sriovd_core::model::PciAddress;
use sriovd_core::policy::reader::json_number;

/// A CNI network, with the numbers as they were posted: `NetworkAttachment` makes doubles of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Attachment {
    pub(super) name: String,
    /// Empty: it has no VF.
    #[serde(alias = "resource_name")]
    pub(super) resource_name: String,
    pub(super) config: Option<Map<String, Value>>,
}

/// As JSON, what `NetworkAttachments` is in protobuf.
#[derive(Debug, Default, Serialize)]
pub(super) struct Attachments {
    pub(super) networkattachments: Vec<Attachment>,
}

impl Attachment {
    /// The plugin that takes the VF is the first, as in the file for container runtimes. Which VF that is says the host
    /// alone: one of another time must not be answered.
    pub(super) fn with_device(mut self, device: Option<PciAddress>) -> Self {
        if self.resource_name.is_empty() {
            return self;
        }
        let plugin = self.config.as_mut().and_then(first_plugin);
        if let Some(plugin) = plugin {
            match device {
                Some(device) => plugin.insert(DEVICE.to_owned(), device.to_string().into()),
                None => plugin.remove(DEVICE),
            };
        }
        self
    }
}

const DEVICE: &str = "deviceID";

/// A configuration without a list of plugins is one itself.
fn first_plugin(config: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    if !config.contains_key("plugins") {
        return Some(config);
    }
    let plugins = config.get_mut("plugins")?.as_array_mut()?;
    plugins.first_mut()?.as_object_mut()
}

impl TryFrom<NetworkAttachment> for Attachment {
    type Error = Refusal;

    fn try_from(attachment: NetworkAttachment) -> Result<Self, Refusal> {
        let config = attachment.config.map(|config| object("config", config));
        Ok(Self {
            name: attachment.name,
            resource_name: attachment.resource_name,
            config: config.transpose()?,
        })
    }
}

impl From<Attachment> for NetworkAttachment {
    fn from(attachment: Attachment) -> Self {
        Self {
            name: attachment.name,
            resource_name: attachment.resource_name,
            config: attachment.config.map(to_struct),
        }
    }
}

fn object(place: &str, object: Struct) -> Result<Map<String, Value>, Refusal> {
    let fields = object.fields.into_iter();
    let entry = |(key, value): (String, pbjson_types::Value)| {
        let value = json(&format!("{place}.{key}"), value)?;
        Ok((key, value))
    };
    fields.map(entry).collect()
}

/// `place` is the path to the value.
fn json(place: &str, value: pbjson_types::Value) -> Result<Value, Refusal> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => {
            let message = || format!("{place}: {number} is no number in JSON");
            Value::Number(json_number(number).ok_or_else(|| Refusal::invalid(message()))?)
        }
        Some(Kind::StructValue(fields)) => Value::Object(object(place, fields)?),
        Some(Kind::ListValue(list)) => {
            let values = list.values.into_iter().enumerate();
            values
                .map(|(at, value)| json(&format!("{place}[{at}]"), value))
                .collect::<Result<_, _>>()?
        }
    })
}

fn to_struct(config: Map<String, Value>) -> Struct {
    let entries = config.into_iter();
    Struct {
        fields: entries.map(|(key, value)| (key, to_value(value))).collect(),
    }
}

fn to_value(value: Value) -> pbjson_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // Protobuf has no others.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(to_value).collect(),
        }),
        Value::Object(entries) => Kind::StructValue(to_struct(entries)),
    };
    pbjson_types::Value { kind: Some(kind) }
}
