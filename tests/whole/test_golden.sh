#!/bin/bash
# What each --emit makes of small models, against texts that are kept: a change of any of them is to be looked at. `test_golden.sh --update` writes them anew.
cd "${NNC_SOURCE_DIR:-.}/tests/whole/golden" || exit 1
status=0
for text in tiny.ast tiny.model tiny.formulas tiny.gradient tiny.fused tiny.json line.formulas line.loops; do
  if ! made=$("$NNC" "${text%.*}.nn" --emit="${text##*.}"); then
    echo "--emit of $text failed"
    status=1
  elif [ "${1:-}" = --update ]; then
    printf '%s\n' "$made" >"$text"
  elif ! diff <(printf '%s\n' "$made") "$text"; then
    echo "that is not what $text holds"
    status=1
  fi
done
for kind in ast model formulas gradient fused loops json; do        # of more than fits into the first block of memory
  if ! "$NNC" ../../../examples/lenet5.nn --emit=$kind >/dev/null; then
    echo "--emit=$kind of lenet5 failed"
    status=1
  fi
done
exit $status
