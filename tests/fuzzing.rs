//! What `tests/fuzz` does for as long as it may, in seconds and the same in every run: each target of `fuzz/` gets the good
//! input that is kept for it, and so many mutations of it. `SRIOVD_FUZZ_INPUTS` asks for more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "fuzzing/mutate.rs"]
mod mutate;
#[path = "vm/random.rs"]
mod random;

// The targets say what they check to libFuzzer, in whose place they find us here.
extern crate self as libfuzzer_sys;

#[path = "../fuzz/targets"]
#[allow(unused_attributes, reason = "no_main is for where they are programs")]
mod targets {
    pub(crate) mod api;
    pub(crate) mod import;
    pub(crate) mod link;
    pub(crate) mod notification;
    pub(crate) mod policy;
    pub(crate) mod settings;
    pub(crate) mod snapshot;
    pub(crate) mod source;
    pub(crate) mod state;
    pub(crate) mod uevent;
}

#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: &str| $check:expr) => {
        pub(crate) fn check(input: &[u8]) {
            let input = String::from_utf8_lossy(input);
            let $input: &str = &input;
            $check
        }
    };
    (|$input:ident: &[u8]| $check:expr) => {
        pub(crate) fn check($input: &[u8]) {
            $check
        }
    };
}

use mutate::Mutator;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 10] = [
    ("api", targets::api::check),
    ("import", targets::import::check),
    ("link", targets::link::check),
    ("notification", targets::notification::check),
    ("policy", targets::policy::check),
    ("settings", targets::settings::check),
    ("snapshot", targets::snapshot::check),
    ("source", targets::source::check),
    ("state", targets::state::check),
    ("uevent", targets::uevent::check),
];

/// So many of each, unless `SRIOVD_FUZZ_INPUTS` says otherwise.
const INPUTS: u32 = 2000;

/// Of the processor's time, for one input.
const TIME: Duration = Duration::from_secs(1);

/// For all that is tried at once.
const MEMORY: u64 = 512 << 20;

fn root() -> &'static Path {
    sriovd_tests::root()
}

/// What a check did not survive can be tried again.
struct Trying<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { target, input } = *self;
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
            let kept = fs::write(&file, input).map(|()| file.display().to_string());
            eprintln!("{target}, {kept:?}: {}", input.escape_ascii());
        }
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().unwrap()
}

fn try_one(target: &str, check: Check, input: &[u8]) {
    let trying = Trying { target, input };
    let before = processor_time();
    check(input);
    let took = processor_time() - before;
    assert!(took < TIME, "{took:?}");
    drop(trying);
}

/// The files that `tests/fuzz` begins with.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let listed = Command::new(root().join("tests/fuzz"))
        .args(["--seeds", target])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut files: Vec<PathBuf> = listed.lines().map(|file| root().join(file)).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has nothing to begin with");
    let read = |file: &PathBuf| fs::read(file).unwrap();
    files.iter().map(read).collect()
}

fn fuzz(target: &str) {
    let limit = Rlimit {
        current: Some(MEMORY),
        maximum: Some(MEMORY),
    };
    setrlimit(Resource::Data, limit).unwrap();
    let asked = std::env::var("SRIOVD_FUZZ_INPUTS");
    let inputs = asked.map_or(INPUTS, |asked| asked.parse().unwrap());
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let seeds = seeds(target);
    for seed in &seeds {
        try_one(target, *check, seed);
    }
    let mut mutator = Mutator::new(&seeds);
    for _ in 0..inputs {
        try_one(target, *check, &mutator.next());
    }
}

#[test]
fn api() {
    fuzz("api");
}

#[test]
fn import() {
    fuzz("import");
}

#[test]
fn link() {
    fuzz("link");
}

#[test]
fn notification() {
    fuzz("notification");
}

#[test]
fn policy() {
    fuzz("policy");
}

#[test]
fn settings() {
    fuzz("settings");
}

#[test]
fn snapshot() {
    fuzz("snapshot");
}

#[test]
fn state() {
    fuzz("state");
}

#[test]
fn uevent() {
    fuzz("uevent");
}

#[test]
fn no_target_is_left_out() {
    let files = fs::read_dir(root().join("fuzz/targets")).unwrap();
    let mut files: Vec<_> = files.map(|it| it.unwrap().path()).collect();
    files.sort();
    let names = files
        .iter()
        .map(|it| it.file_stem().unwrap().to_str().unwrap());
    assert!(names.eq(TARGETS.map(|(name, _)| name)), "{files:?}");
    let built = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            built.contains(&format!("path = \"targets/{name}.rs\"")),
            "{name}"
        );
    }
}
