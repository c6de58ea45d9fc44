#!/usr/bin/env bash
# Types what the recording of the front page shows. PACE is the seconds a key takes; with 0 nothing
# waits but for the tasks. docs/recording/README.md says how it is recorded.
set -euo pipefail
pace=${PACE:-0.022}
folder=$(mktemp -d)
trap 'kill -9 "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
export WORKFLOW_QUEUE_DB=tasks.db

pause() {
    [ "$pace" = 0 ] || sleep "$1"
}

# Types a command as a person would, and runs it.
run() {
    local line=$1 index
    printf '\e[32m$\e[0m \e[1m'
    pause 0.25
    for ((index = 0; index < ${#line}; index++)); do
        printf '%s' "${line:index:1}"
        pause "$pace"
    done
    pause 0.2
    printf '\e[0m\n'
    eval "$line"
}

cat >release.jsonl <<'LINES'
{"name": "fetch", "command": "echo fetched"}
{"name": "build", "command": "sleep 4; echo built", "after": ["fetch"]}
{"name": "publish", "command": "echo published", "after": ["build"]}
LINES

run 'cat release.jsonl'
run 'pid=$(workflow-queue worker --background)'
run 'workflow-queue enqueue --stdin < release.jsonl'
until workflow-queue tree 1 | grep -q 'build.*running'; do
    sleep 0.05
done
run 'kill -9 $pid'
run 'workflow-queue tree 1'
run 'workflow-queue worker --drain'
run 'workflow-queue tree 1'
pause 0.5
