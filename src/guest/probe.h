/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks a QEMU binary what it offers. The answer is cached below the environment's cache folder. */
#pragma once

#include "base/env.h"
#include "facts/facts.h"

#define BERTH_GUEST_PROBE_TIMEOUT_MS 20000

/*
 * @binary: a path or a name looked up in PATH; NULL: the environment's, else "qemu-system-x86_64". Takes the cached answer if path,
 * mtime (ns) and size are those of then; a cache that cannot be read or written is no error.
 * Errors: NOT_FOUND (no such program), FAILED (it died: with its stderr; garbage; time limit). (transfer full)
 * The public berth_facts_probe() is this.
 */
BerthFacts *berth_guest_probe(const BerthEnv *env, const char *binary, GError **error);

/* The same with another time limit. */
BerthFacts *berth_guest_probe_within(const BerthEnv *env, const char *binary, guint timeout_ms, GError **error);

/* The binary that berth_guest_probe() would ask, as an absolute path. (transfer full) Errors: NOT_FOUND. */
char *berth_guest_find_binary(const BerthEnv *env, const char *binary, GError **error);
