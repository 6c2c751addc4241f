//! Messages as `devlink dev eswitch` sends and gets them on Linux 6.12.

use super::*;

#[test]
fn the_mode_is_read_whatever_stands_around_it() {
    let answer = |mode: u16| {
        let mut body = Vec::new();
        for (kind, value) in [
            (ATTR_BUS_NAME, b"pci\0".to_vec()),
            (ATTR_DEV_NAME, b"0000:01:00.0\0\0\0\0".to_vec()),
            (ATTR_ESWITCH_MODE, [mode.to_ne_bytes(), [0, 0]].concat()),
            (26, vec![0; 4]),
        ] {
            let padding = if kind == ATTR_ESWITCH_MODE { 2 } else { 0 };
            let length = u16::try_from(4 + value.len() - padding).unwrap();
            body.extend(length.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
        }
        body
    };
    for (mode, read) in [
        (0, Ok(EswitchMode::Legacy)),
        (1, Ok(EswitchMode::Switchdev)),
        (2, Ok(EswitchMode::Switchdev)),
        (9, Err(Malformed("the mode of an eSwitch"))),
    ] {
        assert_eq!(mode_in(&answer(mode)), read);
    }
    assert!(mode_in(&answer(0)[..20]).is_err());
}

#[test]
fn a_device_that_nobody_knows_has_no_mode() {
    let nobody = DevlinkHandle {
        bus: "pci".to_owned(),
        device: "ffff:ff:1f.7".to_owned(),
    };
    assert_eq!(eswitch_mode(&nobody), Ok(None));
    assert!(set_eswitch_mode(&nobody, EswitchMode::Legacy).is_err());
}

#[test]
fn what_may_not_be_asked_for_is_not_absent() {
    for (errno, is_absent) in [
        (Errno::NODEV, true),
        (Errno::OPNOTSUPP, true),
        (Errno::PERM, false),
        (Errno::ACCESS, false),
        (Errno::IO, false),
    ] {
        let refused = Err(NetlinkError::from(errno));
        let read = if is_absent { Ok(None) } else { refused.clone() };
        assert_eq!(mode_or_none(refused), read, "{errno}");
    }
}
