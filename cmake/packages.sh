# Installs what building needs (and, with the argument `tests`, what the tests need) where it is missing. Sourced or run; Debian 12 or 13.
packages="gcc g++ cmake ninja-build pkg-config flex bison zlib1g-dev libjansson-dev libmd-dev libcmocka-dev ca-certificates"
llvm=""
for version in 19 20 21; do
  [ -x "/usr/lib/llvm-$version/bin/llvm-config" ] && { llvm=$version; break; }
done
llvm=${llvm:-19}
packages="$packages llvm-$llvm-dev"
if [ "${1:-}" = tests ]; then
  packages="$packages clang-$llvm libclang-rt-$llvm-dev qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-none-eabi libnewlib-arm-none-eabi"
  packages="$packages python3 python3-numpy python3-torch"
fi
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  echo "installing:$missing" >&2
  $as_root apt-get update -qq >&2 || { echo "apt-get update failed" >&2; exit 1; }
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >&2 || { echo "apt-get install failed" >&2; exit 1; }
fi
