# SPDX-License-Identifier: LGPL-2.1-or-later
# The two commands of the README are `make run` and `make test`; each sets up what it needs.
BUILD = build
SANITIZED = build-asan
FUZZ = build-fuzz
FUZZ_SECONDS = 60
PREFIX ?= /usr/local

.PHONY: help all deps deps-fuzz build run test test-plain test-asan conformance rehearsal bench fuzz check install clean
help:
	@echo 'make deps         install what is missing (Debian, Ubuntu; root only for this)'
	@echo 'make build        leaves the command at build/berth'
	@echo 'make run          the main job on a real QEMU and a real Linux guest'
	@echo 'make test         all tests, in a plain and in an ASan+UBSan build'
	@echo 'make conformance  compare with the addresses that libvirt gives (needs ../shared/conformance)'
	@echo 'make rehearsal    start QEMU with each of those guests (about a minute), and see where it has the devices'
	@echo 'make bench        the engine beside bare libxml2, guests beside virsh and QEMU alone'
	@echo 'make fuzz         each fuzz target for $(FUZZ_SECONDS) s (FUZZ_SECONDS=N), with clang, ASan and UBSan'
	@echo 'make check        format, clang-tidy, cppcheck, layers, sizes'
	@echo 'make install      below PREFIX ($(PREFIX)), DESTDIR honoured'
all: build

deps:
	@tools/deps.sh

$(BUILD)/build.ninja:
	@mkdir -p $(BUILD)
	meson setup --prefix=$(PREFIX) $(BUILD) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; }

$(SANITIZED)/build.ninja:
	@mkdir -p $(SANITIZED)
	meson setup -Db_sanitize=address,undefined -Db_lundef=false $(SANITIZED) >$(SANITIZED)/setup.log || { cat $(SANITIZED)/setup.log; exit 1; }

build: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/guest/vmlinuz: tools/guest-image.py
	python3 tools/guest-image.py $(BUILD)/guest

run: build $(BUILD)/guest/vmlinuz
	python3 tools/demo.py --berth $(BUILD)/berth --guest $(BUILD)/guest

test: build $(BUILD)/guest/vmlinuz $(SANITIZED)/build.ninja
	ninja -C $(SANITIZED)
	@tools/test.py --plain $(BUILD) --sanitized $(SANITIZED)

conformance: build
	python3 tests/conformance.py $(BUILD)/berth

rehearsal: build
	@python3 tests/rehearsal.py $(BUILD)/berth || test $$? = 77

bench: build
	$(BUILD)/bench-engine
	python3 bench/live.py $(BUILD)/berth

# Known inputs are in tests/fuzz/seeds; what a run finds is kept in build-fuzz/corpus, and what fails in build-fuzz.
$(FUZZ)/build.ninja:
	@mkdir -p $(FUZZ)
	CC=clang meson setup -Dfuzz=true -Db_lundef=false $(FUZZ) >$(FUZZ)/setup.log || { cat $(FUZZ)/setup.log; exit 1; }

fuzz: deps-fuzz $(FUZZ)/build.ninja
	@tools/fuzz.sh $(FUZZ) $(FUZZ_SECONDS)

deps-fuzz:
	@tools/deps.sh fuzz

check: build
	@tools/deps.sh check
	@tools/check.sh $(BUILD)

install: build
	DESTDIR=$(DESTDIR) meson install --no-rebuild -C $(BUILD)

clean:
	rm -rf $(BUILD) $(SANITIZED) $(FUZZ)
