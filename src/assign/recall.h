/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What recall.c (which device is which entry, and where it goes), match.c (pairing by keys) and remember.c share. */
#pragma once

#include "assign/stages.h"

struct BerthRecall {
  BerthAssignment *assignment; /* these three: NULL once the plan is made */
  const BerthTables *tables;
  const BerthPlanOptions *options;
  BerthRecord *record;     /* the old one, a reference, NULL: none; assignment->record is @effective once recall has run */
  BerthRecord *effective;  /* the old one as it stands now: what is unmatched is gone */
  gboolean same_machine;   /* FALSE: another machine family, so that places and controllers mean nothing */
  GHashTable *entry_of;    /* BerthDevice * → const BerthRecordEntry * */
  GHashTable *device_of;   /* the other way round */
  GHashTable *settled;     /* set of BerthDevice *: its recorded place has been given or denied */
  GHashTable *pending;     /* set of BerthDevice *: got its place before its kind was known */
  GPtrArray *to_settle;    /* BerthDevice *, of one call */
  GHashTable *used;        /* place (berth_model_record_place) → BerthDevice *, of one call */
  GHashTable *controllers; /* "controller=pci:1" → BerthDevice *, of one call */
  char *now;               /* as options->now */
  BerthRecord *made;       /* the new record; NULL: nobody has asked for it yet */
};

/* match.c: pairs the unmatched devices and the unmatched entries of the record, key class by key class. */
void berth_assign_match(BerthRecall *recall);

/* The entry that @device was matched with; NULL if there is none, or no @recall. */
const BerthRecordEntry *berth_assign_recall_entry(const BerthRecall *recall, const BerthDevice *device);
