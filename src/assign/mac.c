/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#define MAC_PATH "mac/@address"

static void add_used(GHashTable *used, const char *mac) {
  if (mac != NULL)
    g_hash_table_add(used, g_ascii_strdown(mac, -1));
}

/* The MACs of this document and those that the record keeps for devices that are gone. (transfer full) */
static GHashTable *used_macs(const BerthAssignment *assignment) {
  GHashTable *used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const BerthDevice *interface;
  for (guint i = 0; (interface = berth_model_inventory_walk(assignment->inventory, BERTH_INTERFACE, &i)) != NULL;)
    add_used(used, berth_model_device_get(interface, MAC_PATH));
  for (guint i = 0; assignment->record != NULL && i < assignment->record->entries->len; i++) {
    const BerthRecordEntry *entry = assignment->record->entries->pdata[i];
    for (guint j = 0; entry->sets != NULL && j < entry->sets->len; j++) {
      const BerthSet *set = &g_array_index(entry->sets, BerthSet, j);
      if (g_strcmp0(set->path, MAC_PATH) == 0)
        add_used(used, set->value);
    }
  }
  return used;
}

/* 52:54:00 is QEMU's own prefix; the rest comes from the guest and the NIC's number, stepped while the result is taken. */
static char *derive_mac(const char *guest, guint ordinal, GHashTable *used) {
  for (guint step = 0;; step++) {
    g_autofree char *seed = g_strdup_printf("%s/%u/%u", guest, ordinal, step);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)seed, -1);
    const char *hex = g_checksum_get_string(checksum);
    g_autofree char *mac = g_strdup_printf("52:54:00:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4);
    if (!g_hash_table_contains(used, mac))
      return g_steal_pointer(&mac);
  }
}

void berth_assign_macs(BerthAssignment *assignment) {
  g_autoptr(GHashTable) used = NULL;
  const char *guest = berth_model_device_get(assignment->inventory->domain, "uuid");
  if (guest == NULL)
    guest = berth_model_device_get(assignment->inventory->domain, "name");
  g_autofree char *stripped = g_strstrip(g_strdup(guest != NULL ? guest : ""));
  BerthDevice *interface;
  guint ordinal = 0;
  for (guint i = 0; (interface = berth_model_inventory_walk(assignment->inventory, BERTH_INTERFACE, &i)) != NULL; ordinal++) {
    if (berth_model_device_get(interface, MAC_PATH) != NULL)
      continue;
    if (used == NULL)
      used = used_macs(assignment);
    g_autofree char *mac = derive_mac(stripped, ordinal, used);
    berth_model_device_set(interface, MAC_PATH, mac);
    g_hash_table_add(used, g_steal_pointer(&mac));
  }
}
