//! Makes Rust of vf-operator's protocol. No program from outside is needed for it.

use prost::Message;
use std::path::PathBuf;
use std::{env, error, fs};

const DIRECTORY: &str = ".";
const FILE: &str = "networkservice.proto";

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed={DIRECTORY}/{FILE}");
    let descriptors = protox::compile([FILE], [DIRECTORY])?;
    let bytes = descriptors.encode_to_vec();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // What clients are told that ask the server what it speaks.
    fs::write(out.join("networkservice.bin"), &bytes)?;
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_well_known_types(true)
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .emit_fields()
        .build(&[".networkservice"])?;
    Ok(())
}
