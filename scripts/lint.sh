#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# All linters, over all that is ours: Python, C, shell. Goes on after a finding, so that one run
# shows all; exit status 1 if there was any.
#
# usage: scripts/lint.sh (after scripts/set-up.sh test)
set -u

cd "$(dirname "$0")/.." || exit
bin=.venv/bin
findings=0

# Run a linter over something, and say what ran.
lint() {
	echo "lint: $1"
	shift
	"$@" || findings=1
}

# Files of ours by name; not what tests take as input, nor what other tools made or fetched.
files() {
	find c_runtime kernel sample_projects tests scripts \
		\( -name cases -o -name '.*' -o -name build \) -prune -o \
		-type f \( "$@" \) -print | LC_ALL=C sort
}

# Name the C files that clang-format would change. Headers of assembler macros are none of its.
# shellcheck disable=SC2317 # called by way of lint()
formatted() {
	status=0
	for file in $(files -name '*.c' -o -name '*.h'); do
		if ! grep -q '^\.macro' "$file" &&
			! "$bin/clang-format" --dry-run -Werror "$file" 2>/dev/null; then
			echo "$file: not formatted: run $bin/clang-format -i $file"
			status=1
		fi
	done
	return "$status"
}

# Each C file of the runtime by itself, with both compilers, against a rendered header of a
# program's parameters.
# shellcheck disable=SC2317 # called by way of lint()
compile() {
	rendered=$(mktemp -d) || return 1
	# shellcheck disable=SC2064 # this folder, whatever the name means later
	trap "rm -rf '$rendered'" EXIT
	"$bin/python" - "$rendered" <<-'END' || return 1
		import sys
		from pathlib import Path
		from lp_build.config import Config
		from lp_build.compile.runtime_sources import render_runtime
		render_runtime(Config(request="f", mode="queue"), Path(sys.argv[1]), stress=True)
	END
	for compiler in gcc clang; do
		for file in $(find c_runtime -name '*.c' | LC_ALL=C sort); do
			"$compiler" -std=gnu11 -O2 -fno-pic -D_GNU_SOURCE -Wall -Wextra -Werror \
				-Ic_runtime -Ikernel/uapi "-I$rendered" \
				-c "$file" -o /dev/null || return 1
		done
	done
}

lint "ruff" "$bin/ruff" check --quiet .
lint "mypy" "$bin/mypy" --no-error-summary
lint "clang-format" formatted
# shellcheck disable=SC2046 # names without blanks
lint "shellcheck" shellcheck $(grep -lE '^#!.*\bsh$' scripts/* .ci/run $(files -name '*.sh'))
lint "warnings of gcc and clang" compile
exit "$findings"
