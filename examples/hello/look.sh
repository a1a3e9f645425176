#!/bin/sh
# Count the files of the revision that the run uses: a task works in a fresh copy of exactly these.
# What a task has found out for others it writes to $CRONICLE_OUTPUT, as name=value.
set -eu
files=$(find . -type f | wc -l)
echo "I see $((files)) files of revision $CRONICLE_REVISION"
echo "files=$((files))" >>"$CRONICLE_OUTPUT"
