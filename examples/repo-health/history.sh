#!/bin/sh
# history.sh commits | size: what the data interval of the run holds of the repository's history.
#
# Reads $CRONICLE_REPOSITORY, a bare copy of the repository, and of it what the run's revision knows, so that the same
# run at the same revision always gives the same figures. Commits belong to the interval by the time they were committed.
set -eu

if ! command -v git >/dev/null; then
  echo "this task reads history with the git program, which is not installed (or not in PATH)" >&2
  exit 1
fi
export GIT_DIR="$CRONICLE_REPOSITORY"

# Git knows whole seconds and takes both ends in, so the end of [start, end) is a second less.
start=$(git rev-parse --since="$CRONICLE_INTERVAL_START")
start=${start#--max-age=}
end=$(git rev-parse --until="$CRONICLE_INTERVAL_END")
end=$((${end#--min-age=} - 1))

case "$1" in
commits)
  git log --no-merges --max-age="$start" --min-age="$end" --numstat -M --format='commit%x09%H%x09%ae' \
    "$CRONICLE_REVISION" >"$CRONICLE_SCRATCH/log" # no pipe: the shell would not see git fail
  awk -F '\t' -v OFS='\t' '
    function flush() { if (id) print id, author, added + 0, deleted + 0 }
    $1 == "commit" { flush(); id = $2; author = $3; added = deleted = 0; next }
    NF == 3 { added += $1; deleted += $2 } # of a binary file: "-", which counts as 0
    END { flush() }
  ' "$CRONICLE_SCRATCH/log"
  ;;
size)
  commit=$(git rev-list --max-count=1 --min-age="$end" "$CRONICLE_REVISION")
  if [ -n "$commit" ]; then git ls-tree -r -l "$commit"; fi >"$CRONICLE_SCRATCH/tree"
  awk '
    $2 == "blob" { files++; bytes += $4 }
    END { printf "files=%d\nbytes=%.0f\n", files, bytes }
  ' "$CRONICLE_SCRATCH/tree" >>"$CRONICLE_OUTPUT"
  ;;
*)
  echo "usage: history.sh commits|size" >&2
  exit 64
  ;;
esac
