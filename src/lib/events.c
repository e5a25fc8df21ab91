/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What history tells of a running guest: each change of its hardware, recorded in the write that makes it. */
#include "lib/live.h"

#include <string.h>

/* ---- what is said of an element ---- */

typedef struct {
  GPtrArray *paths;   /* in the order of the document; owned by … */
  GHashTable *values; /* … path -> value, of equal paths the first */
} Said;

static void said_clear(Said *said) {
  g_ptr_array_unref(said->paths);
  g_hash_table_unref(said->values);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Said, said_clear)

static void add(Said *said, const char *path, const char *value) {
  g_autofree char *text = g_strstrip(g_strdup(value != NULL ? value : ""));
  if (*text == '\0' || g_hash_table_contains(said->values, path))
    return;
  char *key = g_strdup(path);
  g_hash_table_insert(said->values, key, g_steal_pointer(&text));
  g_ptr_array_add(said->paths, key);
}

static void collect(Said *said, const BerthXmlNode *node, const char *prefix) {
  for (guint i = 0; i < node->n_attributes; i++) {
    g_autofree char *path = g_strconcat(prefix, "@", node->attributes[i].name, NULL);
    add(said, path, node->attributes[i].value);
  }
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    g_autofree char *path = g_strconcat(prefix, child->name, NULL), *below = g_strconcat(path, "/", NULL);
    add(said, path, child->first == NULL ? child->text : NULL);
    collect(said, child, below);
  }
}

static void said_init(Said *said, const BerthXmlNode *node) {
  said->paths = g_ptr_array_new();
  said->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  collect(said, node, "");
}

/* A text stays in one line. */
static char *told(const char *name, const char *path, const char *value) {
  char *text = value != NULL ? g_strdup_printf("%s: %s='%s'", name, path, value) : g_strdup_printf("%s: no %s", name, path);
  return g_strdelimit(text, "\n\r", ' ');
}

GStrv berth_lib_event_changed(const char *name, const BerthXmlNode *was, const BerthXmlNode *now) {
  g_auto(Said) before = {0}, after = {0};
  said_init(&before, was);
  said_init(&after, now);
  GPtrArray *lines = g_ptr_array_new();
  for (guint i = 0; i < after.paths->len; i++) {
    const char *path = g_ptr_array_index(after.paths, i), *value = g_hash_table_lookup(after.values, path);
    if (g_strcmp0(value, g_hash_table_lookup(before.values, path)) != 0)
      g_ptr_array_add(lines, told(name, path, value));
  }
  for (guint i = 0; i < before.paths->len; i++) {
    const char *path = g_ptr_array_index(before.paths, i);
    if (!g_hash_table_contains(after.values, path))
      g_ptr_array_add(lines, told(name, path, NULL));
  }
  g_ptr_array_add(lines, NULL);
  return (GStrv)g_ptr_array_free(lines, FALSE);
}

/* ---- events ---- */

/* Who wanted it: the command whose change is pending, else the guest itself. (transfer full) */
static char *command_of(Berth *berth, const char *uuid, const char *id) {
  g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, uuid, NULL);
  const BerthStoreChange *change = berth_store_changes_find(changes, id);
  return g_strdup(change == NULL ? "guest" : *change->command != '\0' ? change->command : "unknown");
}

static gboolean is_empty(GStrv lines) {
  return lines == NULL || lines[0] == NULL;
}

gboolean berth_lib_event(Berth *berth, BerthStoreWrite *write, const char *uuid, const char *id, BerthStoreEvent *event,
                         GError **error) {
  if (is_empty(event->came) && is_empty(event->went) && is_empty(event->changed))
    return TRUE;
  event->made = berth_base_env_timestamp(berth->env);
  event->command = command_of(berth, uuid, id);
  return berth_store_write_event(write, uuid, event, error);
}
