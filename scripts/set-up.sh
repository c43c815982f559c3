#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Install what this machine lacks and make .venv. Idempotent; without work to do it takes a second.
#
# usage: scripts/set-up.sh demo|test|servers
#
# demo: what building and running needs. test: also what the tests and linters need. servers: what
# the builds of sample_projects/servers need.
# PYTHON names the interpreter (default: python3). Exit status 0: all is there.
set -eu

kind=${1:?"usage: scripts/set-up.sh demo|test|servers"}
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."
log=.cache/set-up.log
mkdir -p .cache

packages="gcc libc6-dev make"
extras=
case $kind in
demo) packages="$packages qemu-system-x86 gcc-12 libelf1" ;;
test)
	packages="$packages clang shellcheck csmith libcsmith-dev valgrind perl xz-utils"
	packages="$packages qemu-system-x86 gcc-12 libelf1 libpcre2-dev tcl"
	packages="$packages libtool-bin ccache distcc cmake meson ninja-build autoconf automake libtool"
	packages="$packages chromium chromium-driver"
	extras="[test]"
	;;
servers)
	packages="$packages qemu-system-x86 gcc-12 libelf1 bison flex libevent-dev libssl-dev libexpat1-dev"
	;;
*)
	echo "set-up: no such kind: $kind (demo, test or servers)" >&2
	exit 2
	;;
esac

say() {
	echo "set-up: $*"
}

fail() {
	echo "set-up: error: $1" >&2
	shift
	for line in "$@"; do
		echo "  $line" >&2
	done
	exit 1
}

# Run a command with its output in the log; show the log's end only if it fails.
quietly() {
	if ! "$@" >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		fail "this failed: $*" "the whole output is in $log"
	fi
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Of the named Debian packages, those that are not installed.
missing_packages() {
	for package in "$@"; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || printf '%s ' "$package"
	done
}

install_packages() {
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || fail "Debian packages are missing, and sudo too: $*" \
			"as root: apt-get install $*"
		# Ask for the password here, where it is seen, and not into the log.
		sudo -n true 2>/dev/null || sudo -v || fail "sudo was refused" \
			"as root: apt-get install $*"
	fi
	say "installing Debian packages: $*"
	quietly as_root apt-get -q update
	quietly as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "$@"
}

# On Debian and its kin each package is looked up; elsewhere the commands that they bring.
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
	# shellcheck disable=SC2086 # a list of words
	wanted=$(missing_packages $packages)
	command -v "$python" >/dev/null || wanted="$wanted python3 python3-venv"
	# shellcheck disable=SC2086
	[ -z "$wanted" ] || install_packages $wanted
	debian=yes
else
	needed="gcc make"
	[ -z "$extras" ] || needed="$needed clang shellcheck csmith valgrind perl xz ccache distccd \
		cmake meson ninja autoreconf libtool"
	for command in $needed; do
		command -v "$command" >/dev/null || fail "\`$command\` is missing" \
			"this is no Debian: install it by your system's means, and run this again"
	done
	debian=
fi

command -v "$python" >/dev/null || fail "there is no \`$python\`" \
	"install Python 3.10 or later, or say which: make PYTHON=/path/to/python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
	fail "\`$python\` is Python $version; LakePlacid needs 3.10 or later" \
		"install a later one, or say where it is: make PYTHON=/path/to/python3"

# Debian's python3 comes without what a venv needs.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
	[ -z "$debian" ] || install_packages "python$version-venv"
	"$python" -c 'import ensurepip, venv' 2>/dev/null ||
		fail "\`$python\` cannot make virtual environments (ensurepip or venv is missing)" \
			"install them, or say another Python: make PYTHON=/path/to/python3"
fi

if ! .venv/bin/python -c '' 2>/dev/null; then
	say "making .venv with Python $version"
	rm -rf .venv
	quietly "$python" -m venv .venv
fi

# Installed again when what decides on it has changed, or the checkout has moved.
state=$( (pwd && cat setup.cfg setup.py pyproject.toml tests/constraints.txt scripts/*) | cksum)
stamp=.venv/.set-up-$kind
if [ "$(cat "$stamp" 2>/dev/null)" != "$state" ]; then
	say "installing LakePlacid and the Python packages that it needs into .venv"
	quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/constraints.txt --editable ".$extras"
	echo "$state" >"$stamp"
fi
say "ready"
