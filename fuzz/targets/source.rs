//! A source of any content: each fault has its place in it, and what is kept of it reads back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_core::policy::source;

fuzz_target!(|text: &[u8]| {
    let name = "fuzzed".parse().expect("a name");
    match source::read(&name, text) {
        Err(faults) => assert!(!faults.is_empty(), "refused without a word"),
        Ok(document) => {
            let value: serde_json::Value = serde_json::from_slice(text).expect("it was read");
            for fault in document.faults() {
                assert!(!fault.to_string().is_empty());
                assert!(
                    value.pointer(&fault.pointer).is_some() || is_missing(&fault.pointer, &value),
                    "{fault}"
                );
            }
            let kept = document.to_text();
            let again = source::read(&name, kept.as_bytes());
            assert_eq!(again.as_ref(), Ok(&document), "{kept}");
        }
    }
});

/// The place of a key that should be there: what it is missing from is.
fn is_missing(pointer: &str, value: &serde_json::Value) -> bool {
    let around = pointer.rsplit_once('/');
    around.is_some_and(|(around, _)| value.pointer(around).is_some())
}
