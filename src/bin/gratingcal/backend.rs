//! `--backend`: what evaluates the fits.

use anyhow::bail;
use clap::ValueEnum;

/// What evaluates the fits.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Backend {
    /// The best there is: the CPU, in this version.
    #[default]
    Auto,
    Cpu,
    /// A graphics card.
    Cuda,
}

impl Backend {
    /// # Errors
    /// When this program does not have it.
    pub fn check(self) -> anyhow::Result<()> {
        match self {
            Backend::Auto | Backend::Cpu => Ok(()),
            Backend::Cuda => bail!("--backend cuda: this version has no CUDA backend yet; use --backend auto or cpu"),
        }
    }
}
