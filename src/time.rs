//! Moments and spans inside the engine: absolute Unix milliseconds. Relative TTLs exist only in arguments.

/// Milliseconds since the Unix epoch.
pub type Millis = u64;
