/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/live.h"

#include "families/families.h"

/* A guest that computes keeps QEMU busy: each device is asked for. */
#define READ_BACK_MS 30000
#define READ_BACK_DEVICE_MS 50

static void set_text(char **member, const char *value) {
  g_free(*member);
  *member = g_strdup(value);
}

static void fill(BerthRow *row, const BerthPlace *place) {
  if (place->actual.type != BERTH_ADDRESS_NONE) {
    g_free(row->actual);
    row->actual = berth_model_address_to_string(&place->actual);
  } else if (place->bus != NULL) {
    set_text(&row->actual, place->bus);
  }
  if (place->state != BERTH_PLACE_BUILTIN)
    set_text(&row->state, berth_guest_place_state_name(place->state));
}

static BerthRow *extra_row(const BerthPlace *place) {
  BerthRow *row = berth_lib_row_empty();
  set_text(&row->id, place->id != NULL ? place->id : "");
  fill(row, place);
  return row;
}

static const BerthPlace *place_of(const GPtrArray *places, guint device) {
  for (guint i = 0; places != NULL && i < places->len; i++) {
    const BerthPlace *place = g_ptr_array_index(places, i);
    if (place->device == (int)device)
      return place;
  }
  return NULL;
}

GPtrArray *berth_lib_rows_of(const BerthPlan *plan, const GPtrArray *places, GHashTable *backend) {
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    const BerthPlace *place = place_of(places, i);
    if (place == NULL && !berth_lib_row_shown(device))
      continue;
    BerthRow *row = berth_lib_row_new(plan, device);
    if (place != NULL)
      fill(row, place);
    const char *behind = backend != NULL ? g_hash_table_lookup(backend, device) : NULL;
    if (behind != NULL)
      set_text(&row->backend, behind);
    g_ptr_array_add(rows, row);
  }
  for (guint i = 0; places != NULL && i < places->len; i++) {
    const BerthPlace *place = g_ptr_array_index(places, i);
    if (place->device < 0)
      g_ptr_array_add(rows, extra_row(place));
  }
  return rows;
}

static GPtrArray *running_rows(Berth *berth, const BerthStoreGuest *guest, gboolean *drift, GError **error) {
  g_auto(BerthLibLive) live = {0};
  if (!berth_lib_live_open(&live, berth, guest->uuid, error))
    return NULL;
  g_autoptr(GPtrArray) places =
      berth_guest_read_back(live.control, live.plan->inventory, berth_families, NULL,
                            READ_BACK_MS + READ_BACK_DEVICE_MS * live.plan->inventory->devices->len, error);
  if (places == NULL)
    return NULL;
  g_autoptr(GPtrArray) rows = berth_lib_rows_of(live.plan, places, NULL);
  return drift == NULL || berth_lib_verify(&live, rows, drift, error) ? g_steal_pointer(&rows) : NULL;
}

static gboolean runs(const BerthStoreGuest *guest) {
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&guest->run);
  return qemu != NULL;
}

GPtrArray *berth_devices(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return NULL;
  if (runs(found))
    return running_rows(berth, found, NULL, error);
  g_autoptr(BerthPlan) plan = berth_plan_of_guest(berth, found->uuid, error);
  return plan != NULL ? berth_lib_rows_of(plan, NULL, NULL) : NULL;
}

GPtrArray *berth_verify(Berth *berth, const char *guest, gboolean *drift, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return NULL;
  if (runs(found))
    return running_rows(berth, found, drift, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", found->name);
  return NULL;
}
