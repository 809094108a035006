//! `cargo xtask chaos` and `cargo xtask bench tier`.

use anyhow::Result;
use cachette_bench_tier::{chaos, cost, report};
use clap::{Parser, Subcommand};
use std::fmt::Write as _;
use std::path::Path;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Trouble at load
    Chaos {
        #[arg(long, default_value_t = 100)]
        cycles: u32,
        /// Of a cluster, and of Sentinel
        #[arg(long, default_value_t = 5)]
        failovers: u32,
        /// Print the report, and write no file
        #[arg(long)]
        dry: bool,
    },
    /// What a hit costs
    Cost,
}

fn results() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results")
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Chaos { cycles, failovers, dry } => {
            let parts = chaos::all(cycles, failovers).await?;
            let plots = parts.iter().map(|part| report::svg(part, 60.0)).collect::<Result<Vec<_>, _>>()?;
            let outcome = chaos::joined(parts);
            let bars = chaos::bars(&outcome);
            outcome.stale_reads.iter().chain(&outcome.errors).take(20).for_each(|line| eprintln!("   ! {line}"));
            outcome.cycles.iter().flat_map(|cycle| &cycle.lost).take(20).for_each(|line| eprintln!("   ! {line}"));
            let page = report::page(&outcome, &bars, plots.len(), &format!("cargo xtask chaos --cycles {cycles}"))?;
            println!("{page}");
            if !dry {
                std::fs::write(results().join("tier_chaos.md"), page)?;
                for (name, plot) in report::PARTS.iter().zip(plots) {
                    std::fs::write(results().join(format!("tier_chaos_{name}.svg")), plot)?;
                }
            }
        }
        Task::Cost => {
            let costs = cost::hits().await?;
            let mut page = String::from(
                "# What a hit in the tier's L1 costs\n\n`cargo xtask bench tier`: 1,000 keys, values of 100 bytes, one thread; ns a call.\n\n",
            );
            writeln!(page, "| | median | least | most | to its like |\n|---|---|---|---|---|")?;
            for (at, cost) in costs.iter().enumerate() {
                let (least, most) =
                    cost.rounds.iter().fold((f64::MAX, 0f64), |(least, most), round| (least.min(*round), most.max(*round)));
                let like = costs[at % 2].median();
                writeln!(
                    page,
                    "| {} | {:.0} | {least:.0} | {most:.0} | {:.2} |",
                    cost.name,
                    cost.median(),
                    cost.median() / like
                )?;
            }
            writeln!(
                page,
                "\nThe factory of one key that 10,000 tasks ask for at once ran {} time(s).",
                cost::stampede(10_000).await?
            )?;
            println!("{page}");
            std::fs::write(results().join("tier_cost.md"), page)?;
        }
    }
    Ok(())
}
