#!/usr/bin/env bash
# Refuses a release that docs/release.md would refuse, with every reason: placeholders, versions, changelog, stale pages, work tree.
set -euo pipefail
cd "$(dirname "$0")/../.."

reasons=()
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

while IFS= read -r line; do
  reasons+=("package.xml has a placeholder: ${line## }")
done < <(grep -F '.invalid' package.xml || true)
grep -q '<url type="repository">' package.xml || reasons+=("package.xml has no <url type=\"repository\">")
grep -q "<version>$version</version>" package.xml || reasons+=("package.xml has another version than Cargo.toml, $version")
grep -qE "^## \[$version\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md ||
  reasons+=("CHANGELOG.md has no heading '## [$version] - YYYY-MM-DD'")
if git rev-parse -q --verify "refs/tags/$version" >/dev/null; then reasons+=("the tag $version exists already"); fi
[[ -z "$(git status --porcelain)" ]] || reasons+=("the work tree has changes that are not committed")
for page in accuracy benchmarks scaling soak; do
  written=$(git log -1 --format=%ct -- "docs/$page.md")
  changed=$(git log -1 --format=%ct -- src kernels Cargo.lock)
  ((written >= changed)) || reasons+=("docs/$page.md is older than the sources: make ${page/benchmarks/bench}")
done

if ((${#reasons[@]})); then
  printf 'release-check: %s\n' "${reasons[@]}" >&2
  exit 1
fi
echo "release-check: $version can be released"
