/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded answers about a QEMU binary: never asked during assignment. One JSON value, cached by the prober (guest/probe.c). */
#pragma once

#include <berth/plan.h>

struct BerthFacts {
  char *binary;       /* absolute path */
  gint64 mtime, size; /* of the binary when it was asked (ns, bytes) */
  guint major, minor, micro;
  GHashTable *machines;   /* name -> char * canonical name (itself, unless the name is an alias) */
  GHashTable *deprecated; /* set of canonical machine names */
  GHashTable *vcpus;      /* canonical machine name -> how many vCPUs it can have (guint), where QEMU says so */
  GHashTable *devices;    /* set of -device drivers */
};

BerthFacts *berth_facts_new(void);
char *berth_facts_to_json(const BerthFacts *facts);
BerthFacts *berth_facts_from_json(const char *json, gssize length, GError **error);

/* The canonical name of machine @name; NULL if this QEMU does not have it. @facts NULL: @name itself. (transfer none) */
const char *berth_facts_machine(const BerthFacts *facts, const char *name);
/* How many vCPUs a machine can have; G_MAXUINT: nobody says. */
guint berth_facts_max_vcpus(const BerthFacts *facts, const char *canonical);
/* Whether QEMU has -device @driver; TRUE without facts. */
gboolean berth_facts_has_device(const BerthFacts *facts, const char *driver);
