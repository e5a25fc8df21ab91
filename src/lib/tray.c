/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trays that the guest opens and closes by itself. What is recorded is what QEMU says now, so that no missed event matters. */
#include "lib/live.h"

#include "guest/medium.h"
#include "xml/splice.h"

/* The element of a drive with the tray as it is; NULL: it says so already. */
static GBytes *told(GBytes *element, gboolean open) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(element, "drive", NULL);
  const BerthXmlNode *target = parsed != NULL ? berth_xml_node_child(parsed->root, "target") : NULL;
  const char *tray = berth_xml_node_get(target, "@tray");
  if (target == NULL || open == (g_strcmp0(tray, "open") == 0))
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  if (open)
    berth_xml_edits_set(edits, parsed->root, "target/@tray", "open");
  else
    berth_xml_edits_remove_attribute(edits, target, "tray");
  return berth_xml_edits_apply(edits);
}

static gboolean record(Berth *berth, const BerthStoreGuest *guest, GHashTable *ids, gboolean open, GError **error) {
  GHashTableIter iterator;
  gpointer id = NULL;
  g_hash_table_iter_init(&iterator, ids);
  while (g_hash_table_iter_next(&iterator, &id, NULL)) {
    g_autoptr(GBytes) element = berth_lib_live_element(guest->run.document, id);
    g_autoptr(GBytes) changed = element != NULL ? told(element, open) : NULL;
    if (changed != NULL && !berth_lib_live_commit(berth, guest->uuid, &guest->run, id, changed, NULL, NULL, error))
      return FALSE;
  }
  return TRUE;
}

/* Most guests have no drive that QEMU needs to be asked about. */
static gboolean has_trays(const BerthStoreGuest *guest) {
  gsize size = 0;
  const char *text = g_bytes_get_data(guest->run.document, &size);
  return g_strstr_len(text, (gssize)size, "cdrom") != NULL;
}

gboolean berth_lib_trays(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error) {
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
  if (guest == NULL || guest->run.document == NULL || !has_trays(guest))
    return guest != NULL;
  g_autoptr(GHashTable) closed = NULL;
  g_autoptr(GHashTable) open = berth_guest_open_trays(qmp, &closed, error);
  return open != NULL && record(berth, guest, open, TRUE, error) && record(berth, guest, closed, FALSE, error);
}
