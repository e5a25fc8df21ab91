/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random guests from the tables of elements and kinds, and random edits of them, from a stream of choices. */
#pragma once

#include "choices.h"

#include "model/kind.h"

typedef struct {
  guint number;                /* unique within the life: names, MACs and target names come from it */
  const BerthElement *element; /* NULL: left out of both documents */
  const BerthKind *kind;       /* its row */
  char *head, *body;           /* its XML in two parts, between which children go */
  char *address;               /* an <address> for the first document; NULL: none */
  gboolean before, after;      /* whether it is in the first document, in the second */
  guint order;                 /* its rank in the second document */
  gboolean aliased;            /* has a user alias */
  gboolean keeps_address;      /* the second document has the address, too, if the first has the device */
} TestDevice;

/* A guest before and after an edit. */
typedef struct {
  const char *machine;
  GPtrArray *devices; /* TestDevice, owned */
} TestLife;

/* At most @n_devices devices in all; @percent of them have an address of their own. */
TestLife *test_life_new(TestChoices *choices, guint n_devices, guint percent);
/* @n devices of which no two documents need to differ: virtio and e1000 interfaces, disks, channels. */
TestLife *test_life_new_large(TestChoices *choices, guint n);
void test_life_free(TestLife *life);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestLife, test_life_free)

/* The first or the second document: each device is one line. @lines: TestDevice by line - 1, NULL where there is none; may be NULL.
 * (transfer full) */
char *test_life_document(const TestLife *life, gboolean second, GPtrArray *lines);
/* Whether a device of the second document can be told from every other one whatever else changes. */
gboolean test_device_is_known(const TestDevice *device);
