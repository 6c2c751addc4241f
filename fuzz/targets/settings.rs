//! The agent's own settings of any content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_agent::settings::Settings;
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Err(diagnostics) = Settings::parse(Path::new("fuzzed.toml"), text) {
        assert!(!diagnostics.is_empty(), "refused without a word");
        for diagnostic in diagnostics {
            assert!(diagnostic.to_string().contains("fuzzed.toml"));
        }
    }
});
