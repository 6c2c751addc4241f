//! The family that every kernel with generic netlink has: the one that knows the others.

use super::super::request::{bytes, number};
use super::*;

const CTRL_CMD_NEWFAMILY: u8 = 1;
const CTRL_CMD_GETPOLICY: u8 = 10;

fn controller() -> GenericFamily {
    GenericFamily::open("nlctrl").unwrap().unwrap()
}

fn name_of(body: &[u8]) -> Result<Option<String>, Malformed> {
    let name = find(body, CTRL_ATTR_FAMILY_NAME).ok_or(Malformed("a name"))?;
    Ok(Some(String::from_utf8_lossy(name.text()).into_owned()))
}

#[test]
fn a_family_is_known_by_its_name() {
    assert_eq!(controller().identity, CONTROLLER);
    assert!(GenericFamily::open("no-such-family").unwrap().is_none());
}

#[test]
fn each_family_that_a_dump_tells_of_can_be_opened() {
    let names = controller().dump(CTRL_CMD_GETFAMILY, &[], name_of).unwrap();
    assert!(names.iter().any(|name| name == "nlctrl"), "{names:?}");
    for name in names {
        assert!(GenericFamily::open(&name).unwrap().is_some(), "{name}");
    }
}

#[test]
fn a_refusal_is_told_and_the_socket_goes_on() {
    let mut controller = controller();
    let refused = controller.get(CTRL_CMD_GETFAMILY, &[], |_| Ok(()));
    assert_eq!(refused.unwrap_err().errno(), Some(Errno::INVAL));
    let refused = controller.change(CTRL_CMD_NEWFAMILY, &[]);
    assert_eq!(refused.unwrap_err().errno(), Some(Errno::OPNOTSUPP));
    let name = [text(CTRL_ATTR_FAMILY_NAME, "nlctrl")];
    let mut found = None;
    let answer = controller.get(CTRL_CMD_GETFAMILY, &name, |body| {
        found = name_of(body)?;
        Ok(())
    });
    assert_eq!((answer, found.as_deref()), (Ok(()), Some("nlctrl")));
}

/// What each attribute of a family may hold fills many datagrams.
#[test]
fn a_dump_that_was_left_in_its_midst_does_not_stop_the_next() {
    let mut controller = controller();
    let names = controller.dump(CTRL_CMD_GETFAMILY, &[], name_of).unwrap();
    for name in names {
        let family = [text(CTRL_ATTR_FAMILY_NAME, &name)];
        let left = controller.dump(CTRL_CMD_GETPOLICY, &family, |_| {
            Err::<Option<()>, _>(Malformed("it"))
        });
        left.unwrap_err();
        let all = controller.dump(CTRL_CMD_GETPOLICY, &family, |_| Ok(Some(())));
        // Not every family has rules for its attributes, and not every kernel tells of them.
        let refused = all.err().and_then(|error| error.errno());
        assert!(refused.is_none_or(|errno| errno != Errno::BUSY), "{name}");
    }
}

#[test]
fn an_identity_is_read_from_any_bytes() {
    let body = |version| {
        let id = DefaultNla::new(CTRL_ATTR_FAMILY_ID, 21_u16.to_ne_bytes().to_vec());
        bytes(&[id, number(CTRL_ATTR_VERSION, version)])
    };
    let expected = Identity { id: 21, version: 1 };
    assert_eq!(Identity::parse(&body(1)), Ok(expected));
    // The header has no room for it.
    assert!(Identity::parse(&body(256)).is_err());
    for length in 0..body(1).len() {
        assert!(Identity::parse(&body(1)[..length]).is_err(), "{length}");
    }
}
