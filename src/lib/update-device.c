/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that stay where they are, but change. */
#include "lib/update.h"

#include <string.h>

#include "families/families.h"
#include "guest/medium.h"
#include "kinds/kinds.h"
#include "xml/splice.h"

/* ---- elements ---- */

static void keep_child(BerthXmlEdits *edits, BerthXmlDraft *draft, const BerthXmlNode *node, const BerthXmlNode *old,
                       const char *name) {
  const BerthXmlNode *child = berth_xml_node_child(old, name);
  if (child != NULL && berth_xml_node_child(node, name) == NULL)
    berth_xml_draft_add(draft, berth_xml_draft_of(edits, child, NULL));
}

/* What a new version need not say. */
static const char *const kept[] = {"mac", "alias", "address", NULL};

BerthXmlDraft *berth_lib_update_draft(BerthXmlEdits *edits, const BerthXmlNode *node, const BerthXmlNode *old) {
  BerthXmlDraft *draft = berth_xml_draft_of(edits, node, NULL);
  for (gsize i = 0; kept[i] != NULL; i++)
    keep_child(edits, draft, node, old, kept[i]);
  return draft;
}

static const BerthXmlNode *skip_kept(const BerthXmlNode *child) {
  while (child != NULL && g_strv_contains(kept, child->name))
    child = child->next;
  return child;
}

gboolean berth_lib_update_is_same(const BerthXmlNode *node, const BerthXmlNode *old) {
  for (gsize i = 0; kept[i] != NULL; i++) {
    const BerthXmlNode *child = berth_xml_node_child(node, kept[i]), *before = berth_xml_node_child(old, kept[i]);
    if (child != NULL && (before == NULL || !berth_xml_node_equal(child, before)))
      return FALSE;
  }
  const BerthXmlNode *child = skip_kept(node->first), *before = skip_kept(old->first);
  while (child != NULL && before != NULL && berth_xml_node_equal(child, before)) {
    child = skip_kept(child->next);
    before = skip_kept(before->next);
  }
  return child == NULL && before == NULL && berth_xml_node_attributes_equal(node, old);
}

/* @fragment as the new version of the element @old. */
static BerthXmlDocument *merged(const BerthXmlDocument *fragment, const BerthXmlDocument *old, GError **error) {
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(old);
  berth_xml_edits_replace(edits, old->root, berth_lib_update_draft(edits, fragment->root, old->root));
  return berth_xml_edits_document(edits, error);
}

/* ---- a running guest's device ---- */

/* Two versions of one device. */
typedef struct {
  BerthPlan *plan[2];
  const BerthDevice *device[2];
  BerthQemu *objects[2];
  guint changes;
} Versions;

static void versions_clear(Versions *versions) {
  for (gsize i = 0; i < G_N_ELEMENTS(versions->plan); i++) {
    g_clear_pointer(&versions->objects[i], berth_model_qemu_free);
    g_clear_pointer(&versions->plan[i], berth_plan_free);
  }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Versions, versions_clear)

static gboolean describe(const Berth *berth, Versions *versions, gsize which, const BerthStoreGuest *guest,
                         BerthXmlDocument *document, const BerthFacts *facts, const char *id, GError **error) {
  g_autoptr(BerthXmlDocument) owned = document;
  g_autoptr(BerthRecord) record = owned != NULL ? berth_record_parse(guest->run.record, -1, guest->name, error) : NULL;
  if (record == NULL)
    return FALSE;
  BerthPlan *plan = berth_lib_live_plan(g_steal_pointer(&owned), record, facts, NULL, error);
  versions->plan[which] = plan;
  const BerthDevice *device = plan != NULL ? berth_lib_live_device(plan, id) : NULL;
  if (device == NULL) {
    if (plan != NULL)
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': has no device with alias '%.80s'", guest->name, id);
    return FALSE;
  }
  versions->device[which] = device;
  if (which > 0)
    berth_lib_live_keep_chosen(versions->plan[0], plan);
  versions->objects[which] = berth_lib_live_build(berth, guest, facts, plan, device, error);
  return versions->objects[which] != NULL;
}

