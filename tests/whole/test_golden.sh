#!/bin/bash
# What each --emit makes of a small model, against texts that are kept: a change of any of them is to be looked at. `test_golden.sh --update` writes them anew.
cd "${NNC_SOURCE_DIR:-.}/tests/whole/golden" || exit 1
status=0
for kind in ast model formulas gradient fused loops json; do
  if ! made=$("$NNC" tiny.nn --emit=$kind); then
    echo "--emit=$kind failed"
    status=1
  elif [ "${1:-}" = --update ]; then
    printf '%s\n' "$made" >tiny.$kind
  elif ! diff <(printf '%s\n' "$made") tiny.$kind; then
    echo "--emit=$kind is not what tiny.$kind holds"
    status=1
  fi
done
exit $status
