/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MANIFEST: what travels with a guest's state, in the head of a saved guest's file and ahead of a migration (docs/save.md):
 * the hardware that the state belongs to, and the guest's newest definition. A list of fields, each "NAME LENGTH\n" and so many
 * bytes and "\n"; fields that are not known are skipped.
 */
#pragma once

#include <berth/error.h>

/* Strings are owned; none is NULL once it is parsed. */
typedef struct {
  char *name, *uuid;
  char *made;                              /* ISO 8601 UTC: when it left */
  char *state;                             /* "running", "paused": what it did before */
  char *document, *record;                 /* the hardware it ran with */
  char *defined_document, *defined_record; /* its newest definition … */
  char *machine;                           /* … and the machine type of that */
} BerthManifest;
void berth_model_manifest_free(BerthManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthManifest, berth_model_manifest_free)

GBytes *berth_model_manifest_print(const BerthManifest *manifest);
/* @what: who sent it, for messages. Errors: BAD_INPUT (malformed, a field missing, twice, or no text). */
BerthManifest *berth_model_manifest_parse(GBytes *bytes, const char *what, GError **error);