/* The device @id as it is, and as @element has it. */
static gboolean versions_init(const Berth *berth, Versions *versions, const BerthStoreGuest *guest, const BerthFacts *facts,
                              const char *id, const BerthXmlDocument *element, GError **error) {
  g_autofree char *file = berth_lib_live_file(guest->name);
  if (!describe(berth, versions, 0, guest, berth_xml_document_parse(guest->run.document, file, error), facts, id, error) ||
      !describe(berth, versions, 1, guest, berth_lib_live_replace(guest->run.document, file, id, element->root, error), facts, id,
                error))
    return FALSE;
  g_autofree char *why =
      berth_kinds_changes(versions->device[0], versions->objects[0], versions->device[1], versions->objects[1], &versions->changes);
  if (why == NULL)
    return TRUE;
  g_autofree char *name = berth_model_device_name(versions->device[0]);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "guest '%s': %s: %s; change it with --config, for the next start",
              guest->name, name, why);
  return FALSE;
}

static gint64 requested(const BerthQemu *objects) {
  const BerthQemuObject *device = g_ptr_array_index(objects->objects, objects->objects->len - 1);
  return berth_json_member_int(device->props, "requested-size", 0);
}

/* @how: BerthMediumHow. Of what is no medium, twice is as once. */
static gboolean apply(BerthQmp *qmp, const Versions *versions, guint how, GError **error) {
  const BerthDevice *device = versions->device[1];
  const BerthQemu *before = versions->objects[0], *after = versions->objects[1];
  if ((versions->changes & BERTH_KINDS_MEDIUM) != 0)
    return berth_guest_change_medium(qmp, before, after, how, error);
  if ((versions->changes & BERTH_KINDS_LINK) != 0)
    return berth_guest_set_link(qmp, device->id, !berth_model_device_is(device, "link/@state", "down"), error);
  if ((versions->changes & BERTH_KINDS_REQUESTED) != 0)
    return berth_guest_request_memory(qmp, device->id, requested(after), error);
  return TRUE;
}

gboolean berth_lib_update_again(const Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const char *id, GBytes *xml) {
  g_auto(Versions) versions = {0};
  g_autoptr(BerthXmlDocument) element = berth_xml_document_parse(xml, guest->name, NULL);
  return element != NULL && versions_init(berth, &versions, guest, NULL, id, element, NULL) &&
         apply(qmp, &versions, BERTH_MEDIUM_FORCED | BERTH_MEDIUM_AGAIN, NULL);
}

/* Whether QEMU has done what it has not answered to, nobody knows: so it is told again. */
static gboolean apply_surely(BerthLibLive *live, const Versions *versions, guint how, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (apply(live->control, versions, how, &failure))
    return TRUE;
  if (!berth_qmp_unsure(live->control) || !berth_lib_live_sure(live)) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  return apply(live->control, versions, how | BERTH_MEDIUM_AGAIN, error);
}

gboolean berth_lib_update_check(const BerthLibLive *live, const char *id, const BerthXmlDocument *element, gboolean *changes,
                                GError **error) {
  g_auto(Versions) versions = {0};
  if (!versions_init(live->berth, &versions, live->guest, live->facts, id, element, error))
    return FALSE;
  *changes = versions.changes != 0;
  return TRUE;
}

/* Recorded as changing, changed, recorded as changed. */
gboolean berth_lib_update_running(BerthLibLive *live, const char *id, const BerthXmlDocument *element, const char *command,
                                  guint flags, BerthLibConfig *config, GError **error) {
  const BerthStoreGuest *guest = live->guest;
  g_auto(Versions) versions = {0};
  if (!versions_init(live->berth, &versions, guest, live->facts, id, element, error))
    return FALSE;
  if (config != NULL) {
    config->facts = live->facts;
    config->run = &guest->run;
    if (!berth_lib_config_change(NULL, config, error))
      return FALSE;
  }
  if ((flags & BERTH_CHANGE_DRY_RUN) != 0)
    return TRUE;
  const char *state = config != NULL ? BERTH_STORE_UPDATING_BOTH : BERTH_STORE_UPDATING;
  if (!berth_lib_live_note(live->berth, guest->uuid, &guest->run, id, state, command, element->bytes, NULL, NULL, error))
    return FALSE;
  if (!berth_lib_owner_give_running(live->berth, guest, versions.objects[1], error) ||
      !apply_surely(live, &versions, (flags & BERTH_CHANGE_FORCE) != 0 ? BERTH_MEDIUM_FORCED : 0, error)) {
    g_prefix_error(error, "guest '%s': ", guest->name);
    /* If QEMU still owes an answer, the change stays on record, for the next command to finish. */
    if (live->control != NULL && !berth_qmp_unsure(live->control))
      berth_lib_live_drop(live->berth, guest->uuid, &guest->run, id, NULL);
    return FALSE;
  }
  return berth_lib_live_commit(live->berth, guest->uuid, &guest->run, id, element->bytes,
                               config != NULL ? berth_lib_config_change : NULL, config, error);
}

