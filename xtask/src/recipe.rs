//! `wasm-pack.toml`: what is built of each wasm module, and how big it may be.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// By the name of the module.
    pub module: BTreeMap<String, Module>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Module {
    /// The cdylib crate.
    #[serde(rename = "crate")]
    pub package: String,
    #[serde(default)]
    pub features: Vec<String>,
    /// The cargo profile.
    pub profile: String,
    /// wasm-bindgen's target; the glue factory reads the form of `bundler`. None: the module imports nothing, and has no glue.
    pub target: Option<String>,
    /// Name of the files written to pkg/dist.
    pub out_name: String,
    /// Arguments of wasm-opt.
    pub wasm_opt: Vec<String>,
    /// The most that the optimised module may measure after gzip -9, in bytes.
    pub gzip_budget: u64,
    /// Ceiling of the module's linear memory, in bytes, a multiple of 65,536.
    pub max_memory: u64,
    /// The module's own call stack, in bytes. Each instance pays for it.
    pub stack_size: u64,
}

pub fn read() -> Result<Recipe> {
    let path = crate::workspace::root().join("wasm-pack.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is not as expected", path.display()))
}

fn parse(text: &str) -> Result<Recipe> {
    let mut recipe: toml::Table = text.parse()?;
    let modules = recipe.get_mut("module").and_then(toml::Value::as_table_mut).context("it has no modules")?;
    let known = modules.clone();
    for module in modules.iter_mut().filter_map(|(_, module)| module.as_table_mut()) {
        let Some(like) = module.get("like").and_then(toml::Value::as_str) else { continue };
        let other = known.get(like).and_then(toml::Value::as_table).with_context(|| format!("there is no module {like}"))?;
        // What is not said of this one, which may stand in the other's place, is as said of the other.
        let own = std::mem::take(module).into_iter().filter(|(name, _)| name != "like");
        *module = other.clone().into_iter().chain(own).collect();
    }
    Ok(recipe.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &str = "[module.core]\ncrate = 'c'\nfeatures = ['a']\nprofile = 'p'\nout-name = 'core'\nwasm-opt = ['-Os']\n\
                        gzip-budget = 1\nmax-memory = 2\nstack-size = 3\n";

    #[test]
    fn a_module_like_another_says_what_differs() -> Result<()> {
        let recipe =
            parse(&format!("{CORE}[module.full]\nlike = 'core'\nfeatures = ['a', 'b']\nout-name = 'full'\ngzip-budget = 4\n"))?;
        let full = recipe.module.get("full").context("full")?;
        assert_eq!((full.package.as_str(), full.wasm_opt.len(), full.stack_size), ("c", 1, 3));
        assert_eq!((full.features.len(), full.out_name.as_str(), full.gzip_budget, &full.target), (2, "full", 4, &None));
        assert!(parse(&format!("{CORE}[module.full]\nlike = 'nothing'\n")).is_err());
        Ok(())
    }
}
