//! Policy files: what each says, and what it said last where it is of no use now.

use super::FileState;
use super::assembly::Assembly;
use sriovd_core::policy::Origin;
use sriovd_core::policy::diagnostic::{Diagnostic, SourceText};
use sriovd_core::policy::file::{FileContent, ItemSpans, parse};
use std::path::Path;

pub(super) fn add(assembly: &mut Assembly<'_>, path: &Path, text: String) -> FileState {
    let content = parse(path, &text).and_then(|content| {
        let twins = twins(assembly, path, &text, &content);
        if twins.is_empty() {
            Ok(content)
        } else {
            Err(twins)
        }
    });
    match content {
        Ok(mut content) => {
            assembly.loaded.diagnostics.append(&mut content.warnings);
            want_pools(assembly, path, &text, &content);
            accept(assembly, path, text, content);
            FileState::Used
        }
        Err(diagnostics) => {
            assembly.loaded.diagnostics.extend(diagnostics);
            let kept_last_good = keep(assembly, path);
            FileState::Broken { kept_last_good }
        }
    }
}

/// Names that are taken by files before this one.
fn twins(
    assembly: &Assembly<'_>,
    path: &Path,
    text: &str,
    content: &FileContent,
) -> Vec<Diagnostic> {
    let policies = content.policies.iter().zip(&content.policy_spans);
    let policies = policies.filter_map(|(policy, spans)| {
        let first = assembly.policies.get(&policy.name)?;
        Some((format!("a policy named \"{}\"", policy.name), first, spans))
    });
    let networks = content.networks.iter().zip(&content.network_spans);
    let networks = networks.filter_map(|(network, spans)| {
        let first = assembly.networks.get(&network.name)?;
        Some((
            format!("a network named \"{}\"", network.name),
            first,
            spans,
        ))
    });
    let text = SourceText::new(text);
    let diagnostic = |(what, first, spans): (String, &Origin, &ItemSpans)| {
        let message = format!("{what} is already in {first}");
        Diagnostic::error(path, message).at(&text.excerpt(&spans.name))
    };
    policies.chain(networks).map(diagnostic).collect()
}

fn accept(assembly: &mut Assembly<'_>, path: &Path, text: String, content: FileContent) {
    content
        .policies
        .into_iter()
        .for_each(|policy| assembly.add_policy(path, policy));
    content
        .networks
        .into_iter()
        .for_each(|network| assembly.add_network(network));
    assembly
        .loaded
        .last_good
        .texts
        .insert(path.to_owned(), text);
}

/// Keeps what a file said last in force, but for names that another file has taken since.
pub(super) fn keep(assembly: &mut Assembly<'_>, path: &Path) -> bool {
    let Some(text) = assembly.last_good.texts.get(path) else {
        return false;
    };
    let Ok(mut content) = parse(path, text) else {
        return false;
    };
    content
        .policies
        .retain(|policy| !assembly.policies.contains_key(&policy.name));
    content
        .networks
        .retain(|network| !assembly.networks.contains_key(&network.name));
    accept(assembly, path, text.clone(), content);
    true
}

fn want_pools(assembly: &mut Assembly<'_>, path: &Path, text: &str, content: &FileContent) {
    let text = SourceText::new(text);
    for (network, spans) in content.networks.iter().zip(&content.network_spans) {
        if let Some(resource) = &network.resource {
            let message = format!("no policy forms the pool \"{resource}\"");
            let excerpt = text.excerpt(&spans.resource);
            let diagnostic = Diagnostic::warning(path, message).at(&excerpt);
            assembly.pools_wanted.push((resource.clone(), diagnostic));
        }
    }
}
