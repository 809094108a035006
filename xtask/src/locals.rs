//! The numbers of a module's locals, chosen for gzip.
//!
//! Which number a local has means nothing to whoever runs the function. wasm-opt gives the smallest to those used most, which is a good start, but like
//! functions then differ in them by chance. Here two numbers at a time change places, function by function in the module's order, and keep them where a
//! model of deflate says that the body takes fewer bits behind those before it: 1.5 % of the module.

use crate::deflate::{Model, Prices};
use anyhow::Result;
use wasm_encoder::{CodeSection, Encode, Module, RawSection};
use wasmparser::{FunctionBody, Operator, Parser, Payload, ValType};

/// Changes tried in a function, and how often all functions are gone through: more gives little more.
const TRIES: usize = 200;
const ROUNDS: usize = 2;

/// `module` with other numbers for its locals.
pub fn renumber(module: &[u8]) -> Result<Vec<u8>> {
    let (mut parameters, mut signatures, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(types) => {
                for kind in types.into_iter_err_on_gc_types() {
                    parameters.push(kind?.params().len());
                }
            }
            Payload::FunctionSection(section) => signatures = section.into_iter().collect::<Result<Vec<u32>, _>>()?,
            Payload::CodeSectionEntry(body) => {
                let signature = signatures[functions.len()] as usize;
                functions.push(Function::read(module, &body, parameters[signature])?);
            }
            _ => {}
        }
    }
    let mut bodies: Vec<Vec<u8>> = functions.iter().map(Function::written).collect();
    for _ in 0..ROUNDS {
        let mut model = Model::new(Prices::of(&bodies));
        for (function, body) in functions.iter_mut().zip(&mut bodies) {
            function.improve(body, &mut model);
            model.keep(body);
        }
    }
    with_code(module, &bodies)
}

/// A function's body in pieces.
struct Function<'m> {
    /// Types of the locals that are no parameters, with the numbers that they have now.
    locals: Vec<(ValType, u32)>,
    parameters: u32,
    /// Bytes, and the local whose number follows them.
    pieces: Vec<(&'m [u8], Option<u32>)>,
}

impl<'m> Function<'m> {
    fn read(module: &'m [u8], body: &FunctionBody<'_>, parameters: usize) -> Result<Self> {
        let parameters = u32::try_from(parameters)?;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, kind) = group?;
            for _ in 0..count {
                locals.push((kind, parameters + u32::try_from(locals.len())?));
            }
        }
        let (mut pieces, mut start) = (Vec::new(), body.range().start);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let at = operators.original_position();
            let operator = operators.read()?;
            if let Operator::LocalGet { local_index } | Operator::LocalSet { local_index } | Operator::LocalTee { local_index } =
                operator
            {
                // The operator is one byte, its local's number the rest.
                pieces.push((&module[start..=at], Some(local_index)));
                start = operators.original_position();
            }
        }
        pieces.push((&module[start..body.range().end], None));
        Ok(Self { locals, parameters, pieces })
    }

    fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (piece, local) in &self.pieces {
            bytes.extend_from_slice(piece);
            if let Some(local) = *local {
                let place = local.checked_sub(self.parameters).map(|place| self.locals[place as usize].1);
                place.unwrap_or(local).encode(&mut bytes);
            }
        }
        bytes
    }

    /// Tries to make `body`, which is how the function is written now, cheaper.
    fn improve(&mut self, body: &mut Vec<u8>, model: &mut Model) {
        let count = self.locals.len();
        let mut cost = model.cost(body);
        // Always the same, so that a build is.
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..TRIES.min(3 * count * count.saturating_sub(1) / 2) {
            let (a, b) = (random.below(count), random.below(count));
            if a == b || self.locals[a].0 != self.locals[b].0 {
                continue;
            }
            self.exchange(a, b);
            let other = self.written();
            let changed = model.cost(&other);
            if changed < cost {
                (*body, cost) = (other, changed);
            } else {
                self.exchange(a, b);
            }
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        (self.locals[a].1, self.locals[b].1) = (self.locals[b].1, self.locals[a].1);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }
}

/// `module` with these bodies in place of its own.
fn with_code(module: &[u8], bodies: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut code = CodeSection::new();
    bodies.iter().for_each(|body| {
        code.raw(body);
    });
    let mut changed = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CodeSectionStart { .. } => {
                changed.section(&code);
            }
            Payload::CodeSectionEntry(_) => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    changed.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    Ok(changed.finish())
}
