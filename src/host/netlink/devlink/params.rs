//! Parameters of a device's driver: `devlink dev param` and `devlink dev reload`.

use super::{ATTR_BUS_NAME, ATTR_DEV_NAME, DevlinkHandle, is_none, with_family};
use crate::netlink::attributes::{Attribute, attributes, find};
use crate::netlink::error::{Malformed, NetlinkError};
use crate::netlink::request::text;
use crate::printable;
use netlink_packet_core::DefaultNla;
use sriovd_core::model::{DevlinkParam, DevlinkParams, Errno, ParamKind, ParamMode, ParamValue};
use std::collections::BTreeMap;

const CMD_RELOAD: u8 = 37;
const CMD_PARAM_GET: u8 = 38;
const CMD_PARAM_SET: u8 = 39;

const ATTR_PARAM: u16 = 80;
const ATTR_PARAM_NAME: u16 = 81;
const ATTR_PARAM_TYPE: u16 = 83;
const ATTR_PARAM_VALUES_LIST: u16 = 84;
const ATTR_PARAM_VALUE_DATA: u16 = 86;
const ATTR_PARAM_VALUE_CMODE: u16 = 87;

/// Numbers of the kinds of attributes (`NLA_U8` …, include/net/netlink.h); `NLA_FLAG` for true or false.
const KINDS: [(u8, ParamKind); 5] = [
    (1, ParamKind::U8),
    (2, ParamKind::U16),
    (3, ParamKind::U32),
    (5, ParamKind::String),
    (6, ParamKind::Bool),
];
const MODES: [(u8, ParamMode); 3] = [
    (0, ParamMode::Runtime),
    (1, ParamMode::Driverinit),
    (2, ParamMode::Permanent),
];

/// The parameters of the device; none where devlink knows no such device or its driver has none. Those of a kind that is
/// not known are left out.
///
/// # Errors
/// The kernel's.
pub fn params(device: &DevlinkHandle) -> Result<DevlinkParams, NetlinkError> {
    with_family(|family| {
        let Some(family) = family else {
            return Ok(DevlinkParams::new());
        };
        // Kernels before 6.6 tell those of all devices.
        let answer = family.dump(CMD_PARAM_GET, &device.attributes(), |body| {
            Ok(device
                .is_in(body)
                .then(|| param(body))
                .transpose()?
                .flatten())
        });
        match answer {
            Err(error) if is_none(error.errno()) => Ok(DevlinkParams::new()),
            answer => Ok(answer?.into_iter().collect()),
        }
    })
}

/// Sets one parameter.
///
/// # Errors
/// The kernel's.
pub fn set_param(
    device: &DevlinkHandle,
    name: &str,
    kind: ParamKind,
    mode: ParamMode,
    value: &ParamValue,
) -> Result<(), NetlinkError> {
    with_family(|family| {
        let family = family.ok_or(NetlinkError::from(Errno::OPNOTSUPP))?;
        let mut request = device.attributes();
        request.extend(setting(name, kind, mode, value).ok_or(Errno::INVAL)?);
        family.change(CMD_PARAM_SET, &request)
    })
}

/// Lets the driver start the device anew, with the values of its parameters. Its interface is gone afterwards and another
/// one comes.
///
/// # Errors
/// The kernel's.
pub fn reload(device: &DevlinkHandle) -> Result<(), NetlinkError> {
    with_family(|family| {
        let family = family.ok_or(NetlinkError::from(Errno::OPNOTSUPP))?;
        family.change(CMD_RELOAD, &device.attributes())
    })
}

impl DevlinkHandle {
    fn is_in(&self, body: &[u8]) -> bool {
        let is = |kind, text: &str| find(body, kind).is_some_and(|it| it.text() == text.as_bytes());
        is(ATTR_BUS_NAME, &self.bus) && is(ATTR_DEV_NAME, &self.device)
    }
}

/// `None` where the value is not of the kind.
fn setting(
    name: &str,
    kind: ParamKind,
    mode: ParamMode,
    value: &ParamValue,
) -> Option<Vec<DefaultNla>> {
    let data = match (kind, value) {
        (ParamKind::U8, ParamValue::Number(number)) => vec![u8::try_from(*number).ok()?],
        (ParamKind::U16, ParamValue::Number(number)) => {
            u16::try_from(*number).ok()?.to_ne_bytes().to_vec()
        }
        (ParamKind::U32, ParamValue::Number(number)) => number.to_ne_bytes().to_vec(),
        (ParamKind::String, ParamValue::Text(text)) => [text.as_bytes(), &[0]].concat(),
        (ParamKind::Bool, ParamValue::Switch(_)) => Vec::new(),
        _ => return None,
    };
    let byte = |attribute, number| DefaultNla::new(attribute, vec![number]);
    let kind = KINDS.iter().find(|(_, it)| *it == kind)?.0;
    let mode = MODES.iter().find(|(_, it)| *it == mode)?.0;
    let mut request = vec![
        text(ATTR_PARAM_NAME, name),
        byte(ATTR_PARAM_TYPE, kind),
        byte(ATTR_PARAM_VALUE_CMODE, mode),
    ];
    // What is false has no data.
    let has_data = *value != ParamValue::Switch(false);
    request.extend(has_data.then(|| DefaultNla::new(ATTR_PARAM_VALUE_DATA, data)));
    Some(request)
}

fn param(body: &[u8]) -> Result<Option<(String, DevlinkParam)>, Malformed> {
    const UNREADABLE: Malformed = Malformed("a parameter of devlink");
    let param = find(body, ATTR_PARAM).ok_or(UNREADABLE)?.value;
    let name = find(param, ATTR_PARAM_NAME).ok_or(UNREADABLE)?;
    let kind = find(param, ATTR_PARAM_TYPE).and_then(|kind| kind.u8());
    let kind = kind.ok_or(UNREADABLE)?;
    let Some((_, kind)) = KINDS.into_iter().find(|(number, _)| *number == kind) else {
        return Ok(None);
    };
    let values = find(param, ATTR_PARAM_VALUES_LIST).ok_or(UNREADABLE)?;
    let values = attributes(values.value).map(|entry| value(entry, kind).ok_or(UNREADABLE));
    let values: BTreeMap<_, _> = values.collect::<Result<_, _>>()?;
    Ok(Some((
        printable(name.text()),
        DevlinkParam { kind, values },
    )))
}

fn value(entry: Attribute<'_>, kind: ParamKind) -> Option<(ParamMode, ParamValue)> {
    let mode = find(entry.value, ATTR_PARAM_VALUE_CMODE)?.u8()?;
    let (_, mode) = MODES.into_iter().find(|(number, _)| *number == mode)?;
    let data = find(entry.value, ATTR_PARAM_VALUE_DATA);
    let value = match kind {
        ParamKind::U8 => ParamValue::Number(data?.u8()?.into()),
        ParamKind::U16 => {
            let number = data?.value.get(..2)?.try_into().ok()?;
            ParamValue::Number(u16::from_ne_bytes(number).into())
        }
        ParamKind::U32 => ParamValue::Number(data?.u32()?),
        ParamKind::String => ParamValue::Text(printable(data?.text())),
        ParamKind::Bool => ParamValue::Switch(data.is_some()),
    };
    Some((mode, value))
}

#[cfg(test)]
mod tests;
