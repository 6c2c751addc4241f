//! A uevent of any content: `action@devpath`, as the kernel writes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd::events::Trigger;
use sriovd::events::udev::{Origin, trigger};

fuzz_target!(|event: &str| {
    let Some((action, devpath)) = event.split_once('@') else {
        return;
    };
    let name = devpath.rsplit('/').next().unwrap_or_default();
    let udev = trigger(Origin::Udev, action, devpath, name);
    let kernel = trigger(Origin::Kernel, action, devpath, name);
    // Who tells of it is all that they may differ in.
    let scope = |trigger: Option<Trigger>| trigger.map(|trigger| trigger.scope);
    let (udev, kernel) = (scope(udev), scope(kernel));
    assert!(
        kernel.is_none() || kernel == udev,
        "{kernel:?} and {udev:?}"
    );
});
