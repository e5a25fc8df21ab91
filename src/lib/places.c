/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of a guest that runs and of its definition, each of which keeps what only the other one has. */
#include "lib/live.h"

#include "assign/identity.h"
#include "kinds/kinds.h"
#include "model/record-index.h"

/* Stands where a reservation says since when; never written to the disk. */
#define WHILE_IT_RUNS "while it runs"

/* The strongest key that both have decides: two MACs are two devices, however alike these are. */
static gboolean shares(const BerthRecordEntry *a, const BerthRecordEntry *b) {
  if (!g_str_equal(a->element, b->element))
    return FALSE;
  for (guint class = 0; class < BERTH_N_MATCHED_KEYS; class ++) {
    const char *one = berth_model_record_entry_key(a, class), *other = berth_model_record_entry_key(b, class);
    if (one != NULL && other != NULL && (class == BERTH_KEY_CONTENT || !berth_model_key_class_weak(class)))
      return g_str_equal(one, other);
  }
  return FALSE;
}

static gboolean is_any(const BerthRecordEntry *one, const BerthRecordEntry *entry) {
  return TRUE;
}

static gboolean is_there(const BerthRecordEntry *one, const BerthRecordEntry *entry) {
  return one->gone == NULL;
}

static gboolean is_there_or_same(const BerthRecordEntry *one, const BerthRecordEntry *entry) {
  return one->gone == NULL || shares(one, entry);
}

static gboolean is_there_and_same(const BerthRecordEntry *one, const BerthRecordEntry *entry) {
  return one->gone == NULL && shares(one, entry);
}

static gboolean is_there_and_another(const BerthRecordEntry *one, const BerthRecordEntry *entry) {
  return one->gone == NULL && !shares(one, entry);
}

/* @kept: whether a place that is only kept for a device that is gone counts as taken by it, whoever has it in the other record. */
static gboolean knows(const BerthRecordIndex *index, const BerthRecordEntry *entry, gboolean kept) {
  return berth_model_record_index_place(index, entry, kept ? is_any : is_there_or_same) != NULL ||
         berth_model_record_index_keys(index, entry, is_there_and_same) != NULL;
}

/* @record keeps the place of @entry of another one, since @gone. Returns: what is kept, (transfer none). */
static BerthRecordEntry *keep(BerthRecord *record, const BerthRecordEntry *entry, const char *gone) {
  BerthRecordEntry *copy = berth_model_record_entry_copy(entry);
  if (copy->gone == NULL)
    copy->gone = g_strdup(gone);
  g_ptr_array_add(record->entries, copy);
  return copy;
}

void berth_lib_live_reserve(BerthRecord *record, const BerthRecord *other) {
  g_autoptr(BerthRecordIndex) index = berth_model_record_index_new(record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    if (entry->gone == NULL && entry->address.type != BERTH_ADDRESS_NONE && !knows(index, entry, FALSE))
      berth_model_record_index_add(index, keep(record, entry, WHILE_IT_RUNS));
  }
}

void berth_lib_live_hold(BerthRecord *record, const BerthRecord *other) {
  g_autoptr(BerthRecordIndex) index = berth_model_record_index_new(record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    g_autofree char *place = entry->gone == NULL ? berth_model_record_place(&entry->address, entry->kind) : NULL;
    if (place == NULL || berth_model_record_index_place(index, entry, is_there) != NULL)
      continue;
    BerthRecordEntry *held = keep(record, entry, WHILE_IT_RUNS);
    held->held = TRUE;
    if (!g_str_equal(entry->element, berth_kinds_elements[BERTH_CONTROLLER].name))
      g_ptr_array_set_size(held->keys, 0);
  }
}

gboolean berth_lib_live_inherit(BerthRecord *record, const BerthRecord *other, const char *today) {
  g_autoptr(BerthRecordIndex) index = berth_model_record_index_new(record);
  guint before = record->entries->len;
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    if (entry->address.type != BERTH_ADDRESS_NONE && !knows(index, entry, TRUE))
      berth_model_record_index_add(index, keep(record, entry, today));
  }
  return record->entries->len > before;
}

const BerthRecordEntry *berth_lib_live_displaced(const BerthRecord *record, const BerthRecord *other,
                                                 const BerthRecordEntry **holder) {
  g_autoptr(BerthRecordIndex) index = berth_model_record_index_new(record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    *holder = entry->gone == NULL ? berth_model_record_index_place(index, entry, is_there_and_another) : NULL;
    if (*holder != NULL)
      return entry;
  }
  return NULL;
}

void berth_lib_live_release(BerthRecord *record) {
  for (guint i = record->entries->len; i-- > 0;)
    if (g_strcmp0(((BerthRecordEntry *)g_ptr_array_index(record->entries, i))->gone, WHILE_IT_RUNS) == 0)
      g_ptr_array_remove_index(record->entries, i);
}

gboolean berth_lib_live_reserve_run(BerthRecord *record, const BerthStoreRun *run, GError **error) {
  if (run->record == NULL || run->pid == 0)
    return TRUE;
  g_autoptr(BerthRecord) other = berth_record_parse(run->record, -1, "running guest", error);
  if (other != NULL)
    berth_lib_live_reserve(record, other);
  return other != NULL;
}
