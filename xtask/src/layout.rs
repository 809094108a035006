//! The order of a module's functions, chosen for gzip.
//!
//! gzip looks for repetitions 32 KiB back, and the module is fifteen times that. Functions that look alike, put side by side, make it 3 % smaller.
//! Nothing else changes: a function's place means nothing to whoever runs it.

use anyhow::{Context, Result};
use std::collections::{HashMap, VecDeque};
use wasm_encoder::{NameMap, NameSection, Section};
use wasmparser::{Parser, Payload, TypeRef};

/// Bytes of code that a function can still be likened to: gzip's window, less what the functions themselves take.
const WINDOW: usize = 32_000;
/// Bytes of the snippets by which functions are likened.
const SNIPPET: usize = 6;

/// `module` with names for its functions, such that wasm-opt's `--reorder-functions-by-name` puts like beside like. Names it had are lost.
pub fn with_ordering_names(module: &[u8]) -> Result<Vec<u8>> {
    let (imported, bodies) = functions(module).context("the module that wasm-opt wrote")?;
    let mut names = NameMap::new();
    let mut ranked: Vec<(usize, usize)> = order(&bodies).into_iter().enumerate().map(|(rank, index)| (index, rank)).collect();
    ranked.sort_unstable();
    for import in 0..imported {
        names.append(import, &format!("import{import}"));
    }
    for (index, rank) in ranked {
        names.append(imported + u32::try_from(index)?, &format!("{rank:06}"));
    }
    let mut section = NameSection::new();
    section.functions(&names);
    let mut named = module.to_vec();
    section.append_to(&mut named);
    Ok(named)
}

/// How many functions are imported, and the bytes of the others.
fn functions(module: &[u8]) -> Result<(u32, Vec<&[u8]>)> {
    let (mut imported, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes()),
            _ => {}
        }
    }
    Ok((imported, bodies))
}

/// An order in which each function shares as much as can be with those that stand shortly before it.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let mut snippets: Vec<Vec<&[u8]>> = bodies.iter().map(|body| body.windows(SNIPPET).collect()).collect();
    let mut owners: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (index, own) in snippets.iter_mut().enumerate() {
        own.sort_unstable();
        own.dedup();
        own.iter().for_each(|snippet| owners.entry(snippet).or_default().push(index));
    }
    // How often each snippet stands in the window, and how many snippets of each function do.
    let mut recent: HashMap<&[u8], usize> = HashMap::new();
    let mut shared = vec![0usize; bodies.len()];
    let mut window = VecDeque::new();
    let mut window_bytes = 0;
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut ordered = Vec::with_capacity(bodies.len());
    // Small ones need more in common than their size alone makes likely; of large ones there are few, and each is followed by what is like it.
    let sizes: Vec<f64> = snippets.iter().map(|own| ((own.len() + 20) as f64).powf(0.8)).collect();
    let likeness = |shared: &[usize], index: usize| shared[index] as f64 / sizes[index];
    while let Some((place, &next)) = left.iter().enumerate().max_by(|(_, a), (_, b)| {
        likeness(&shared, **a).total_cmp(&likeness(&shared, **b)).then(bodies[**a].len().cmp(&bodies[**b].len())).then(b.cmp(a))
    }) {
        left.swap_remove(place);
        ordered.push(next);
        window.push_back(next);
        window_bytes += bodies[next].len();
        for snippet in &snippets[next] {
            let count = recent.entry(snippet).or_default();
            *count += 1;
            if *count == 1 {
                owners[snippet].iter().for_each(|&owner| shared[owner] += 1);
            }
        }
        while window_bytes > WINDOW && window.len() > 1 {
            let Some(gone) = window.pop_front() else { break };
            window_bytes -= bodies[gone].len();
            for snippet in &snippets[gone] {
                if let Some(count) = recent.get_mut(snippet) {
                    *count -= 1;
                    if *count == 0 {
                        owners[snippet].iter().for_each(|&owner| shared[owner] -= 1);
                    }
                }
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_stands_beside_like() {
        let (a, b) = ([1u8, 2, 3, 4, 5, 6, 7, 8, 9, 10].repeat(9), [20u8, 21, 22, 23, 24, 25, 26, 27].repeat(9));
        let (a2, b2) = ([&a[..], &[50, 51]].concat(), [&b[..], &[60]].concat());
        let order = order(&[&a, &b, &a2, &b2]);
        let pairs: Vec<usize> = order.iter().map(|index| index % 2).collect();
        assert!(pairs == [0, 0, 1, 1] || pairs == [1, 1, 0, 0], "{order:?}");
    }

    #[test]
    fn every_function_has_one_place() {
        let bodies: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; usize::from(n) % 40]).collect();
        let mut order = order(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..200));
    }
}
