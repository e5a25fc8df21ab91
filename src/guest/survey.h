/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU tells of many devices at once, before firmware has numbered any bus, too. It reads what it is asked byte by byte, so
 * that to ask for each device takes it far longer.
 */
#pragma once

#include "guest/tree.h"
#include "qmp/client.h"

typedef enum {
  BERTH_SURVEY_ROOT_BUS, /* query-pci: what is on PCI's root bus, the machine's own as well */
  BERTH_SURVEY_TREE,     /* guest/tree.h: what is on any bus */
  BERTH_SURVEY_MEMORY,   /* query-memory-devices: memory modules, which are on none */
  BERTH_SURVEY_N_PARTS,
} BerthSurveyPart;

typedef struct {
  BerthQmp *qmp; /* borrowed */
  gint64 until;
  GHashTable *own;     /* set of slot * 8 + function on the root bus: the machine's own */
  GHashTable *on_root; /* id -> slot * 8 + function on the root bus */
  GHashTable *devices; /* id -> BerthTreeDevice, its bus NULL of what is on none: what the other parts tell */
  guint64 question[BERTH_SURVEY_N_PARTS];
  gboolean asked[BERTH_SURVEY_N_PARTS]; /* the question is on its way */
} BerthSurvey;

/* @until: a monotonic time. */
void berth_guest_survey_init(BerthSurvey *survey, BerthQmp *qmp, gint64 until);
void berth_guest_survey_clear(BerthSurvey *survey);

/* Queues the question of one part. */
void berth_guest_survey_ask(BerthSurvey *survey, BerthSurveyPart part);

/*
 * Takes all answers that are on their way, also behind a failure. A part that this QEMU does not have, or tells otherwise, tells
 * nothing. @names: the properties that are of use, ends with NULL. Errors: as berth_qmp_execute(), but for a refusal; FAILED also
 * for a root bus that makes no sense.
 */
gboolean berth_guest_survey_take(BerthSurvey *survey, const char *const *names, GError **error);

/* Milliseconds until the monotonic time @until. */
guint berth_guest_time_left(gint64 until);
/* The answer to a command that QEMU may well refuse. NULL without error: refused. (transfer full) */
json_object *berth_guest_answer(BerthQmp *qmp, guint64 id, gint64 until, GError **error);
