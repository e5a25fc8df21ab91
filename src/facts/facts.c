/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/facts.h"

#include "base/json.h"

/* Answers in another form are asked again, so the number only has to differ. */
#define FACTS_VERSION 3

BerthFacts *berth_facts_new(void) {
  BerthFacts *facts = g_new0(BerthFacts, 1);
  facts->machines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  facts->deprecated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  facts->vcpus = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  facts->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return facts;
}

void berth_facts_free(BerthFacts *facts) {
  if (facts == NULL)
    return;
  g_free(facts->binary);
  g_clear_pointer(&facts->machines, g_hash_table_unref);
  g_clear_pointer(&facts->deprecated, g_hash_table_unref);
  g_clear_pointer(&facts->vcpus, g_hash_table_unref);
  g_clear_pointer(&facts->devices, g_hash_table_unref);
  g_free(facts);
}

/* Keys in an order that does not depend on hashing. (transfer container full) */
static GPtrArray *sorted_keys(GHashTable *table) {
  g_autoptr(GList) list = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)g_strcmp0);
  GPtrArray *keys = g_ptr_array_new();
  for (const GList *l = list; l != NULL; l = l->next)
    g_ptr_array_add(keys, l->data);
  return keys;
}

/* One string, for every command reads it: an array of hundreds of strings takes as long as all else that it reads. */
static void set_names(json_object *object, const char *member, GHashTable *set) {
  g_autoptr(GPtrArray) keys = sorted_keys(set);
  g_ptr_array_add(keys, NULL);
  g_autofree char *names = g_strjoinv(" ", (char **)keys->pdata);
  berth_json_set_string(object, member, names);
}

char *berth_facts_to_json(const BerthFacts *facts) {
  g_autoptr(json_object) object = json_object_new_object();
  berth_json_set_int(object, "berth-facts", FACTS_VERSION);
  berth_json_set_string(object, "binary", facts->binary != NULL ? facts->binary : "");
  berth_json_set_int(object, "mtime", facts->mtime);
  berth_json_set_int(object, "size", facts->size);
  berth_json_set_int(object, "major", facts->major);
  berth_json_set_int(object, "minor", facts->minor);
  berth_json_set_int(object, "micro", facts->micro);
  json_object *machines = json_object_new_object();
  berth_json_set(object, "machines", machines);
  g_autoptr(GPtrArray) names = sorted_keys(facts->machines);
  for (guint i = 0; i < names->len; i++)
    berth_json_set_string(machines, names->pdata[i], g_hash_table_lookup(facts->machines, names->pdata[i]));
  set_names(object, "deprecated", facts->deprecated);
  json_object *vcpus = json_object_new_object();
  berth_json_set(object, "vcpus", vcpus);
  g_autoptr(GPtrArray) limited = sorted_keys(facts->vcpus);
  for (guint i = 0; i < limited->len; i++)
    berth_json_set_int(vcpus, limited->pdata[i], GPOINTER_TO_UINT(g_hash_table_lookup(facts->vcpus, limited->pdata[i])));
  set_names(object, "devices", facts->devices);
  return g_strconcat(berth_json_line(object), "\n", NULL);
}

static gboolean read_names(json_object *object, const char *member, GHashTable *set) {
  const char *text = berth_json_member_string(object, member);
  if (text == NULL)
    return FALSE;
  g_autofree GStrv names = g_strsplit(text, " ", -1);
  for (guint i = 0; names[i] != NULL; i++)
    g_hash_table_add(set, names[i]);
  return TRUE;
}

static gboolean read_machines(json_object *object, GHashTable *machines) {
  json_object *node = berth_json_member_object(object, "machines");
  if (node == NULL)
    return FALSE;
  json_object_object_foreach(node, name, value) {
    if (berth_json_string(value) == NULL)
      return FALSE;
    g_hash_table_insert(machines, g_strdup(name), g_strdup(berth_json_string(value)));
  }
  return TRUE;
}

static gboolean read_vcpus(json_object *object, GHashTable *vcpus) {
  json_object *node = berth_json_member_object(object, "vcpus");
  if (node == NULL)
    return FALSE;
  json_object_object_foreach(node, name, value) {
    gint64 most = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
    if (most < 1 || most > G_MAXINT)
      return FALSE;
    g_hash_table_insert(vcpus, g_strdup(name), GUINT_TO_POINTER((guint)most));
  }
  return TRUE;
}

static gboolean read_int(json_object *object, const char *member, gint64 *value) {
  json_object *node = berth_json_member(object, member);
  if (!json_object_is_type(node, json_type_int))
    return FALSE;
  *value = json_object_get_int64(node);
  return TRUE;
}

static gboolean read_facts(BerthFacts *facts, json_object *object) {
  gint64 version, major, minor, micro;
  if (!read_int(object, "berth-facts", &version) || version != FACTS_VERSION ||
      berth_json_member_string(object, "binary") == NULL || !read_int(object, "mtime", &facts->mtime) ||
      !read_int(object, "size", &facts->size) || !read_int(object, "major", &major) || !read_int(object, "minor", &minor) ||
      !read_int(object, "micro", &micro))
    return FALSE;
  facts->binary = g_strdup(berth_json_member_string(object, "binary"));
  facts->major = (guint)CLAMP(major, 0, G_MAXUINT16);
  facts->minor = (guint)CLAMP(minor, 0, G_MAXUINT16);
  facts->micro = (guint)CLAMP(micro, 0, G_MAXUINT16);
  return read_machines(object, facts->machines) && read_names(object, "deprecated", facts->deprecated) &&
         read_vcpus(object, facts->vcpus) && read_names(object, "devices", facts->devices);
}

BerthFacts *berth_facts_from_json(const char *json, gssize length, GError **error) {
  g_autoptr(json_object) root = berth_json_parse(json, length, error);
  if (root == NULL) {
    g_prefix_error(error, "facts: ");
    return NULL;
  }
  g_autoptr(BerthFacts) facts = berth_facts_new();
  if (!read_facts(facts, root)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "facts: not a record of facts of version %d", FACTS_VERSION);
    return NULL;
  }
  return g_steal_pointer(&facts);
}

const char *berth_facts_machine(const BerthFacts *facts, const char *name) {
  return facts == NULL ? name : g_hash_table_lookup(facts->machines, name);
}

guint berth_facts_max_vcpus(const BerthFacts *facts, const char *canonical) {
  gpointer most = facts != NULL ? g_hash_table_lookup(facts->vcpus, canonical) : NULL;
  return most != NULL ? GPOINTER_TO_UINT(most) : G_MAXUINT;
}

gboolean berth_facts_has_device(const BerthFacts *facts, const char *driver) {
  return facts == NULL || g_hash_table_contains(facts->devices, driver);
}
