/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks entries of a record up. An index does not notice changes of the record, but for those that are added to it. */
#pragma once

#include "model/record.h"

typedef struct BerthRecordIndex BerthRecordIndex;

/* @record is borrowed. (transfer full): berth_model_record_index_free(). */
BerthRecordIndex *berth_model_record_index_new(const BerthRecord *record);
void berth_model_record_index_free(BerthRecordIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRecordIndex, berth_model_record_index_free)
/* @entry has come to the record. */
void berth_model_record_index_add(BerthRecordIndex *index, BerthRecordEntry *entry);

/* Whether @one, an entry of the record, is what is looked for, given @wanted. */
typedef gboolean (*BerthRecordIs)(const BerthRecordEntry *one, const BerthRecordEntry *wanted);
/* The first entry for which @is holds among those at @wanted's place (berth_model_record_place()), or among those that have one of
 * its keys. NULL: none. (transfer none) */
BerthRecordEntry *berth_model_record_index_place(const BerthRecordIndex *index, const BerthRecordEntry *wanted, BerthRecordIs is);
BerthRecordEntry *berth_model_record_index_keys(const BerthRecordIndex *index, const BerthRecordEntry *wanted, BerthRecordIs is);
