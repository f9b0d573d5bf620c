#!/bin/bash
# Builds nnc, installing what is missing, and trains iris: examples/out holds the weights and the network as C.
set -e
cd "$(dirname "$0")/.."
bash cmake/packages.sh
cmake -S . -B build -G Ninja >build.log 2>&1 || { tail -30 build.log; exit 1; }
ninja -C build nnc >>build.log 2>&1 || { tail -30 build.log; exit 1; }
mkdir -p examples/out
cd examples/out
../../build/nnc ../iris.nn --train ../data/iris.csv -o iris.c -o iris.h -o iris.safetensors
ls -l iris.c iris.h iris.safetensors
