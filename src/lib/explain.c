/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/move.h>

#include <string.h>

#include "assign/remember.h"
#include "lib/lib.h"
#include "model/record-index.h"

/* What the rules mean to people. */
static const char *const meanings[] = {
    [BERTH_RULE_NONE] = "it was recorded before reasons were",
    [BERTH_RULE_DOCUMENT] = "the domain says so",
    [BERTH_RULE_RECALLED] = "it was there before",
    [BERTH_RULE_RETURNED] = "the place was kept for it while it was gone",
    [BERTH_RULE_FIXED] = "the machine has it there",
    [BERTH_RULE_TARGET] = "it follows from the target's name",
    [BERTH_RULE_FIRST] = "it was the first free place",
};
static const char *const origins[] = {
    [BERTH_ORIGIN_DOCUMENT] = "",
    [BERTH_ORIGIN_RECORD] = "; berth added it before, and keeps it",
    [BERTH_ORIGIN_IMPLICIT] = "; the machine has it, or another device needs it",
    [BERTH_ORIGIN_GROWN] = "; berth added it because there was no room",
};

void berth_reason_free(BerthReason *reason) {
  if (reason == NULL)
    return;
  g_free(reason->device);
  g_free(reason->identity);
  g_free(reason->address);
  g_free(reason->id);
  g_strfreev(reason->names);
  g_free(reason->why);
  g_free(reason->since);
  g_free(reason->command);
  g_free(reason);
}

/* What people write when they mean a device, beside its keys. */
static const char *const named_by[] = {"target/@dev", "target/@name", "target/@dir", "mac/@address", "alias/@name", "@name"};

static GStrv names_of(const BerthDevice *device) {
  GPtrArray *names = g_ptr_array_new();
  for (gsize i = 0; i < G_N_ELEMENTS(named_by); i++) {
    const char *name = berth_model_device_get(device, named_by[i]);
    if (name != NULL)
      g_ptr_array_add(names, g_strdup(name));
  }
  for (guint i = 0; device->keys != NULL && i < device->keys->len; i++) {
    const char *key = g_array_index(device->keys, BerthKey, i).text, *value = strchr(key, '=');
    g_ptr_array_add(names, g_strdup(key));
    if (value != NULL)
      g_ptr_array_add(names, g_strdup(value + 1));
  }
  g_ptr_array_add(names, NULL);
  return (GStrv)g_ptr_array_free(names, FALSE);
}

static gboolean is_it(const BerthRecordEntry *one, const BerthRecordEntry *wanted) {
  return one->gone == NULL && g_str_equal(one->element, wanted->element) &&
         berth_model_address_equal(&one->address, &wanted->address);
}

/* What a record has for a device that is where it is now. */
static const BerthRecordEntry *entry_of(const BerthRecordIndex *index, const BerthDevice *device) {
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  const BerthRecordEntry wanted = {.element = (char *)device->element->name, .address = device->address, .keys = keys};
  g_ptr_array_add(keys, (gpointer)berth_lib_identity(device));
  return berth_model_record_index_keys(index, &wanted, is_it);
}

static BerthReason *reason_new(const BerthPlan *plan, const BerthDevice *device, const BerthRecordIndex *index) {
  BerthRow *row = berth_lib_row_new(plan, device);
  const BerthRecordEntry *entry = entry_of(index, device);
  BerthReason *reason = g_new0(BerthReason, 1);
  reason->device = g_strdup(row->device);
  reason->identity = g_strdup(row->identity);
  reason->address = g_strdup(row->address);
  reason->id = g_strdup(row->id);
  reason->names = names_of(device);
  /* A stored definition has all its places written down; why they were chosen is in its record. */
  reason->why = entry != NULL ? g_strconcat(meanings[entry->rule], origins[entry->origin], NULL)
                              : g_strconcat(meanings[device->rule], origins[device->origin], NULL);
  reason->since = g_strdup(entry != NULL && entry->since != NULL ? entry->since : "");
  reason->command = g_strdup("");
  berth_row_free(row);
  return reason;
}

static gboolean is_explained(const BerthDevice *device) {
  return device->address.type != BERTH_ADDRESS_NONE;
}

GPtrArray *berth_plan_explain(const BerthPlan *plan) {
  GPtrArray *reasons = g_ptr_array_new_with_free_func((GDestroyNotify)berth_reason_free);
  g_autoptr(BerthRecordIndex) index = berth_model_record_index_new(berth_assign_record(plan));
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (is_explained(device))
      g_ptr_array_add(reasons, reason_new(plan, device, index));
  }
  return reasons;
}

/* Since which revision it has been there without a break, and whether it had been there before that. */
static void trace(BerthReason *reason, const BerthDevice *device, const GPtrArray *revisions, const GPtrArray *indexes) {
  guint first = revisions->len, before = 0;
  while (first > 0 && entry_of(g_ptr_array_index(indexes, first - 1), device) != NULL)
    first--;
  if (first == revisions->len)
    return;
  while (before < first && entry_of(g_ptr_array_index(indexes, before), device) == NULL)
    before++;
  if (before < first) {
    g_autofree char *why = reason->why;
    reason->why = g_strdup_printf("%s (in revision %u); it was gone and came back", why,
                                  ((const BerthStoreRevision *)g_ptr_array_index(revisions, before))->number);
  }
  const BerthStoreRevision *revision = g_ptr_array_index(revisions, first);
  reason->revision = revision->number;
  g_free(reason->command);
  reason->command = g_strdup(revision->command);
  if (*reason->since == '\0') {
    g_free(reason->since);
    reason->since = g_strdup(revision->made);
  }
}

GPtrArray *berth_explain(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthPlan) plan = found != NULL ? berth_plan_of_guest(berth, found->uuid, error) : NULL;
  g_autoptr(GPtrArray) revisions = plan != NULL ? berth_store_revisions(berth->store, found->uuid, error) : NULL;
  if (revisions == NULL)
    return NULL;
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)berth_record_free);
  g_autoptr(GPtrArray) indexes = g_ptr_array_new_with_free_func((GDestroyNotify)berth_model_record_index_free);
  for (guint i = 0; i < revisions->len; i++) {
    const BerthStoreRevision *one = g_ptr_array_index(revisions, i);
    BerthRecord *record = berth_record_parse(one->record, -1, found->name, error);
    if (record == NULL)
      return NULL;
    g_ptr_array_add(records, record);
    g_ptr_array_add(indexes, berth_model_record_index_new(record));
  }
  GPtrArray *reasons = berth_plan_explain(plan);
  for (guint i = 0, n = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (is_explained(device))
      trace(g_ptr_array_index(reasons, n++), device, revisions, indexes);
  }
  return reasons;
}
