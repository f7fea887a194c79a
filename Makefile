# SPDX-License-Identifier: Apache-2.0
# One word each. `make help` explains; J=2 limits the number of jobs.

BUILD  ?= build
PREFIX ?= /usr/local
J      ?= $(shell nproc)
S      ?= 60

CMAKE := cmake -G Ninja -S . $(if $(MESHD_DEPS),-DMESHD_DEPS=$(abspath $(MESHD_DEPS))/current)
NINJA := ninja -j $(J)
CTEST := ctest --output-on-failure -j $(J)

# Slow process tests (NAME.long.sh, [.long]) wait for test-long.
QUICK := -LE '^long$$'

.DEFAULT_GOAL := all
.PHONY: all deps test test-long demo tidy format floors symbols asan tsan fuzz bench bench-quick accept install clean help

help:  ## these words
	@sed -n 's/^\([a-z -]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

all: deps $(BUILD)/build.ninja  ## the program build/meshd and all unit test programs
	@$(NINJA) -C $(BUILD)

deps:  ## what the host lacks (needs root once)
	@tools/deps

$(BUILD)/build.ninja:
	@$(CMAKE) -B $(BUILD)

build-asan/build.ninja build-tsan/build.ninja build-fuzz/build.ninja: build-%/build.ninja:
	@$(CMAKE) -B build-$* -DMESHD_SANITIZE=$(SANITIZE_$*)

SANITIZE_asan := address
SANITIZE_tsan := thread
SANITIZE_fuzz := fuzzer
SYMBOLIZER := external_symbolizer_path=/usr/lib/llvm-19/bin/llvm-symbolizer
export ASAN_OPTIONS  ?= $(SYMBOLIZER):strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= $(SYMBOLIZER):print_stacktrace=1
export TSAN_OPTIONS  ?= $(SYMBOLIZER):halt_on_error=1:second_deadlock_stack=1

test: all  ## unit, end-to-end and conformance tests (T=regex for some of them)
	@cd $(BUILD) && $(CTEST) $(QUICK) $(if $(T),-R '$(T)')

test-long: all  ## all tests, also those that take minutes
	@cd $(BUILD) && $(CTEST) $(if $(T),-R '$(T)')

demo: all  ## a small mesh on this machine (CHECK=1: judge it and leave)
	@MESHD=$(abspath $(BUILD))/meshd CHECK=$(CHECK) bash tests/demo/demo.sh

accept: all  ## acceptance run (POINT=name for one point)
	@tools/deps accept
	@MESHD=$(abspath $(BUILD))/meshd POINT=$(POINT) bash tests/acceptance/run.sh

bench bench-quick: all  ## this mesh beside haproxy, nginx and nghttpx, on one path (PEERS=, TESTS=, ROUNDS=)
	@tools/deps bench
	@MESHD=$(abspath $(BUILD))/meshd QUICK=$(findstring quick,$@) bash tests/bench/run.sh

tidy: all floors symbols  ## format, floors, symbols and clang-tidy (ALL=1: every file, not only changed ones)
	@tools/tidy $(if $(ALL),--all) -j $(J)

format:  ## rewrite our sources in the project's format
	@tools/tidy --fix-format

floors:  ## who includes upward, sideways, or a C library that is not theirs
	@tools/floors

symbols: all  ## the binary is static, hardened, small, and never reaches NSS or dlopen
	@tools/check-symbols $(BUILD)/meshd

asan tsan: deps  ## the whole suite under AddressSanitizer + UBSan, or ThreadSanitizer
	@$(MAKE) --no-print-directory build-$@/build.ninja
	@$(NINJA) -C build-$@
	@cd build-$@ && $(CTEST) $(QUICK) $(if $(T),-R '$(T)')

fuzz: deps  ## T=name S=seconds: one fuzz target on its corpus; without T all of them in turn
	@$(MAKE) --no-print-directory build-fuzz/build.ninja
	@tools/fuzz build-fuzz $(S) $(T)

install: all  ## the stripped program into PREFIX/bin (DESTDIR is honoured)
	@cmake --install $(BUILD) --prefix $(PREFIX) --strip

clean:  ## all build trees; the dependency prefix .deps stays
	@rm -rf build build-asan build-tsan build-fuzz
