#!/bin/sh
# Called when a run has failed: with its id, and the run as JSON on standard input.
# Put mail, curl or your chat client here; this one keeps a list.
set -eu
cat >"$CRONICLE_SCRATCH/run.json" # whoever hands it over waits until it is read
echo "$CRONICLE_WORKFLOW${CRONICLE_INSTANCE:+[$CRONICLE_INSTANCE]} $CRONICLE_DATE failed: cronicle show $1" >>"$CRONICLE_DATA/problems.txt"
