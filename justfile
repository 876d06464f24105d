# What people do often. `pip install rust-just` brings `just`; each recipe runs a command that also works without it.

# The recipes.
default:
    @just --list --unsorted

# All that must hold before a change lands.
ci:
    .ci/run

# The tests.
test:
    cargo test --workspace

# What those leave out: what needs a `nats-server`, fuzzing, unit tests in Wasmtime, the compiler's messages.
test-rest:
    cargo test-rest

# Every failure there is, and what a client gets to see; `--all` for all examples.
demo *arguments:
    cargo demo {{ arguments }}

# Format Rust and TOML.
fmt:
    scripts/fmt

# Spelling, TOML, scripts, workflows, licences, titles of commits.
lint:
    scripts/lint

# The lints of Rust, for this machine and for components.
clippy:
    scripts/clippy

# The reference, as docs.rs has it.
doc:
    scripts/doc

# The book, with its links checked.
book:
    scripts/book

# The book in headless Chromium: script errors, contrast, search; with screenshots.
page-check:
    scripts/page-check

# What each policy costs: `policies`; what a call costs by where its other end is: `lattice`.
bench name="policies":
    cargo bench --bench {{ name }}

# 10,000 messages through a component, while a NATS server is killed and started again 20 times.
messages:
    STEADFAST_MESSAGES=10000 cargo test -p steadfast-host --test nats every_confirmed_message -- --nocapture

# The public API against api/; `--bless` writes it anew.
api *arguments:
    scripts/api {{ arguments }}

# The schema and the tables in the docs, from the tables of settings.
generate:
    UPDATE_GENERATED=1 cargo test --package steadfast-settings --test generated

# Whether the version says what changed since the last release.
semver:
    scripts/semver

# Write CHANGELOG.md.
changelog:
    scripts/changelog

# Prepare a release: version, changelog, commit; `--dry-run` only says what it would be.
release *arguments:
    scripts/release {{ arguments }}

# Each crate, packaged and built from its package; `--no-verify` only packages.
publish-dry-run *arguments:
    scripts/publish-dry-run {{ arguments }}

# What README.md and the tutorial say, line by line, in an empty folder.
first-steps *arguments:
    scripts/first-steps {{ arguments }}

# Each example by itself, outside of the workspace.
examples:
    scripts/test-examples

# Components on hosts that others wrote.
hosts:
    scripts/test-hosts

# The examples in Python and JavaScript, on the host of this repository.
languages:
    scripts/test-languages

# The examples and the WIT, pushed to a registry on this machine, pulled and served.
registry:
    scripts/test-registry

# The classics of scenarios/ with 200 seeds each, in release: the naive version fails for all, the right one for none.
classics *arguments:
    scripts/classics {{ arguments }}

# A store of a shared breaker that is slow, gone and hanging, with 1,000 seeds: no request is lost, and the breaker closes.
store-fails seeds="1000":
    scripts/classics {{ seeds }} store-fails

# http-hello and postgres in weather by chance, in release, for ten million calls, or so many.
random-weather *arguments:
    scripts/random-weather {{ arguments }}

# The pictures of the classics, photographed from their reports.
pictures *arguments:
    scripts/pictures {{ arguments }}

# The set-up of the development container, in a clean Debian.
devcontainer:
    scripts/test-devcontainer
