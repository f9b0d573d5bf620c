#!/bin/bash
# Builds nnc with gcc, with clang, and with clang's address and undefined-behaviour sanitizers, warnings as errors, and runs the tests of each.
# One line at the end sums up: `N passed, N failed`. Usage: tests/run.sh [gcc|clang|sanitize]...   (default: all three)
set -u
cd "$(dirname "$0")/.." || exit 1
bash cmake/packages.sh tests || exit 1
clang=$(ls /usr/bin/clang-[0-9]* 2>/dev/null | grep -E 'clang-(19|2[0-9])$' | sort -V | head -1)
jobs=$(nproc)
passed=0
failed=0

# build_and_test NAME cmake-options...
build_and_test() {
  local name=$1 folder=build-$1 log
  shift
  echo "== $name"
  if ! { cmake -S . -B "$folder" -G Ninja "$@" >"$folder.log" 2>&1 && ninja -C "$folder" -j "$jobs" >>"$folder.log" 2>&1; }; then
    tail -40 "$folder.log"
    echo "$name: the build failed"
    failed=$((failed + 1))
    return
  fi
  log=$(ctest --test-dir "$folder" -j "$jobs" --timeout 900 --output-on-failure 2>&1)
  echo "$log" | tail -200
  local total bad
  total=$(echo "$log" | sed -n 's/.* tests failed out of \([0-9]*\).*/\1/p' | tail -1)
  bad=$(echo "$log" | sed -n 's/.*, \([0-9]*\) tests failed out of.*/\1/p' | tail -1)
  [ -n "$total" ] || { total=0; bad=1; }
  passed=$((passed + total - bad))
  failed=$((failed + bad))
}

for what in "${@:-all}"; do
  case $what in
    gcc | all) build_and_test gcc -DCMAKE_C_COMPILER=gcc ;;&
    clang | all) build_and_test clang -DCMAKE_C_COMPILER="$clang" ;;&
    sanitize | all) build_and_test sanitize -DCMAKE_C_COMPILER="$clang" -DNNC_SANITIZE=ON ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
