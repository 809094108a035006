//! A task as a list of named steps: what runs, how long it took, how many tests it held.

use anyhow::{Result, bail};
use std::time::Instant;

/// Tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    pub const NONE: Counts = Counts { passed: 0, failed: 0 };

    /// One check that held.
    pub const ONE: Counts = Counts { passed: 1, failed: 0 };

    fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// One step: a name to choose it by, what it does, and the function. A step fails by `Err` or by a failed test.
pub struct Step {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn() -> Result<Counts>,
}

/// Says that something begins, and how long it took when it is over.
pub fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("   … {what}");
    let start = Instant::now();
    let done = work();
    let mark = if done.is_ok() { '✓' } else { '✗' };
    eprintln!("   {mark} {what}  {:.1} s", start.elapsed().as_secs_f32());
    done
}

/// Prints the names of the steps.
pub fn list(steps: &[Step]) -> Result<()> {
    for step in steps {
        println!("{:<16} {}", step.name, step.about);
    }
    Ok(())
}

/// Runs the chosen steps (all when none is named), whatever becomes of those before, and returns the sum of their tests.
/// A step that could not be carried out counts as one failed test.
pub fn run(steps: &[Step], chosen: &[String]) -> Result<Counts> {
    if let Some(unknown) = chosen.iter().find(|name| steps.iter().all(|step| step.name != name.as_str())) {
        let known: Vec<_> = steps.iter().map(|step| step.name).collect();
        bail!("no step is named `{unknown}`; there are: {}", known.join(", "));
    }
    let chosen: Vec<_> =
        steps.iter().filter(|step| chosen.is_empty() || chosen.iter().any(|name| step.name == name.as_str())).collect();
    let mut sum = Counts::NONE;
    let mut lines = Vec::new();
    for (index, step) in chosen.iter().enumerate() {
        eprintln!("\n[{}/{}] {}: {}", index + 1, chosen.len(), step.name, step.about);
        let start = Instant::now();
        let counts = (step.run)().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Counts { passed: 0, failed: 1 }
        });
        let Counts { passed, failed } = counts;
        let mark = if failed == 0 { '✓' } else { '✗' };
        let took = start.elapsed().as_secs_f32();
        lines.push(format!("{mark} {:<16} {passed:>7} passed {failed:>4} failed {took:>7.1} s", step.name));
        sum.add(counts);
    }
    eprintln!();
    lines.iter().for_each(|line| eprintln!("{line}"));
    Ok(sum)
}

/// Counts of what libtest and wasm-bindgen-test print: one `test result:` line a test binary.
pub fn libtest_counts(output: &str) -> Counts {
    let mut sum = Counts::NONE;
    for line in output.lines().filter(|line| line.trim_start().starts_with("test result:")) {
        sum.add(Counts { passed: number_before(line, " passed"), failed: number_before(line, " failed") });
    }
    sum
}

/// Counts of what `node --test` prints at its end (`ℹ pass 3` or `# pass 3`).
pub fn node_test_counts(output: &str) -> Counts {
    let last = |word: &str| {
        let numbers = output.lines().filter_map(|line| {
            let line = line.trim_start_matches(['ℹ', '#', ' ']);
            line.strip_prefix(word)?.trim().parse::<u64>().ok()
        });
        numbers.fold(0, |_, number| number)
    };
    Counts { passed: last("pass "), failed: last("fail ") + last("cancelled ") }
}

fn number_before(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_summed() {
        let text = "test result: ok. 3 passed; 1 failed; 0 ignored\nx\ntest result: ok. 40 passed; 0 failed; 2 ignored\n";
        assert_eq!(libtest_counts(text), Counts { passed: 43, failed: 1 });
    }

    #[test]
    fn node_totals_are_read_in_both_forms() {
        assert_eq!(node_test_counts("ℹ pass 7\nℹ fail 2\n"), Counts { passed: 7, failed: 2 });
        assert_eq!(node_test_counts("# pass 7\n# fail 0\n# cancelled 1\n"), Counts { passed: 7, failed: 1 });
    }
}
