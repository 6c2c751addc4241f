//! A uevent of any content, as the kernel writes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_agent::events::uevent::{Origin, Uevent, trigger};

fuzz_target!(|message: &[u8]| {
    let Some(heard) = Uevent::parse(message).and_then(|event| event.trigger()) else {
        return;
    };
    let head = message.split(|byte| *byte == 0).next().unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let (action, devpath) = head.split_once('@').expect("what was heard has both");
    // Who tells of it is all that they may differ in.
    let told = trigger(Origin::Udev, action, devpath, "x").map(|trigger| trigger.scope);
    assert_eq!(told, Some(heard.scope));
});
