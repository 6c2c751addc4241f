//! sriovd: the agent that owns SR-IOV on a Linux host.
