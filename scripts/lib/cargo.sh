# shellcheck shell=bash
# Source this: ends the script with the remedy where there is no cargo, or one that is older than Cargo.toml's rust-version.

_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
_remedy="install Rust $_needed or newer with rustup (https://rustup.rs) and put ~/.cargo/bin first in PATH"
command -v cargo >/dev/null || { echo "${0##*/}: cargo is missing: $_remedy" >&2; exit 1; }
_found=$(cargo --version | cut -d' ' -f2)
if [[ "$(printf '%s\n' "$_needed" "$_found" | sort -V | head -n 1)" != "$_needed" ]]; then
  echo "${0##*/}: cargo is $_found ($(command -v cargo)), $_needed or newer is needed, distributions' packages are older: $_remedy" >&2
  exit 1
fi
unset _needed _remedy _found
