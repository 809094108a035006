//! How readily the kernel ends this process when memory runs out: `oom-score-adj` and `oom-score-adj-values`.

const FILE: &str = "/proc/self/oom_score_adj";
/// What the kernel takes.
const LOWEST: i32 = -1000;
const HIGHEST: i32 = 1000;

#[derive(Debug, Default)]
pub struct OomScore {
    mode: String,
    /// The first of the three values: a server that neither follows another nor is a child of one has no use for the others.
    value: i32,
    /// What the process had before it was changed here.
    before: Option<i32>,
}

impl OomScore {
    /// # Errors
    /// The kernel refuses the score; Redis's sentence.
    pub fn set_mode(&mut self, mode: &str) -> Result<(), String> {
        mode.clone_into(&mut self.mode);
        self.apply()
    }

    /// # Errors
    /// As [`OomScore::set_mode`].
    pub fn set_values(&mut self, values: &str) -> Result<(), String> {
        self.value = values.split(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0);
        self.apply()
    }

    fn apply(&mut self) -> Result<(), String> {
        let on = matches!(self.mode.as_str(), "yes" | "relative" | "absolute");
        let done = match self.before {
            _ if on => {
                let before = self.before.or_else(read).unwrap_or(0);
                self.before = Some(before);
                let base = if self.mode == "absolute" { 0 } else { before };
                write(base.saturating_add(self.value))
            }
            Some(before) => {
                self.before = None;
                write(before)
            }
            None => Ok(()),
        };
        done.map_err(|error| {
            tracing::warn!("Unable to write {FILE}: {error}");
            "Failed to apply new oom_score_adj configuration, check server logs.".to_owned()
        })
    }
}

fn read() -> Option<i32> {
    std::fs::read_to_string(FILE).ok()?.trim().parse().ok()
}

fn write(score: i32) -> std::io::Result<()> {
    std::fs::write(FILE, score.clamp(LOWEST, HIGHEST).to_string())
}
