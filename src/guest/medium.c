/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/medium.h"

#include <string.h>

#include "emit/emit.h"
#include "guest/control.h"

#define OPEN_TRIES 50
#define OPEN_STEP_US 100000ul
#define TRIAL "berth-trial"

static json_object *ask(BerthQmp *qmp, const char *command, json_object *arguments, GError **error) {
  return berth_qmp_execute(qmp, command, arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
}

/* @command with one or two words; @name NULL: one. */
static gboolean tell(BerthQmp *qmp, const char *command, const char *key, const char *value, const char *name, const char *text,
                     GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, key, value);
  if (name != NULL)
    berth_json_set_string(arguments, name, text);
  g_autoptr(json_object) answer = ask(qmp, command, arguments, error);
  return answer != NULL;
}

/* ---- trays ---- */

GHashTable *berth_guest_open_trays(BerthQmp *qmp, GHashTable **closed, GError **error) {
  g_autoptr(json_object) answer = ask(qmp, "query-block", NULL, error);
  if (!json_object_is_type(answer, json_type_array)) {
    if (answer != NULL)
      g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"query-block\" with something else");
    return NULL;
  }
  GHashTable *open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (closed != NULL)
    *closed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < json_object_array_length(answer); i++) {
    json_object *node = json_object_array_get_idx(answer, i);
    const char *id = berth_json_member_string(node, "qdev");
    json_object *tray = id != NULL ? berth_json_member(node, "tray_open") : NULL;
    if (tray != NULL && json_object_get_boolean(tray))
      g_hash_table_add(open, g_strdup(id));
    else if (tray != NULL && closed != NULL)
      g_hash_table_add(*closed, g_strdup(id));
  }
  return open;
}

/* A guest that has locked the tray is asked, and may take its time. */
static gboolean open_tray(BerthQmp *qmp, const char *id, gboolean force, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "id", id);
  berth_json_set_boolean(arguments, "force", force);
  for (guint tries = 0; tries < OPEN_TRIES; tries++) {
    g_autoptr(json_object) answer = tries == 0 ? ask(qmp, "blockdev-open-tray", arguments, error) : NULL;
    g_autoptr(GHashTable) closed = NULL;
    g_autoptr(GHashTable) open = tries > 0 || answer != NULL ? berth_guest_open_trays(qmp, &closed, error) : NULL;
    if (open == NULL)
      return FALSE;
    /* A floppy has no tray. */
    if (!g_hash_table_contains(closed, id))
      return TRUE;
    g_usleep(OPEN_STEP_US);
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_REFUSED_BY_GUEST, "%s: the guest keeps the tray locked; --force opens it", id);
  return FALSE;
}

/* ---- media ---- */

static const BerthQemuObject *last_of(const BerthQemu *objects, BerthQemuForm form) {
  for (guint i = objects->objects->len; i-- > 0;) {
    const BerthQemuObject *object = g_ptr_array_index(objects->objects, i);
    if (object->form == form)
      return object;
  }
  return NULL;
}

static const char *node_of(const BerthQemu *objects) {
  const BerthQemuObject *node = last_of(objects, BERTH_QEMU_BLOCKDEV);
  return node != NULL ? berth_json_member_string(node->props, "node-name") : NULL;
}

static gboolean add_node(BerthQmp *qmp, const BerthQemu *objects, GError **error) {
  g_autoptr(json_object) command = berth_emit_command(last_of(objects, BERTH_QEMU_BLOCKDEV));
  g_autoptr(json_object) answer = ask(qmp, "blockdev-add", berth_json_member(command, "arguments"), error);
  return answer != NULL;
}

/* Gives the nodes below @node other names, or none. */
static void rename_nodes(json_object *node, const char *name) {
  if (name != NULL)
    berth_json_set_string(node, "node-name", name);
  else
    json_object_object_del(node, "node-name");
  json_object_object_foreach(node, member, below) {
    (void)member;
    if (json_object_is_type(below, json_type_object))
      rename_nodes(below, NULL);
  }
}

/* What cannot be opened is found out before the old medium is out. */
static gboolean try_node(BerthQmp *qmp, const BerthQemu *objects, GError **error) {
  g_autoptr(json_object) command = berth_emit_command(last_of(objects, BERTH_QEMU_BLOCKDEV));
  g_autoptr(json_object) node = NULL;
  json_object_deep_copy(berth_json_member(command, "arguments"), &node, NULL);
  rename_nodes(node, TRIAL);
  g_autoptr(GError) failure = NULL;
  g_autoptr(json_object) answer = ask(qmp, "blockdev-add", node, &failure);
  /* One may be left of a trial whose end QEMU did not hear of. */
  if (answer == NULL && tell(qmp, "blockdev-del", "node-name", TRIAL, NULL, NULL, NULL))
    answer = ask(qmp, "blockdev-add", node, error);
  else if (answer == NULL)
    g_propagate_error(error, g_steal_pointer(&failure));
  return answer != NULL && tell(qmp, "blockdev-del", "node-name", TRIAL, NULL, NULL, error);
}

