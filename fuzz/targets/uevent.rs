//! A uevent of any content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd::events::udev::{Origin, trigger};

fuzz_target!(|event: (bool, &str, &str, &str)| {
    let (from_kernel, action, devpath, name) = event;
    let origin = if from_kernel { Origin::Kernel } else { Origin::Udev };
    let _ = trigger(origin, action, devpath, name);
});
