#!/usr/bin/env bash
# Packages of the Python binding, for this machine or for a board.
#
#   package.sh sdist          OUTDIR   tism-VERSION.tar.gz, with tism.c
#   package.sh wheel [TARGET] OUTDIR   tism-VERSION-cp311-abi3-linux_CPU.whl, for Python 3.11 and later
#   package.sh deb   [TARGET] OUTDIR   python3-tism_VERSION_TARGET.deb, for Debian 12 and later
#   package.sh check  TARGET  OUTDIR   publishes and reads with OUTDIR's wheel and package, under qemu-user if need be
#
# TARGET is Debian's name of the architecture: amd64, arm64, armhf (ARMv7, not the ARMv6 of Pi Zero and
# Pi 1); default: this machine's. Prints the files it made. The same sources give the same bytes: files get
# the time SOURCE_DATE_EPOCH, by default that of the last commit. Needs /usr/bin/python3 of Debian 12 with
# python3-dev, python3-setuptools and python3-wheel; for another target Debian's cross compiler; for check
# of one qemu-user-static. What it takes from the target's packages (Python's headers and build settings;
# for check Python) it fetches with an apt of its own in $TISM_CACHE (default ~/.cache/tism/python) and
# unpacks there: it installs nothing and needs no root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
unset PYTHONHOME PYTHONPATH
umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || stat -c %Y "$here/setup.cfg")}
export SOURCE_DATE_EPOCH
cache=${TISM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tism/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "package.sh: $*" >&2; exit 1; }

usage() { sed -n '3,7s/^# \{0,3\}//p' "$0" >&2; exit 2; }

native() { dpkg --print-architecture; }

# describe TARGET: sets cpu, triplet and emulator.
describe() {
  case $1 in
    amd64) cpu=x86_64 triplet=x86_64-linux-gnu emulator=qemu-x86_64-static ;;
    arm64) cpu=aarch64 triplet=aarch64-linux-gnu emulator=qemu-aarch64-static ;;
    armhf) cpu=armv7l triplet=arm-linux-gnueabihf emulator=qemu-arm-static ;;
    *) fail "no target $1: amd64, arm64 or armhf" ;;
  esac
}

