/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>

#include "model/identity.h"
#include "model/record-index.h"

char *berth_lib_entry_text(const BerthRecordEntry *entry) {
  GString *text = g_string_new(entry->element);
  for (guint i = 0; i < entry->keys->len; i++) {
    const char *key = g_ptr_array_index(entry->keys, i);
    if (berth_lib_key_speaks(key)) {
      g_string_append_printf(text, " %s", key);
      break;
    }
  }
  if (entry->address.type != BERTH_ADDRESS_NONE) {
    g_autofree char *place = berth_model_address_to_string(&entry->address);
    g_string_append_printf(text, " %s", place);
  }
  return g_string_free(text, FALSE);
}

gboolean berth_lib_key_speaks(const char *key) {
  return berth_model_key_class_of(key) != BERTH_KEY_CONTENT;
}

static gboolean share_key(const BerthRecordEntry *a, const BerthRecordEntry *b) {
  for (guint i = 0; i < a->keys->len; i++)
    if (berth_model_record_entry_has_key(b, g_ptr_array_index(a->keys, i)))
      return TRUE;
  return FALSE;
}

static gboolean same_first_key(const BerthRecordEntry *a, const BerthRecordEntry *b) {
  return a->keys->len > 0 && b->keys->len > 0 && g_str_equal(g_ptr_array_index(a->keys, 0), g_ptr_array_index(b->keys, 0));
}

/* One device in two records: it kept its place, or it has the same strongest key. A common ordinal alone means little. */
static gboolean is_same(const BerthRecordEntry *b, const BerthRecordEntry *a) {
  if (b->gone != NULL || !g_str_equal(a->element, b->element))
    return FALSE;
  if (a->address.type != BERTH_ADDRESS_NONE && berth_model_address_equal(&a->address, &b->address))
    return share_key(a, b);
  return same_first_key(a, b);
}

GStrv berth_lib_record_only_in(const BerthRecord *record, const BerthRecord *other) {
  GPtrArray *texts = g_ptr_array_new();
  g_autoptr(BerthRecordIndex) index = other != NULL ? berth_model_record_index_new(other) : NULL;
  for (guint i = 0; record != NULL && i < record->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(record->entries, i);
    if (entry->gone == NULL && (index == NULL || berth_model_record_index_keys(index, entry, is_same) == NULL))
      g_ptr_array_add(texts, berth_lib_entry_text(entry));
  }
  g_ptr_array_add(texts, NULL);
  return (GStrv)g_ptr_array_free(texts, FALSE);
}

void berth_revision_free(BerthRevision *revision) {
  if (revision == NULL)
    return;
  g_free(revision->when);
  g_free(revision->command);
  g_strfreev(revision->came);
  g_strfreev(revision->went);
  g_strfreev(revision->changed);
  g_free(revision);
}

static BerthRevision *revision_of(const BerthStoreRevision *stored, const BerthRecord *before, const BerthRecord *record) {
  BerthRevision *revision = g_new0(BerthRevision, 1);
  revision->number = stored->number;
  revision->when = g_strdup(stored->made);
  revision->command = g_strdup(stored->command);
  revision->came = berth_lib_record_only_in(record, before);
  revision->went = berth_lib_record_only_in(before, record);
  revision->changed = g_new0(char *, 1);
  return revision;
}

static BerthRevision *live_of(const BerthStoreEvent *event) {
  BerthRevision *revision = g_new0(BerthRevision, 1);
  revision->when = g_strdup(event->made);
  revision->command = g_strdup(event->command);
  revision->came = g_strdupv(event->came);
  revision->went = g_strdupv(event->went);
  revision->changed = g_strdupv(event->changed);
  return revision;
}

