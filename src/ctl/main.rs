//! The command line's arguments and exit codes.

use clap::Parser;
use sriovd_ctl::{Arguments, Verdict};
use std::process::ExitCode;

fn main() -> ExitCode {
    sriovd_ctl::complete_if_asked();
    let arguments = Arguments::parse();
    match sriovd_ctl::run(&arguments) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Ok(Verdict::NotConverged) => ExitCode::from(3),
        Err(error) => {
            eprintln!("sriovctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}
