//! `schema`: what files may hold and what commands print, for editors and programs.

use super::check::Checked;
use super::explain::Explained;
use super::list::Listing;
use super::show::Shown;
use clap::ValueEnum;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use sriovd_agent::api::{Applied, SourceSummary};
use sriovd_agent::settings;
use sriovd_core::model::{HostSnapshot, PoolsFile};
use sriovd_core::policy::file;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::render::picture::Picture;
use sriovd_core::report::{Event, Status};
use sriovd_sim::forecast::Forecast;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Document {
    /// Files in /etc/sriov.d.
    Policy,
    /// /etc/sriovd.toml.
    Agent,
    Snapshot,
    Status,
    Plan,
    List,
    Show,
    Explain,
    Check,
    Draw,
    Apply,
    Monitor,
    /// `sources`.
    Sources,
    /// `sources show`.
    Source,
    /// /run/sriovd/pools.json.
    Pools,
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

pub(super) fn schema(document: Document) -> Value {
    match document {
        Document::Policy => titled("a policy file of sriovd", file::schema()),
        Document::Agent => titled("the settings of sriovd", settings::schema()),
        // Also those of an earlier version are read.
        Document::Snapshot => of::<HostSnapshot>(SchemaSettings::draft2020_12().for_deserialize()),
        Document::Status => printed::<Status>(),
        Document::Plan => printed::<Forecast>(),
        Document::List => printed::<Listing>(),
        Document::Show => printed::<Shown>(),
        Document::Explain => printed::<Explained>(),
        Document::Check => printed::<Checked>(),
        Document::Draw => printed::<Picture>(),
        Document::Apply => printed::<Applied>(),
        Document::Monitor => printed::<Event>(),
        Document::Sources => printed::<Vec<SourceSummary>>(),
        Document::Source => printed::<SourceReport>(),
        Document::Pools => printed::<PoolsFile>(),
    }
}

fn titled(title: &str, mut schema: Value) -> Value {
    schema["$schema"] = json!(DIALECT);
    schema["title"] = json!(title);
    schema
}

/// As it is written, not as it may be read: what is always there is required.
fn printed<T: JsonSchema>() -> Value {
    of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let generator = settings.into_generator();
    generator.into_root_schema_for::<T>().into()
}