static gboolean insert(BerthQmp *qmp, const char *id, const BerthQemu *objects, GError **error) {
  const char *node = node_of(objects);
  return (node == NULL ||
          (add_node(qmp, objects, error) && tell(qmp, "blockdev-insert-medium", "id", id, "node-name", node, error))) &&
         tell(qmp, "blockdev-close-tray", "id", id, NULL, NULL, error);
}

/* The old node may be gone already. */
static gboolean take_out(BerthQmp *qmp, const char *id, const BerthQemu *before, const BerthQemu *after, GError **error) {
  const char *nodes[] = {node_of(before), node_of(after)};
  if (!tell(qmp, "blockdev-remove-medium", "id", id, NULL, NULL, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
    if (nodes[i] != NULL)
      tell(qmp, "blockdev-del", "node-name", nodes[i], NULL, NULL, NULL);
  return TRUE;
}

/* The file that the medium of @objects is; NULL: it is none, or there is none. (transfer none) */
static const char *file_of(const BerthQemu *objects) {
  const BerthQemuObject *object = last_of(objects, BERTH_QEMU_BLOCKDEV);
  json_object *node = object != NULL ? object->props : NULL;
  while (berth_json_member_object(node, "file") != NULL)
    node = berth_json_member_object(node, "file");
  return berth_json_member_string(node, "filename");
}

/* Whether the medium of @objects is in the drive @id. A guest may have locked the tray since. */
static gboolean is_in(BerthQmp *qmp, const char *id, const BerthQemu *objects) {
  const char *wanted = file_of(objects);
  g_autoptr(json_object) answer = wanted != NULL ? ask(qmp, "query-block", NULL, NULL) : NULL;
  for (gsize i = 0; i < berth_json_length(answer); i++) {
    json_object *node = json_object_array_get_idx(answer, i);
    json_object *inserted =
        g_strcmp0(berth_json_member_string(node, "qdev"), id) == 0 ? berth_json_member_object(node, "inserted") : NULL;
    if (inserted != NULL)
      return g_strcmp0(berth_json_member_string(inserted, "file"), wanted) == 0;
  }
  return FALSE;
}

gboolean berth_guest_change_medium(BerthQmp *qmp, const BerthQemu *before, const BerthQemu *after, guint how, GError **error) {
  const BerthQemuObject *device = last_of(after, BERTH_QEMU_DEVICE);
  const char *id = berth_json_member_string(device->props, "id");
  const BerthQemuObject *old = last_of(before, BERTH_QEMU_BLOCKDEV), *new = last_of(after, BERTH_QEMU_BLOCKDEV);
  gboolean same = old != NULL && new != NULL &&json_object_equal(old->props, new->props);
  gboolean again = (how & BERTH_MEDIUM_AGAIN) != 0;
  if (again && !same && is_in(qmp, id, after))
    return tell(qmp, "blockdev-close-tray", "id", id, NULL, NULL, error);
  gboolean can = new == NULL || same || try_node(qmp, after, error);
  if (!can && !again)
    return FALSE;
  if (can && open_tray(qmp, id, (how & BERTH_MEDIUM_FORCED) != 0, error) && take_out(qmp, id, before, after, error) &&
      insert(qmp, id, after, error))
    return TRUE;
  /* Where the tray has stayed closed, neither does anything. */
  take_out(qmp, id, after, before, NULL);
  insert(qmp, id, before, NULL);
  return FALSE;
}

/* ---- the rest ---- */

gboolean berth_guest_set_link(BerthQmp *qmp, const char *id, gboolean up, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "name", id);
  berth_json_set_boolean(arguments, "up", up);
  g_autoptr(json_object) answer = ask(qmp, "set_link", arguments, error);
  return answer != NULL;
}

gboolean berth_guest_request_memory(BerthQmp *qmp, const char *id, gint64 bytes, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  g_autofree char *path = g_strconcat("/machine/peripheral/", id, NULL);
  berth_json_set_string(arguments, "path", path);
  berth_json_set_string(arguments, "property", "requested-size");
  berth_json_set_int(arguments, "value", bytes);
  g_autoptr(json_object) answer = ask(qmp, "qom-set", arguments, error);
  return answer != NULL;
}
