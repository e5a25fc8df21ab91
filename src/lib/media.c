/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a drive, and whether a cable is plugged in. */
#include "lib/update.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "xml/splice.h"

/* ---- media ---- */

typedef struct {
  const char *drive, *source;
  BerthMediumAction action;
} Medium;

static const char *source_of(const BerthDevice *device) {
  static const char *const paths[] = {"source/@file", "source/@dev"};
  for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
    if (berth_model_device_get(device, paths[i]) != NULL)
      return berth_model_device_get(device, paths[i]);
  return NULL;
}

static gboolean has_medium(const BerthDevice *device) {
  return berth_xml_node_child(device->node, "source") != NULL;
}

static const BerthDevice *find_drive(const BerthPlan *plan, gpointer data, GError **error) {
  const Medium *medium = data;
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(plan->inventory, BERTH_DISK, &i)) != NULL;) {
    if (!berth_model_device_is(device, "target/@dev", medium->drive) && g_strcmp0(source_of(device), medium->drive) != 0 &&
        g_strcmp0(device->id, medium->drive) != 0)
      continue;
    if (berth_model_device_is(device, "@device", "cdrom") || berth_model_device_is(device, "@device", "floppy"))
      return device;
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "disk '%.80s': is no cdrom or floppy", medium->drive);
    return NULL;
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "disk '%.80s': there is none; its target or its source names it",
              medium->drive);
  return NULL;
}

static gboolean check_action(const Medium *medium, const BerthDevice *device, GError **error) {
  if (medium->action == BERTH_MEDIUM_INSERT && has_medium(device))
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "disk '%.80s': has a medium already; --update replaces it", medium->drive);
  else if (medium->action == BERTH_MEDIUM_EJECT && !has_medium(device))
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "disk '%.80s': has no medium", medium->drive);
  else
    return TRUE;
  return FALSE;
}

static BerthXmlDocument *with_medium(const BerthDevice *device, const BerthXmlDocument *element, gpointer data, GError **error) {
  static const char *const old[] = {"source", "backingStore"};
  const Medium *medium = data;
  if (!check_action(medium, device, error))
    return NULL;
  GStatBuf status;
  gboolean block = medium->source != NULL && g_stat(medium->source, &status) == 0 && S_ISBLK(status.st_mode);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(element);
  for (gsize i = 0; i < G_N_ELEMENTS(old); i++) {
    const BerthXmlNode *node = berth_xml_node_child(element->root, old[i]);
    if (node != NULL)
      berth_xml_edits_replace(edits, node, NULL);
  }
  berth_xml_edits_set(edits, element->root, "@type", block ? "block" : "file");
  berth_xml_edits_remove_attribute(edits, berth_xml_node_child(element->root, "target"), "tray");
  if (medium->source != NULL && medium->action != BERTH_MEDIUM_EJECT) {
    BerthXmlDraft *source = berth_xml_draft_new(edits, "source");
    berth_xml_draft_set(source, block ? "@dev" : "@file", medium->source);
    berth_xml_edits_add(edits, element->root, NULL, source);
  }
  return berth_xml_edits_document(edits, error);
}

gboolean berth_change_media(Berth *berth, const char *guest, const char *drive, const char *source, BerthMediumAction action,
                            guint flags, GError **error) {
  Medium medium = {.drive = drive, .source = source, .action = action};
  const BerthLibEdit edit = {.command = "change-media", .file = guest, .find = find_drive, .edited = with_medium, .data = &medium};
  return berth_lib_update(berth, guest, &edit, flags, NULL, error);
}

/* ---- links ---- */

typedef struct {
  const char *interface;
  gboolean up;
} Link;

static const BerthDevice *find_interface(const BerthPlan *plan, gpointer data, GError **error) {
  const Link *link = data;
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(plan->inventory, BERTH_INTERFACE, &i)) != NULL;) {
    const char *mac = berth_model_device_get(device, "mac/@address");
    if ((mac != NULL && g_ascii_strcasecmp(mac, link->interface) == 0) ||
        berth_model_device_is(device, "target/@dev", link->interface) || g_strcmp0(device->id, link->interface) == 0)
      return device;
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "interface '%.80s': there is none; its MAC, target or alias names it",
              link->interface);
  return NULL;
}

static BerthXmlDocument *with_link(const BerthDevice *device, const BerthXmlDocument *element, gpointer data, GError **error) {
  const Link *link = data;
  (void)device;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(element);
  berth_xml_edits_set(edits, element->root, "link/@state", link->up ? "up" : "down");
  return berth_xml_edits_document(edits, error);
}

gboolean berth_set_link(Berth *berth, const char *guest, const char *interface, gboolean up, guint flags, GError **error) {
  Link link = {.interface = interface, .up = up};
  const BerthLibEdit edit = {.command = "domif-setlink", .file = guest, .find = find_interface, .edited = with_link, .data = &link};
  return berth_lib_update(berth, guest, &edit, flags, NULL, error);
}

/* The plan of what runs, if @live, else of the definition. */
static BerthPlan *plan_of(Berth *berth, const char *uuid, gboolean live, GError **error) {
  if (!live)
    return berth_plan_of_guest(berth, uuid, error);
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
  return guest != NULL ? berth_lib_live_stored(guest, NULL, error) : NULL;
}

gboolean berth_get_link(Berth *berth, const char *guest, const char *interface, guint flags, gboolean *up, GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  Link link = {.interface = interface};
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  g_autoptr(BerthPlan) plan = plan_of(berth, uuid, live, error);
  const BerthDevice *device = plan != NULL ? find_interface(plan, &link, error) : NULL;
  if (device == NULL)
    return FALSE;
  *up = !berth_model_device_is(device, "link/@state", "down");
  return TRUE;
}
