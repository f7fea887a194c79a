#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh: all acceptance points, or POINT=name. Each prints `name: figure (goal) ok|short`; exit 1 if one is short.
set -uo pipefail
here=$(dirname "$0")
short=0
for script in "$here"/*.sh; do
  name=$(basename "$script" .sh)
  case "$name" in run | *.inc) continue ;; esac
  [ -z "${POINT:-}" ] || [ "$POINT" = "$name" ] || continue
  found=1
  if ! timeout 900 bash "$script"; then
    short=1
    echo "$name: see above (exit 0) short"
  fi
done
[ -n "${found:-}" ] || { echo "no acceptance point is called '$POINT'" >&2; exit 2; }
exit "$short"
