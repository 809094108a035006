//! wasm-bindgen's glue as a factory.
//!
//! The glue of `--target bundler` is one module with module-level state, so that a page can hold one instance only. We wrap it: each
//! call of `glue()` gives a fresh set of imports with its own state, hence one wasm instance a cache, a crash that kills one cache
//! only, and memory that is given back when a cache is closed. It also frees the package from wasm-bindgen's loaders: they fetch, or
//! test `instanceof WebAssembly.Module`, which is false for a module of another realm, as edge runtimes hand out.

use anyhow::{Result, bail};
use std::fmt::Write as _;

/// Turns the glue module's text into the text of a module that exports `glue()`.
pub fn factory(glue: &str) -> Result<String> {
    let mut body = String::new();
    let mut names = Vec::new();
    for line in glue.lines() {
        let Some(declaration) = line.strip_prefix("export ") else {
            if line.starts_with("import ") {
                bail!("wasm-bindgen's glue imports something, which a factory cannot hold: {line}");
            }
            writeln!(body, "  {line}")?;
            continue;
        };
        let mut words = declaration.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        let (Some("class" | "function"), Some(name)) = (words.next(), words.next()) else {
            bail!("wasm-bindgen's glue exports in a form that is not known here: {line}");
        };
        names.push(name.to_owned());
        writeln!(body, "  {declaration}")?;
    }
    if names.iter().all(|name| name != "__wbg_set_wasm") {
        bail!("wasm-bindgen's glue has no __wbg_set_wasm: is the target in wasm-pack.toml still `bundler`?");
    }
    let list = names.join(",\n    ");
    Ok(format!(
        "// wasm-bindgen's glue as a factory: each call gives the imports of one instance.\nexport function glue() {{\n{body}  return {{\n    {list},\n  }};\n}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_become_members_of_what_the_factory_returns() -> Result<()> {
        let text = factory("let wasm;\nexport function __wbg_set_wasm(val) {\n    wasm = val;\n}\nexport class Cache {\n}\n")?;
        assert!(text.contains("\n  function __wbg_set_wasm(val) {"));
        assert!(text.contains("    __wbg_set_wasm,\n    Cache,\n  };"));
        assert!(!text.contains("export class"));
        Ok(())
    }

    #[test]
    fn a_form_that_is_not_known_stops_the_build() {
        assert!(factory("import * as x from './y.js';\n").is_err());
        assert!(factory("export const a = 1;\n").is_err());
        assert!(factory("let wasm;\n").is_err());
    }
}
