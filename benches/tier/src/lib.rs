//! The tier over real servers: trouble at load ([`chaos`]), and what a hit costs ([`cost`]).

pub mod chaos;
pub mod cost;
pub mod load;
pub mod report;
pub mod servers;
