/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The RECORD: the memory of a guest's hardware, a documented and versioned JSON value (docs/record.md), the same in the store,
 * in a file (--record) and in the domain's <metadata> (--embed).
 */
#pragma once

#include "model/device.h"

#define BERTH_RECORD_VERSION 1

typedef struct {
  char *element;        /* "interface" */
  char *kind;           /* variant of the kind: "virtio" */
  GPtrArray *keys;      /* char *, "mac=…", strongest first (model/identity.h) */
  BerthAddress address; /* type NONE: the device has none, but is known (its MAC is kept) */
  BerthOrigin origin;
  GArray *sets; /* BerthSet: sticky values (MAC); for controllers that berth added, all that makes them */
  char *since;  /* ISO 8601 UTC, as the caller's clock said */
  char *gone;   /* NULL: present. Otherwise a reservation: when the device went */
} BerthRecordEntry;

typedef struct BerthRecord {
  char *name, *uuid, *arch, *machine; /* machine: the versioned name */
  GPtrArray *entries;                 /* BerthRecordEntry: the present in list order, then the gone, oldest first */
} BerthRecord;

BerthRecord *berth_model_record_new(void);
void berth_model_record_free(BerthRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRecord, berth_model_record_free)
BerthRecordEntry *berth_model_record_entry_new(const char *element, const char *kind);
void berth_model_record_entry_free(BerthRecordEntry *entry);

/* JSON text, pretty-printed, with a newline at the end; the same record gives the same bytes. (transfer full) */
char *berth_model_record_to_json(const BerthRecord *record);
/* @file is for messages. Errors: BAD_INPUT (malformed, an address twice, unknown type), NEWER (version above ours). */
BerthRecord *berth_model_record_from_json(const char *json, gssize length, const char *file, GError **error);
