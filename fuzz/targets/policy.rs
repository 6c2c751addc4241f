//! A policy file of any content: read, or refused with places that are in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_core::policy::file;
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Err(diagnostics) = file::parse(Path::new("fuzzed.toml"), text) {
        assert!(!diagnostics.is_empty(), "refused without a word");
        for diagnostic in diagnostics {
            assert!(diagnostic.to_string().contains("fuzzed.toml"));
        }
    }
});
