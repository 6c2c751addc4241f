//! A state file of any content: what it says is remembered as it says it, or it is refused whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_agent::state;

fuzz_target!(|text: &str| {
    let Ok(memory) = state::parse(text) else {
        return;
    };
    let written = state::write(&memory).expect("what was read can be written");
    assert_eq!(state::parse(&written).expect("and read again"), memory);
});
