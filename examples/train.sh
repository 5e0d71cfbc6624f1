#!/usr/bin/env bash
# A training job that starts only with clearance: WORKSPACE LINEAGE SNAPSHOT.
# `check` exits with 0 and writes a signed statement, or with 3 and says why not.
set -euo pipefail
workspace=$1 lineage=$2 snapshot=$3
job=$(mktemp -d)

tailguard check -w "$workspace" --lineage "$lineage" --snapshot "$snapshot" --out "$job/clearance.json" || exit $?
tailguard rebuild -w "$workspace" "$snapshot" --out "$job/training.jsonl"

# From here on nothing needs the workspace: this may run on another machine, with the team's public key.
tailguard key -w "$workspace" > "$job/team.pub"
tailguard verify "$job/clearance.json" --key "$job/team.pub" --training "$job/training.jsonl"
export TAILGUARD_CLEARANCE=$job/clearance.json TAILGUARD_PUBLIC_KEY=$job/team.pub
mkdir -p "$job/weights"
python "$(dirname "$0")/unigram_trainer.py" train "$job/training.jsonl" "$job/weights"
echo "weights in $job/weights"
