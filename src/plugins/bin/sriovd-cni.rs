//! The CNI plugin's standard streams and exit codes.

use sriovd_plugins::cni;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut input = Vec::new();
    // What cannot be read is not JSON either: the answer says so.
    drop(io::stdin().take(cni::LONGEST + 1).read_to_end(&mut input));
    let answer = cni::run(Path::new("/"), |name| std::env::var_os(name), &input);
    let printed = io::stdout().write_all(answer.stdout.as_bytes());
    match answer.is_error || printed.is_err() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
