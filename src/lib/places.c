/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of a guest that runs and of its definition, each of which keeps what only the other one has. */
#include "lib/live.h"

#include "assign/identity.h"
#include "kinds/kinds.h"

/* Stands where a reservation says since when; never written to the disk. */
#define WHILE_IT_RUNS "while it runs"

/* A record's entries by their place and by each of their keys. */
typedef struct {
  BerthRecord *record;
  GHashTable *places; /* char * → GPtrArray of BerthRecordEntry */
  GHashTable *keys;
} Index;

static void put(GHashTable *table, const char *text, BerthRecordEntry *entry) {
  GPtrArray *entries = g_hash_table_lookup(table, text);
  if (entries == NULL) {
    entries = g_ptr_array_new();
    g_hash_table_insert(table, g_strdup(text), entries);
  }
  g_ptr_array_add(entries, entry);
}

static void index_entry(Index *index, BerthRecordEntry *entry) {
  g_autofree char *place = berth_model_record_place(&entry->address, entry->kind);
  if (place != NULL)
    put(index->places, place, entry);
  for (guint i = 0; i < entry->keys->len; i++)
    put(index->keys, g_ptr_array_index(entry->keys, i), entry);
}

static void index_init(Index *index, BerthRecord *record) {
  *index = (Index){.record = record};
  index->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  index->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < record->entries->len; i++)
    index_entry(index, g_ptr_array_index(record->entries, i));
}

static void index_clear(Index *index) {
  g_hash_table_unref(index->places);
  g_hash_table_unref(index->keys);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Index, index_clear)

static const char *key_of(const BerthRecordEntry *entry, guint class) {
  for (guint i = 0; i < entry->keys->len; i++)
    if (berth_model_key_class_of(g_ptr_array_index(entry->keys, i)) == class)
      return g_ptr_array_index(entry->keys, i);
  return NULL;
}

/* The strongest key that both have decides: two MACs are two devices, however alike these are. */
static gboolean shares(const BerthRecordEntry *a, const BerthRecordEntry *b) {
  if (!g_str_equal(a->element, b->element))
    return FALSE;
  for (guint class = 0; class < BERTH_N_MATCHED_KEYS; class ++) {
    const char *one = key_of(a, class), *other = key_of(b, class);
    if (one != NULL && other != NULL && (class == BERTH_KEY_CONTENT || !berth_model_key_class_weak(class)))
      return g_str_equal(one, other);
  }
  return FALSE;
}

/* The first of the entries that @text leads to of which @entry is told to be one by @is; NULL: none. */
static BerthRecordEntry *find(GHashTable *table, const char *text, const BerthRecordEntry *entry,
                              gboolean (*is)(const BerthRecordEntry *one, const BerthRecordEntry *entry)) {
  const GPtrArray *entries = text != NULL ? g_hash_table_lookup(table, text) : NULL;
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    if (is(g_ptr_array_index(entries, i), entry))
      return g_ptr_array_index(entries, i);
  return NULL;
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
static gboolean knows(const Index *index, const BerthRecordEntry *entry, gboolean kept) {
  g_autofree char *place = berth_model_record_place(&entry->address, entry->kind);
  if (find(index->places, place, entry, kept ? is_any : is_there_or_same) != NULL)
    return TRUE;
  for (guint i = 0; i < entry->keys->len; i++)
    if (find(index->keys, g_ptr_array_index(entry->keys, i), entry, is_there_and_same) != NULL)
      return TRUE;
  return FALSE;
}

/* The record keeps the place of @entry of another one, since @gone. Returns: what is kept, (transfer none). */
static BerthRecordEntry *keep(Index *index, const BerthRecordEntry *entry, const char *gone) {
  BerthRecordEntry *copy = berth_model_record_entry_copy(entry);
  if (copy->gone == NULL)
    copy->gone = g_strdup(gone);
  g_ptr_array_add(index->record->entries, copy);
  index_entry(index, copy);
  return copy;
}

void berth_lib_live_reserve(BerthRecord *record, const BerthRecord *other) {
  g_auto(Index) index = {0};
  index_init(&index, record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    if (entry->gone == NULL && entry->address.type != BERTH_ADDRESS_NONE && !knows(&index, entry, FALSE))
      keep(&index, entry, WHILE_IT_RUNS);
  }
}

void berth_lib_live_hold(BerthRecord *record, const BerthRecord *other) {
  g_auto(Index) index = {0};
  index_init(&index, record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    g_autofree char *place = entry->gone == NULL ? berth_model_record_place(&entry->address, entry->kind) : NULL;
    if (place == NULL || find(index.places, place, entry, is_there) != NULL)
      continue;
    BerthRecordEntry *held = keep(&index, entry, WHILE_IT_RUNS);
    held->held = TRUE;
    if (!g_str_equal(entry->element, berth_kinds_elements[BERTH_CONTROLLER].name))
      g_ptr_array_set_size(held->keys, 0);
  }
}

gboolean berth_lib_live_inherit(BerthRecord *record, const BerthRecord *other, const char *today) {
  g_auto(Index) index = {0};
  index_init(&index, record);
  guint before = record->entries->len;
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    if (entry->address.type != BERTH_ADDRESS_NONE && !knows(&index, entry, TRUE))
      keep(&index, entry, today);
  }
  return record->entries->len > before;
}

const BerthRecordEntry *berth_lib_live_displaced(BerthRecord *record, const BerthRecord *other, const BerthRecordEntry **holder) {
  g_auto(Index) index = {0};
  index_init(&index, record);
  for (guint i = 0; i < other->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(other->entries, i);
    g_autofree char *place = entry->gone == NULL ? berth_model_record_place(&entry->address, entry->kind) : NULL;
    *holder = find(index.places, place, entry, is_there_and_another);
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
