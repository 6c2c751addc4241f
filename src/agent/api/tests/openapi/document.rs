//! The description of the API, made from the types that handlers take and answer.

use crate::api::ProblemDetails;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A schema for a type, which the generator keeps under the type's name.
type Describe = fn(&mut SchemaGenerator) -> Value;

fn describe<T: JsonSchema>(types: &mut SchemaGenerator) -> Value {
    types.subschema_for::<T>().into()
}

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Describe>,
    answers: Vec<(&'static str, Describe)>,
    read_again: fn(&Value) -> Value,
}

impl Operation {
    pub(super) fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            read_again: Value::clone,
        }
    }

    /// A part of the path.
    pub(super) fn path(mut self, name: &str, description: &str) -> Self {
        self.parameters.push(json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": description,
            "schema": {"type": "string"},
        }));
        self
    }

    /// The keys of the query are those of the type.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        let query: Value = settings.into_generator().into_root_schema_for::<T>().into();
        let required: Vec<_> = query["required"].as_array().into_iter().flatten().collect();
        for (name, schema) in query["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema
                .as_object_mut()
                .and_then(|it| it.remove("description"));
            self.parameters.push(json!({
                "name": name,
                "in": "query",
                "required": required.contains(&&json!(name)),
                "description": description,
                "schema": schema,
            }));
        }
        self
    }

    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(describe::<T>);
        self
    }

    pub(super) fn answers<T: JsonSchema + Serialize + DeserializeOwned>(mut self) -> Self {
        self.read_again = |answer| {
            let read: T = serde_json::from_value(answer.clone()).unwrap();
            serde_json::to_value(read).unwrap()
        };
        self.answers_as::<T>("application/json")
    }

    /// What the type makes of an answer: the same, unless there is more in it than the type has.
    pub(super) fn read_again(&self, answer: &Value) -> Value {
        (self.read_again)(answer)
    }

    /// Each event's `data` is one of these.
    pub(super) fn streams<T: JsonSchema>(self) -> Self {
        self.answers_as::<T>("text/event-stream")
    }

    pub(super) fn answers_text(self) -> Self {
        self.answers_as::<String>("text/plain")
    }

    fn answers_as<T: JsonSchema>(mut self, kind: &'static str) -> Self {
        self.answers.push((kind, describe::<T>));
        self
    }

    fn described(&self, taken: &mut SchemaGenerator, given: &mut SchemaGenerator) -> Value {
        let content = |kinds: &[(&str, Describe)], types: &mut SchemaGenerator| -> Value {
            let media = kinds
                .iter()
                .map(|(kind, of)| ((*kind).to_owned(), json!({"schema": of(types)})));
            media.collect::<Map<_, _>>().into()
        };
        let problem: (&str, Describe) = ("application/problem+json", describe::<ProblemDetails>);
        let mut described = json!({
            "summary": self.summary,
            "responses": {
                "200": {
                    "description": "Done.",
                    "content": content(&self.answers, given),
                },
                "default": {
                    "description": "It was not done, or not as a whole; `detail` says why.",
                    "content": content(&[problem], given),
                },
            },
        });
        if !self.parameters.is_empty() {
            described["parameters"] = json!(self.parameters);
        }
        if let Some(body) = self.body {
            let content = content(&[("application/json", body)], taken);
            described["requestBody"] = json!({"required": false, "content": content});
        }
        described
    }
}

const SCHEMAS: &str = "#/components/schemas";

/// What a type takes and what it gives may differ: what is always given need not be.
pub(super) fn document(operations: &[Operation]) -> Value {
    let generator = |settings: SchemaSettings| {
        let own = |settings: &mut SchemaSettings| {
            settings.definitions_path = SCHEMAS.trim_start_matches('#').into();
        };
        settings.with(own).into_generator()
    };
    let mut taken = generator(SchemaSettings::draft2020_12().for_deserialize());
    let mut given = generator(SchemaSettings::draft2020_12().for_serialize());
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let described = operation.described(&mut taken, &mut given);
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method] = described;
    }
    let mut schemas = given.take_definitions(true);
    for (name, schema) in taken.take_definitions(true) {
        if let Some(other) = schemas.insert(name.clone(), schema.clone()) {
            assert_eq!(
                other, schema,
                "{name} is taken and given, and not the same: give the body a type of its own"
            );
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sriovd",
            "version": "1",
            "summary": "The agent that owns SR-IOV on a Linux host",
            "description": "HTTP/1.1 and JSON on the Unix socket /run/sriovd/sriovd.sock, one request for each \
                connection. Users that may connect may read. Root and the members of the admin group in \
                /etc/sriovd.toml may also change things.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}
