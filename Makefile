# SPDX-License-Identifier: GPL-2.0-only
# The ways to run things in a checkout; `make help` lists them. Each does its own set-up: Debian
# packages that are missing (root or sudo), then .venv.

PYTHON ?= python3
N ?= 2000
JOBS ?= 2
MINUTES ?= 60
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

export PYTHON

.PHONY: help demo test lint test-long alloc-bench bench csmith corpus oracle memcached memcached-kernel \
	memcached-kernel-suite nginx nginx-kernel redis redis-jemalloc redis-kernel redis-kernel-suite \
	programs programs-kernel servers servers-kernel driver manual set-up-demo set-up-test set-up-servers clean

help:
	@echo "make demo         a small server, its hot path as Elite code, in one process and in a guest's kernel"
	@echo "make test         lint, types, and all tests but the long ones, JOBS=$(JOBS) at once: the quick half first"
	@echo "make lint         linters only"
	@echo "make test-long    the long tests"
	@echo "make bench        the figures of the reference, measured here"
	@echo "make alloc-bench  the heap against libc's"
	@echo "make csmith N=$(N)  differential tests with N random programs"
	@echo "make corpus MINUTES=$(MINUTES)  the C of 200 source packages, all of it Elite in both forms; goes on where it ended"
	@echo "make oracle       the table of instructions against a decoder, over memcached, redis and nginx"
	@echo "make memcached    fetch memcached, specialise it, and run its own tests"
	@echo "make nginx        the same for nginx, with a suite over the protocol"
	@echo "make redis        the same for redis, with its own tests"
	@echo "make redis-jemalloc  redis's own tests once more, with the heap that it brings"
	@echo "make memcached-kernel  some of its tests with Elite in the kernel of a guest"
	@echo "make nginx-kernel  the suite with Elite in the kernel of a guest"
	@echo "make redis-kernel  some of its tests with Elite in the kernel of a guest"
	@echo "make memcached-kernel-suite  all of them there, for hours"
	@echo "make redis-kernel-suite  all of them there, for hours"
	@echo "make programs     zlib and Lua with deopts forced at every site"
	@echo "make programs-kernel  both with Elite in the kernel of a guest"
	@echo "make servers      seven servers that nobody tuned for, as a newcomer would take them"
	@echo "make servers-kernel  the same, and with Elite in the kernel of a guest"
	@echo "make driver       the driver in guests, for half an hour: a million random calls, storms, cycles"
	@echo "make manual       manual pages, completion and reference, from the commands' definitions"
	@echo "make clean        remove what these left, but not .venv"

demo: set-up-demo
	@$(BIN)/lp demo --kernel auto

test: set-up-test
	@echo "test: linters and unit tests take three minutes, what builds servers and boots kernels"
	@echo "test: less than half an hour more (of two processors; $(JOBS) tests at once)"
	@scripts/lint.sh
	@echo "test: the quick half"
	@$(PYTEST) -q -n $(JOBS) --durations=20 --half=quick
	@echo "test: the rest"
	@$(PYTEST) -q -n $(JOBS) --durations=20 --half=rest

lint: set-up-test
	@scripts/lint.sh

test-long: set-up-test
	@$(PYTEST) -v -m slow --durations=20

bench: set-up-test
	@$(BIN)/lp bench

alloc-bench: set-up-test
	@$(BIN)/python -m tests.alloc.bench

csmith: set-up-test
	@$(BIN)/python -m tests.differential.campaign $(N)

corpus: set-up-test
	@nice $(BIN)/python -m tests.corpus.campaign --minutes $(MINUTES)

oracle: set-up-test
	@nice $(BIN)/python -m tests.corpus.oracle

memcached: set-up-test
	@$(BIN)/python sample_projects/memcached/recipe.py

memcached-kernel: set-up-test
	@$(BIN)/python sample_projects/memcached/recipe.py kernel

memcached-kernel-suite: set-up-test
	@$(BIN)/python sample_projects/memcached/recipe.py suite kernel-suite

nginx: set-up-test
	@$(BIN)/python sample_projects/nginx/recipe.py

nginx-kernel: set-up-test
	@$(BIN)/python sample_projects/nginx/recipe.py kernel

redis: set-up-test
	@$(BIN)/python sample_projects/redis/recipe.py

redis-jemalloc: set-up-test
	@$(BIN)/python sample_projects/redis/recipe.py process --malloc jemalloc

redis-kernel: set-up-test
	@$(BIN)/python sample_projects/redis/recipe.py kernel

redis-kernel-suite: set-up-test
	@$(BIN)/python sample_projects/redis/recipe.py process kernel-suite

programs: set-up-test
	@$(BIN)/python sample_projects/programs/programs.py

programs-kernel: set-up-test
	@$(BIN)/python sample_projects/programs/programs.py --kernel 6.1

servers: set-up-servers
	@$(BIN)/python sample_projects/servers/recipe.py

servers-kernel: set-up-servers
	@$(BIN)/python sample_projects/servers/recipe.py --kernel 6.1

driver: set-up-test
	@$(PYTEST) -q -s -m campaign tests/kernel/test_driver.py

manual: set-up-test
	@$(BIN)/python scripts/manual.py

set-up-demo:
	@scripts/set-up.sh demo

set-up-test:
	@scripts/set-up.sh test

set-up-servers: set-up-test
	@scripts/set-up.sh servers

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name .venv -prune -o -name __pycache__ -print | xargs rm -rf
