//! A file of another program of any content: carried over, or refused with a word that names it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_core::policy::file;
use sriovd_ctl::import::import_text;
use std::path::Path;

fuzz_target!(
    |text: &str| match import_text(Path::new("fuzzed.yaml"), text) {
        Ok(imported) => {
            let reads = file::parse(Path::new("imported.toml"), &imported.text).is_ok();
            let is_right = imported.content.is_some();
            assert_eq!(reads, is_right, "{}", imported.text);
            assert!(reads || !imported.wrong.is_empty(), "wrong without a word");
        }
        Err(error) => assert!(format!("{error:#}").contains("fuzzed.yaml"), "{error:#}"),
    }
);
