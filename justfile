# Thin names for the commands that CONTRIBUTING.md and docs/develop explain; `just --list` shows them.

# What CI runs.
check:
    .ci/run

# The tests alone.
test:
    cargo test --workspace

# Licences and advisories of the dependencies (needs cargo-deny and its database).
deny:
    cargo deny check

# The 100 operations, raw SQLite against the engines.
compare *ARGS:
    cargo build --release
    target/release/bench-harness compare {{ARGS}}

# Every figure beside its bar, and the charts.
suite *ARGS:
    cargo build --release
    target/release/bench-harness suite {{ARGS}}

# Everything anew into docs/benchmarks, with the page, the table of figures and the chart of peers.
report *ARGS:
    .ci/report {{ARGS}}

# Recorded workflows through workflow-queue.
replay *ARGS:
    cargo build --release
    target/release/bench-harness replay {{ARGS}}

# The single operations of both libraries.
bench *ARGS:
    cargo bench -p bench-harness -- {{ARGS}}

# A million inputs on everything that reads what others wrote.
fuzz *ARGS:
    cargo run -p queue-fuzz -- {{ARGS}}

# The soaks at full length.
soak:
    SOAK=long cargo test --release -p fast-queue -p workflow-queue -p bench-harness --test soak -- --nocapture

# Tries to break every promise, in some minutes, and writes the scorecard.
prove:
    cargo build --release --workspace
    target/release/prove cuts --seconds 60 -o json > target/proof.jsonl
    target/release/prove errors --seconds 60 -o json >> target/proof.jsonl
    target/release/prove sim --seconds 60 -o json >> target/proof.jsonl
    target/release/prove kills --count 5000 --recoveries 200 -o json >> target/proof.jsonl
    target/release/prove syscalls --stride 6 -o json >> target/proof.jsonl
    target/release/prove zombies --count 50 -o json >> target/proof.jsonl
    target/release/prove clock -o json >> target/proof.jsonl
    target/release/prove backup --count 300 -o json >> target/proof.jsonl
    target/release/prove children -o json >> target/proof.jsonl
    target/release/prove full -o json >> target/proof.jsonl
    target/release/prove environment -o json >> target/proof.jsonl
    target/release/prove identity -o json >> target/proof.jsonl
    target/release/prove schedules -o json >> target/proof.jsonl
    target/release/prove shortage -o json >> target/proof.jsonl
    target/release/prove files --stride 6 -o json >> target/proof.jsonl
    target/release/prove scorecard target/proof.jsonl

# The same at full length, and every planted fault.
prove-long:
    cargo build --release --workspace
    target/release/prove cuts --images 1000000 -o json > target/proof.jsonl
    target/release/prove errors --injections 50000 -o json >> target/proof.jsonl
    target/release/prove sim --hours 5000 -o json >> target/proof.jsonl
    target/release/prove kills --count 20000 --recoveries 300 -o json >> target/proof.jsonl
    target/release/prove syscalls -o json >> target/proof.jsonl
    target/release/prove zombies --count 100 -o json >> target/proof.jsonl
    target/release/prove clock --rounds 5 -o json >> target/proof.jsonl
    target/release/prove backup --count 3000 -o json >> target/proof.jsonl
    target/release/prove children -o json >> target/proof.jsonl
    target/release/prove full -o json >> target/proof.jsonl
    target/release/prove environment --count 10000 -o json >> target/proof.jsonl
    target/release/prove identity --count 100 -o json >> target/proof.jsonl
    target/release/prove schedules --kills 500 -o json >> target/proof.jsonl
    target/release/prove shortage --seconds 10 -o json >> target/proof.jsonl
    target/release/prove shortage --seconds 30 -o json >> target/proof.jsonl
    target/release/prove shortage --seconds 300 -o json >> target/proof.jsonl
    target/release/prove files --count 25 -o json >> target/proof.jsonl
    target/release/prove fuzz -o json >> target/proof.jsonl
    target/release/prove planted -o json >> target/proof.jsonl
    target/release/prove scorecard target/proof.jsonl
