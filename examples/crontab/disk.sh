#!/bin/sh
# disk.sh FOLDER PERCENT: fails if the disk of the folder is fuller than that.
set -eu
cd "$CRONICLE_DATA"
used=$(df -P -- "$1" | awk 'NR == 2 { sub("%", "", $5); print $5 }')
echo "used=$used" >>"$CRONICLE_OUTPUT"
echo "the disk of $1 is $used % full"
[ "$used" -le "$2" ] || {
  echo "more than $2 %: make room" >&2
  exit 1
}
