//! An entry that outlives the call that wrote it, so that it can be sent by another thread.

use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Metadata, Value};

/// Fields of one entry; no kind of entry has more.
const MOST: usize = 16;

pub(super) struct Entry {
    metadata: &'static Metadata<'static>,
    fields: Vec<(Field, String)>,
}

impl Entry {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut entry = Self {
            metadata: event.metadata(),
            fields: Vec::new(),
        };
        event.record(&mut entry);
        entry
    }

    /// As if it were written just now.
    pub(super) fn write_to(&self, dispatch: &Dispatch) {
        let Some((first, _)) = self.fields.first() else {
            return;
        };
        let nothing: (&Field, Option<&dyn Value>) = (first, None);
        let mut values = [nothing; MOST];
        for (value, (field, text)) in values.iter_mut().zip(&self.fields) {
            *value = (field, Some(text));
        }
        let values = self.metadata.fields().value_set(&values);
        dispatch.event(&Event::new(self.metadata, &values));
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.clone(), value.to_owned()));
    }
}
