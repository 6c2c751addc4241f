//! Messages as `devlink dev param` sends and gets them on Linux 6.12.

use super::*;
use crate::netlink::request::bytes;

const NESTED: u16 = 0x8000;

fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    DefaultNla::new(kind | NESTED, bytes(attributes))
}

fn byte(kind: u16, value: u8) -> DefaultNla {
    DefaultNla::new(kind, vec![value])
}

/// A parameter with values, each by its mode.
fn answer(name: &str, kind: u8, values: &[(u8, Option<Vec<u8>>)]) -> Vec<u8> {
    let values = values.iter().map(|(mode, data)| {
        let mut value = vec![byte(ATTR_PARAM_VALUE_CMODE, *mode)];
        let data = data.clone();
        value.extend(data.map(|data| DefaultNla::new(ATTR_PARAM_VALUE_DATA, data)));
        nested(85, &value)
    });
    let values: Vec<_> = values.collect();
    bytes(&[
        text(ATTR_BUS_NAME, "pci"),
        text(ATTR_DEV_NAME, "0000:01:00.0"),
        nested(
            ATTR_PARAM,
            &[
                text(ATTR_PARAM_NAME, name),
                DefaultNla::new(82, Vec::new()),
                byte(ATTR_PARAM_TYPE, kind),
                nested(ATTR_PARAM_VALUES_LIST, &values),
            ],
        ),
    ])
}

#[test]
fn parameters_of_each_kind_are_read() {
    let text = |text: &str| ParamValue::Text(text.to_owned());
    for (kind, data, read) in [
        (1, Some(vec![7]), ParamValue::Number(7)),
        (2, Some(vec![1, 0]), ParamValue::Number(1)),
        (3, Some(vec![0, 1, 0, 0]), ParamValue::Number(256)),
        (5, Some(b"smfs\0".to_vec()), text("smfs")),
        (6, Some(Vec::new()), ParamValue::Switch(true)),
        (6, None, ParamValue::Switch(false)),
    ] {
        let body = answer("a", kind, &[(1, data)]);
        let (name, param) = super::param(&body).unwrap().unwrap();
        assert_eq!(name, "a");
        assert_eq!(param.values, [(ParamMode::Driverinit, read)].into());
    }
    let both = answer("a", 6, &[(2, Some(Vec::new())), (0, None)]);
    let (_, both) = super::param(&both).unwrap().unwrap();
    assert_eq!(
        both.soonest(),
        Some((ParamMode::Runtime, &ParamValue::Switch(false)))
    );
    // Of 64 bits, which no driver has yet.
    assert_eq!(super::param(&answer("a", 4, &[])), Ok(None));
    assert!(super::param(&answer("a", 3, &[(1, None)])).is_err());
    assert!(super::param(&[]).is_err());
}

#[test]
fn only_those_of_the_device_are_read() {
    let device = |device: &str| DevlinkHandle {
        bus: "pci".to_owned(),
        device: device.to_owned(),
    };
    let body = answer("a", 6, &[]);
    assert!(device("0000:01:00.0").is_in(&body));
    assert!(!device("0000:01:00.1").is_in(&body));
}

#[test]
fn what_is_false_is_sent_without_data() {
    let sent = |kind, value| setting("a", kind, ParamMode::Driverinit, &value).map(|it| bytes(&it));
    let begin = bytes(&[
        text(ATTR_PARAM_NAME, "a"),
        byte(ATTR_PARAM_TYPE, 6),
        byte(ATTR_PARAM_VALUE_CMODE, 1),
    ]);
    let off = sent(ParamKind::Bool, ParamValue::Switch(false));
    assert_eq!(off, Some(begin.clone()));
    let on = [begin, vec![4, 0, 86, 0]].concat();
    assert_eq!(sent(ParamKind::Bool, ParamValue::Switch(true)), Some(on));
    assert_eq!(sent(ParamKind::U8, ParamValue::Number(256)), None);
    assert_eq!(sent(ParamKind::String, ParamValue::Number(1)), None);
}
