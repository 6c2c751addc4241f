//! Makes Rust of kubelet's protocols. No program from outside is needed for it.

use std::error;

const DIRECTORY: &str = "proto";
const FILES: [&str; 3] = [
    "deviceplugin.proto",
    "pluginregistration.proto",
    "podresources.proto",
];

fn main() -> Result<(), Box<dyn error::Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={DIRECTORY}/{file}");
    }
    let descriptors = protox::compile(FILES, [DIRECTORY])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