# fetch TARGET PACKAGE...: downloads into the current directory. This machine's apt may not know the target.
fetch() {
  local target=$1 state=$cache/apt-$1
  shift
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  touch "$state/status"
  local apt=(apt-get -q -o "APT::Architecture=$target" -o "APT::Architectures=$target" -o "Dir::State=$state"
    -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache" -o Debug::NoLocking=true
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
  # An index may be out of order for a while, such as one that names files which are gone. What the
  # release itself had does as well, for building and for trying.
  "${apt[@]}" update >&2 || echo "package.sh: trying what apt knows" >&2
  "${apt[@]}" download "$@" >&2 || "${apt[@]}" download "${@/%//$(. /etc/os-release && echo "$VERSION_CODENAME")}" >&2
}

# unpacked TARGET NAME PACKAGE...: the packages' files in a directory of the cache, whose name it prints.
unpacked() {
  local target=$1 root=$cache/$1-$2 tmp
  shift 2
  if [ ! -d "$root" ]; then
    mkdir -p "$cache" "$work/debs"
    (cd "$work/debs" && fetch "$target" "$@") || fail "apt cannot fetch $* for $target"
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    chmod 755 "$tmp"
    for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$tmp"; done
    rm -r "$work/debs"
    mv -T "$tmp" "$root" 2>/dev/null || rm -r "$tmp" # another run was first
  fi
  echo "$root"
}

# The sources, because setuptools builds in them.
copy_sources() {
  mkdir -p "$work/src"
  (cd "$here" && tar -c --exclude=build --exclude=dist --exclude='*.egg-info' --exclude=__pycache__ .) | tar -x -C "$work/src"
  mkdir -p "$work/src/csrc"
  [ -e "$here/csrc/tism.c" ] || cp "$here/../c/tism.c" "$here/../c/tism.h" "$work/src/csrc"
  [ -e "$work/src/LICENSE" ] || cp "$here/../../LICENSE" "$work/src"
}

setup() { (cd "$work/src" && "$python" setup.py -q "$@" >"$work/log" 2>&1) || { cat "$work/log" >&2; fail "setup.py $1"; }; }

sdist() {
  copy_sources
  setup sdist --formats=tar -d "$work/out"
  # Again, without what differs from one time and user to the next.
  tar -x -C "$work/out" -f "$work"/out/*.tar
  rm "$work"/out/*.tar
  local name
  name=$(basename "$work"/out/*)
  tar -c -C "$work/out" --sort=name --format=ustar --owner=root:0 --group=root:0 --mtime="@$SOURCE_DATE_EPOCH" "$name" |
    gzip -n9 >"$work/$name.tar.gz"
  deliver "$1" "$work/$name.tar.gz"
}

# build TARGET: leaves the wheel in $work/out.
build() {
  describe "$1"
  copy_sources
  if [ "$1" != "$(native)" ]; then
    command -v "$triplet-gcc" >/dev/null || fail "needs the cross compiler: apt-get install gcc-$triplet libc6-dev-$1-cross"
    local version target
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    target=$(unpacked "$1" "$version-dev" "lib$version-dev" "lib$version-minimal")
    # The target's compiler, flags and directories: its Python's own settings, and nothing else of its Python.
    mkdir "$work/settings"
    cp "$target/usr/lib/$version/_sysconfigdata__$triplet.py" "$work/settings"
    export _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__$triplet PYTHONPATH=$work/settings _PYTHON_HOST_PLATFORM=linux-$cpu
    export CFLAGS="${CFLAGS:-} -I$target/usr/include" # where pyconfig.h of the target is
  fi
  export CFLAGS="${CFLAGS:-} -O2 -ffile-prefix-map=$work/src=."
  export LDFLAGS="${LDFLAGS:-} -Wl,-z,relro,-z,now -s"
  setup bdist_wheel --plat-name "linux_$cpu" -d "$work/out"
  set -- "$work"/out/*.whl
  [[ $1 == *-cp311-abi3-* ]] || fail "Python 3.11 or later is needed for a wheel that serves others: $1"
}

wheel() {
  build "$1"
  deliver "$2" "$work"/out/*.whl
}

deb() {
  build "$1"
  local version root=$work/root files libc
  version=$(sed -n 's/^version = //p' "$here/setup.cfg")
  files=$root/usr/lib/python3/dist-packages
  mkdir -p "$files" "$root/DEBIAN" "$root/usr/share/doc/python3-tism"
  "$python" -m zipfile -e "$work"/out/*.whl "$files"
  find "$root" -type f -exec chmod 644 {} + ; find "$root" -type d -exec chmod 755 {} +
  install -m 644 "$work/src/LICENSE" "$root/usr/share/doc/python3-tism/copyright"
  install -m 644 "$here/README.md" "$root/usr/share/doc/python3-tism/README.md"
  cp -r "$here/examples" "$root/usr/share/doc/python3-tism/"
  rm -rf "$root/usr/share/doc/python3-tism/examples/__pycache__"
  libc=$(grep -aoE 'GLIBC_2\.[0-9]+' "$files"/tism/_tism.abi3.so | sort -t. -k2,2n | tail -n 1)
  cat >"$root/DEBIAN/control" <<END
Package: python3-tism
Version: $version
Architecture: $1
Maintainer: the tism authors <tism@localhost>
Section: python
Priority: optional
Depends: python3 (>= 3.11), libc6 (>= ${libc#GLIBC_})
Suggests: python3-numpy
Description: newest value of a type, through shared memory
 Topics that Python, Go, C and Rust programs join: one publisher, any number
 of consumers, no daemon. TISM 2.1's programs run unchanged.
END
  cat >"$root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ] && command -v py3compile >/dev/null; then py3compile -p python3-tism; fi
END
  cat >"$root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if command -v py3clean >/dev/null; then py3clean -p python3-tism; fi
END
  [ "$1" != armhf ] || cat >"$root/DEBIAN/preinst" <<'END'
#!/bin/sh
set -e
case $(uname -m) in
  armv6*) echo "python3-tism: these are ARMv7 instructions, and this machine has ARMv6: build the package on it" >&2; exit 1 ;;
esac
END
  find "$root/DEBIAN" -name 'p*' -exec chmod 755 {} +
  find "$root" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group --build "$root" "$work/python3-tism_${version}_$1.deb" >/dev/null
  deliver "$2" "$work/python3-tism_${version}_$1.deb"
}

# check TARGET OUTDIR: a publisher, a consumer and a kill, in the target's own Python.
check() {
  describe "$1"
  local run=("$python") root site tried=0
  set -- "$1" "$2"/tism-*-linux_"$cpu".whl "$2"/python3-tism_*_"$1".deb
  if [ "$1" != "$(native)" ]; then
    command -v "$emulator" >/dev/null || fail "needs $emulator: apt-get install qemu-user-static"
    root=$(unpacked "$1" python python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 zlib1g libexpat1 libffi8)
    run=("$emulator" -L "$root" -E "PYTHONHOME=$root/usr" "$root/usr/bin/python3.11")
  fi
  for file in "${@:2}"; do
    [ -e "$file" ] || continue
    site=$work/$(basename "$file")
    case $file in
      *.whl) "$python" -m zipfile -e "$file" "$site" ;;
      *.deb) dpkg-deb -x "$file" "$site" && site+=/usr/lib/python3/dist-packages ;;
    esac
    mkdir -p "$work/topics"
    TISM_DIR=$work/topics PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1 "${run[@]}" "$here/tests/smoke.py"
    tried=$((tried + 1))
  done
  [ $tried -gt 0 ] || fail "nothing for $1: package.sh wheel $1 OUTDIR first"
}

# deliver OUTDIR FILE...
deliver() {
  local out=$1
  shift
  mkdir -p "$out"
  cp "$@" "$out"
  for f in "$@"; do echo "$out/$(basename "$f")"; done
}

[ $# -ge 2 ] || usage
[ -x "$python" ] || fail "needs $python"
case $1,$# in
  sdist,2) sdist "$2" ;;
  wheel,2 | deb,2) "$1" "$(native)" "$2" ;;
  wheel,3 | deb,3 | check,3) "$@" ;;
  *) usage ;;
esac
