/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/record-index.h"

struct BerthRecordIndex {
  GHashTable *places, *keys; /* char * → GPtrArray of BerthRecordEntry, in the record's order */
};

static void put(GHashTable *table, const char *text, BerthRecordEntry *entry) {
  GPtrArray *entries = g_hash_table_lookup(table, text);
  if (entries == NULL) {
    entries = g_ptr_array_new();
    g_hash_table_insert(table, g_strdup(text), entries);
  }
  g_ptr_array_add(entries, entry);
}

void berth_model_record_index_add(BerthRecordIndex *index, BerthRecordEntry *entry) {
  g_autofree char *place = berth_model_record_place(&entry->address, entry->kind);
  if (place != NULL)
    put(index->places, place, entry);
  for (guint i = 0; i < entry->keys->len; i++)
    put(index->keys, g_ptr_array_index(entry->keys, i), entry);
}

BerthRecordIndex *berth_model_record_index_new(const BerthRecord *record) {
  BerthRecordIndex *index = g_new(BerthRecordIndex, 1);
  index->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  index->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < record->entries->len; i++)
    berth_model_record_index_add(index, g_ptr_array_index(record->entries, i));
  return index;
}

void berth_model_record_index_free(BerthRecordIndex *index) {
  if (index == NULL)
    return;
  g_hash_table_unref(index->places);
  g_hash_table_unref(index->keys);
  g_free(index);
}

static BerthRecordEntry *find(GHashTable *table, const char *text, const BerthRecordEntry *wanted, BerthRecordIs is) {
  const GPtrArray *entries = g_hash_table_lookup(table, text);
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    if (is(g_ptr_array_index(entries, i), wanted))
      return g_ptr_array_index(entries, i);
  return NULL;
}

BerthRecordEntry *berth_model_record_index_place(const BerthRecordIndex *index, const BerthRecordEntry *wanted, BerthRecordIs is) {
  g_autofree char *place = berth_model_record_place(&wanted->address, wanted->kind);
  return place != NULL ? find(index->places, place, wanted, is) : NULL;
}

BerthRecordEntry *berth_model_record_index_keys(const BerthRecordIndex *index, const BerthRecordEntry *wanted, BerthRecordIs is) {
  BerthRecordEntry *found = NULL;
  for (guint i = 0; i < wanted->keys->len && found == NULL; i++)
    found = find(index->keys, g_ptr_array_index(wanted->keys, i), wanted, is);
  return found;
}
