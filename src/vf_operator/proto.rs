//! Made of `networkservice.proto` by `build.rs`.

tonic::include_proto!("networkservice");
include!(concat!(env!("OUT_DIR"), "/networkservice.serde.rs"));

pub(super) const DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/networkservice.bin"));
