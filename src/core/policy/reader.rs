//! What is read from outside, whatever it is written in: tables of keys, each with what it takes.
//!
//! A text becomes `Given` values, these become the keys of a `Table`, and what is wrong becomes a
//! `Fault` that names its key. Nothing stops at the first fault. `Document` gives faults of TOML
//! their places in the text; in JSON the pointer to the key is the place.

mod document;
mod fault;
mod given;
mod key;
mod rule;
mod scalar;

pub use document::{Document, Span};
pub use fault::within;
pub use fault::{EntryPart, Fault, KeyPath, PathStep, nearest};
pub use given::Given;
pub use given::{all_with_whole_numbers, json_number};
pub use key::{Key, List, Many, MapOf, Object, Table};
pub use key::{missing, read_table, read_whole, schema_of, table};
pub use rule::{At, Rule};
pub use scalar::{Boolean, OneOf, Parsed, Scalar, Text, Words};
pub use scalar::{integer, quoted, scalar};
