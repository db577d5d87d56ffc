//! Opens a picture or a page in the user's browser.

use std::{path::Path, process::Command};

use anyhow::{Context as _, bail};

/// Opens a file in whatever the desktop opens such files with.
pub(crate) fn open(file: &Path) -> anyhow::Result<()> {
    let status = Command::new("xdg-open")
        .arg(file)
        .status()
        .with_context(|| format!("cannot run xdg-open; open {} in a browser", file.display()))?;
    if !status.success() {
        bail!("xdg-open failed ({status}); open {} in a browser", file.display());
    }
    Ok(())
}
