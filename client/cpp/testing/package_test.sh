#!/bin/sh
# Installs the client package, builds the examples against it outside the tree, and runs one.
# usage: package_test.sh CMAKE BUILD_DIR CXX FAKE_EXECUTABLE
set -eu
cmake=$1 build=$2 cxx=$3 fake=$4
source=$(cd "$(dirname "$0")/../example" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$cmake" --install "$build" --component client --prefix "$folder/prefix" >/dev/null
"$cmake" -S "$source" -B "$folder/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$folder/prefix" >"$folder/log" || { cat "$folder/log"; exit 1; }
"$cmake" --build "$folder/build" >"$folder/log" || { cat "$folder/log"; exit 1; }

"$folder/prefix/bin/linalgc" --version
# The example gets as far as the weights, which the library lacks.
if "$folder/build/linalgd-run" "$fake" "$folder/y.npy" 2>"$folder/log"; then
  exit 1
fi
grep -q "takes 1 inputs" "$folder/log"
# Nobody there: the client links and says so.
if "$folder/build/linalgd-compile-and-run" nonsense a b 2>"$folder/log"; then
  exit 1
fi
grep -q "HOST:PORT" "$folder/log"