GPtrArray *berth_history(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(GPtrArray) events = found != NULL ? berth_store_events(berth->store, found->uuid, error) : NULL;
  g_autoptr(GPtrArray) stored = events != NULL ? berth_store_revisions(berth->store, found->uuid, error) : NULL;
  if (stored == NULL)
    return NULL;
  g_autoptr(GPtrArray) revisions = g_ptr_array_new_with_free_func((GDestroyNotify)berth_revision_free);
  g_autoptr(BerthRecord) before = NULL;
  guint next = 0;
  for (guint i = 0; i < stored->len; i++) {
    const BerthStoreRevision *one = g_ptr_array_index(stored, i);
    g_autoptr(BerthRecord) record = berth_record_parse(one->record, -1, found->name, error);
    if (record == NULL)
      return NULL;
    g_ptr_array_add(revisions, revision_of(one, before, record));
    for (; next < events->len && ((BerthStoreEvent *)g_ptr_array_index(events, next))->revision <= one->number; next++)
      g_ptr_array_add(revisions, live_of(g_ptr_array_index(events, next)));
    berth_record_free(before);
    before = g_steal_pointer(&record);
  }
  return g_steal_pointer(&revisions);
}

/* People name a device by a key ("mac=52:54:…"), by what the key says, or by its place ("pci 0000:00:03.0"). */
static gboolean is_called(const BerthRecordEntry *entry, const char *device) {
  for (guint i = 0; i < entry->keys->len; i++) {
    const char *key = g_ptr_array_index(entry->keys, i);
    const char *value = strchr(key, '=');
    if (g_ascii_strcasecmp(key, device) == 0 || (value != NULL && g_ascii_strcasecmp(value + 1, device) == 0))
      return TRUE;
  }
  if (entry->address.type == BERTH_ADDRESS_NONE)
    return FALSE;
  g_autofree char *place = berth_model_address_to_string(&entry->address);
  const char *bare = strchr(place, ' ');
  return g_str_equal(place, device) || (bare != NULL && g_str_equal(bare + 1, device));
}

static guint drop_reservations(BerthRecord *record, const char *device) {
  guint n = 0;
  for (guint i = record->entries->len; i-- > 0;) {
    const BerthRecordEntry *entry = g_ptr_array_index(record->entries, i);
    if (entry->gone == NULL || (device != NULL && !is_called(entry, device)))
      continue;
    g_ptr_array_remove_index(record->entries, i);
    n++;
  }
  return n;
}

static gboolean put_record(BerthStoreWrite *write, Berth *berth, const char *uuid, const BerthStoreRevision *newest,
                           const BerthRecord *record, GError **error) {
  g_autoptr(BerthStoreRevision) revision = g_new0(BerthStoreRevision, 1);
  revision->made = berth_base_env_timestamp(berth->env);
  revision->command = g_strdup("forget");
  revision->machine = g_strdup(newest->machine);
  revision->document = g_bytes_ref(newest->document);
  revision->record = berth_record_to_json(record);
  return berth_store_write_revision(write, uuid, revision, error);
}

gboolean berth_forget(Berth *berth, const char *guest, const char *device, guint *n, GError **error) {
  g_autoptr(BerthStoreGuest) known = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthStoreWrite) write = known != NULL ? berth_store_write_begin(berth->store, error) : NULL;
  if (write == NULL)
    return FALSE;
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(berth->store, known->uuid, 0, error);
  g_autoptr(BerthRecord) record = newest != NULL ? berth_record_parse(newest->record, -1, known->name, error) : NULL;
  if (record == NULL)
    return FALSE;
  guint dropped = drop_reservations(record, device);
  if (dropped == 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': no place is kept for %s%s%s that is gone", known->name,
                device != NULL ? "a device '" : "any device", device != NULL ? device : "", device != NULL ? "'" : "");
    return FALSE;
  }
  if (!put_record(write, berth, known->uuid, newest, record, error) || !berth_store_write_commit(g_steal_pointer(&write), error))
    return FALSE;
  if (n != NULL)
    *n = dropped;
  return TRUE;
}
