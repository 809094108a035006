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
    /// wasm-bindgen's target; the glue factory reads the form of `bundler`.
    pub target: String,
    /// Name of the files written to pkg/dist.
    pub out_name: String,
    /// The module whose glue serves this one, too. It is built before.
    pub glue_of: Option<String>,
    /// Arguments of wasm-opt.
    pub wasm_opt: Vec<String>,
    /// The most that the optimised module may measure after gzip -9, in bytes.
    pub gzip_budget: u64,
    /// Ceiling of the module's linear memory, in bytes, a multiple of 65,536.
    pub max_memory: u64,
    /// The module's own call stack, in bytes. Each instance pays for it.
    pub stack_size: u64,
}

impl Module {
    /// The name that wasm-bindgen gives the glue, and by which the module imports it.
    pub fn glue_name(&self) -> &str {
        self.glue_of.as_deref().unwrap_or(&self.out_name)
    }
}

pub fn read() -> Result<Recipe> {
    let path = crate::workspace::root().join("wasm-pack.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
}
