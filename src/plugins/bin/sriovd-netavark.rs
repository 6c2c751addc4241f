//! The netavark plugin's arguments, standard streams and exit codes.

use sriovd_plugins::netavark;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut input = Vec::new();
    if arguments.first().is_some_and(|word| word != "info") {
        // What cannot be read is not JSON either: the answer says so.
        drop(
            io::stdin()
                .take(netavark::LONGEST + 1)
                .read_to_end(&mut input),
        );
    }
    let answer = netavark::run(Path::new("/"), &arguments, &input);
    drop(io::stderr().write_all(answer.stderr.as_bytes()));
    let printed = io::stdout().write_all(answer.stdout.as_bytes());
    match answer.is_error || printed.is_err() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