/* ---- either, or both ---- */

/* The element of @device, as text that stands alone. */
static BerthXmlDocument *alone(const BerthDevice *device, const char *file, GError **error) {
  if (device->node == NULL) {
    g_autofree char *name = berth_model_device_name(device);
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "%s: is not written in the definition", name);
    return NULL;
  }
  return berth_xml_node_document(device->node, file, error);
}

/* What @device is to become; NULL: there is none. */
static BerthXmlDocument *edited(const BerthDevice *device, const BerthLibEdit *edit, GError **error) {
  g_autoptr(BerthXmlDocument) element = device != NULL ? alone(device, edit->file, error) : NULL;
  return element != NULL ? edit->edited(device, element, edit->data, error) : NULL;
}

/* The same of the device of @plan. */
static BerthXmlDocument *changed(const BerthPlan *plan, gconstpointer data, GError **error) {
  const BerthLibEdit *edit = data;
  return edited(edit->find(plan, edit->data, error), edit, error);
}

static gboolean update_live(Berth *berth, const char *uuid, const BerthLibEdit *edit, guint flags, BerthLibConfig *config,
                            GPtrArray **rows, GError **error) {
  g_auto(BerthLibLive) live = {0};
  if (!berth_lib_live_open(&live, berth, uuid, error))
    return FALSE;
  const BerthDevice *device = edit->find(live.plan, edit->data, error);
  g_autoptr(BerthXmlDocument) element = edited(device, edit, error);
  if (element == NULL)
    return FALSE;
  g_autofree char *id = g_strdup(device->id);
  g_ptr_array_add(*rows, berth_lib_row_new(live.plan, device));
  return berth_lib_update_running(&live, id, element, edit->command, flags, config, error);
}

gboolean berth_lib_update(Berth *berth, const char *guest, const BerthLibEdit *edit, guint flags, GPtrArray **rows,
                          GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  BerthLibConfig change = {.berth = berth, .uuid = uuid, .command = edit->command, .changed = changed, .data = edit};
  if (live ? !update_live(berth, uuid, edit, flags, config ? &change : NULL, &found, error)
           : !berth_lib_config_alone(&change, (flags & BERTH_CHANGE_DRY_RUN) != 0, &found, error))
    return FALSE;
  if (rows != NULL)
    *rows = g_steal_pointer(&found);
  return TRUE;
}

/* ---- as the user has written it ---- */

static const BerthDevice *find_like(const BerthPlan *plan, gpointer data, GError **error) {
  return berth_lib_live_find(plan, data, error);
}

static BerthXmlDocument *as_written(const BerthDevice *device, const BerthXmlDocument *element, gpointer data, GError **error) {
  (void)device;
  return merged(data, element, error);
}

gboolean berth_lib_update_element(Berth *berth, const char *guest, BerthXmlDocument *written, const char *command, guint flags,
                                  GPtrArray **rows, GError **error) {
  const BerthLibEdit edit = {.command = command, .file = written->file, .find = find_like, .edited = as_written, .data = written};
  return berth_lib_update(berth, guest, &edit, flags, rows, error);
}

gboolean berth_update_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags, GPtrArray **rows,
                             GError **error) {
  g_autoptr(BerthXmlDocument) written = berth_lib_live_fragment(xml, file, error);
  return written != NULL && berth_lib_update_element(berth, guest, written, "update-device", flags, rows, error);
}
