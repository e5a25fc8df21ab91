/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/facts.h"

#include <json-glib/json-glib.h>

/* Answers in another form are asked again, so the number only has to differ. */
#define FACTS_VERSION 2

BerthFacts *berth_facts_new(void) {
  BerthFacts *facts = g_new0(BerthFacts, 1);
  facts->machines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  facts->deprecated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  facts->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return facts;
}

void berth_facts_free(BerthFacts *facts) {
  if (facts == NULL)
    return;
  g_free(facts->binary);
  g_clear_pointer(&facts->machines, g_hash_table_unref);
  g_clear_pointer(&facts->deprecated, g_hash_table_unref);
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
static void add_names(JsonBuilder *builder, const char *member, GHashTable *set) {
  g_autoptr(GPtrArray) keys = sorted_keys(set);
  g_ptr_array_add(keys, NULL);
  g_autofree char *names = g_strjoinv(" ", (char **)keys->pdata);
  json_builder_set_member_name(builder, member);
  json_builder_add_string_value(builder, names);
}

static void add_int(JsonBuilder *builder, const char *member, gint64 value) {
  json_builder_set_member_name(builder, member);
  json_builder_add_int_value(builder, value);
}

char *berth_facts_to_json(const BerthFacts *facts) {
  g_autoptr(JsonBuilder) builder = json_builder_new();
  json_builder_begin_object(builder);
  add_int(builder, "berth-facts", FACTS_VERSION);
  json_builder_set_member_name(builder, "binary");
  json_builder_add_string_value(builder, facts->binary != NULL ? facts->binary : "");
  add_int(builder, "mtime", facts->mtime);
  add_int(builder, "size", facts->size);
  add_int(builder, "major", facts->major);
  add_int(builder, "minor", facts->minor);
  add_int(builder, "micro", facts->micro);
  g_autoptr(GPtrArray) machines = sorted_keys(facts->machines);
  json_builder_set_member_name(builder, "machines");
  json_builder_begin_object(builder);
  for (guint i = 0; i < machines->len; i++) {
    json_builder_set_member_name(builder, machines->pdata[i]);
    json_builder_add_string_value(builder, g_hash_table_lookup(facts->machines, machines->pdata[i]));
  }
  json_builder_end_object(builder);
  add_names(builder, "deprecated", facts->deprecated);
  add_names(builder, "devices", facts->devices);
  json_builder_end_object(builder);

  g_autoptr(JsonNode) root = json_builder_get_root(builder);
  g_autofree char *text = json_to_string(root, FALSE);
  return g_strconcat(text, "\n", NULL);
}

static gboolean is_string(JsonNode *node) {
  return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static gboolean read_names(JsonObject *object, const char *member, GHashTable *set) {
  JsonNode *node = json_object_get_member(object, member);
  if (!is_string(node))
    return FALSE;
  g_autofree GStrv names = g_strsplit(json_node_get_string(node), " ", -1);
  for (guint i = 0; names[i] != NULL; i++)
    g_hash_table_add(set, names[i]);
  return TRUE;
}

static gboolean read_machines(JsonObject *object, GHashTable *machines) {
  JsonNode *node = json_object_get_member(object, "machines");
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
    return FALSE;
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init(&iter, json_node_get_object(node));
  while (json_object_iter_next(&iter, &name, &value)) {
    if (!is_string(value))
      return FALSE;
    g_hash_table_insert(machines, g_strdup(name), g_strdup(json_node_get_string(value)));
  }
  return TRUE;
}

static gboolean read_int(JsonObject *object, const char *member, gint64 *value) {
  JsonNode *node = json_object_get_member(object, member);
  if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
    return FALSE;
  *value = json_node_get_int(node);
  return TRUE;
}

static gboolean read_facts(BerthFacts *facts, JsonObject *object) {
  gint64 version, major, minor, micro;
  if (!read_int(object, "berth-facts", &version) || version != FACTS_VERSION ||
      !is_string(json_object_get_member(object, "binary")) || !read_int(object, "mtime", &facts->mtime) ||
      !read_int(object, "size", &facts->size) || !read_int(object, "major", &major) || !read_int(object, "minor", &minor) ||
      !read_int(object, "micro", &micro))
    return FALSE;
  facts->binary = g_strdup(json_object_get_string_member(object, "binary"));
  facts->major = (guint)CLAMP(major, 0, G_MAXUINT16);
  facts->minor = (guint)CLAMP(minor, 0, G_MAXUINT16);
  facts->micro = (guint)CLAMP(micro, 0, G_MAXUINT16);
  return read_machines(object, facts->machines) && read_names(object, "deprecated", facts->deprecated) &&
         read_names(object, "devices", facts->devices);
}

BerthFacts *berth_facts_from_json(const char *json, gssize length, GError **error) {
  g_autoptr(JsonParser) parser = json_parser_new();
  g_autoptr(GError) problem = NULL;
  if (!json_parser_load_from_data(parser, json, length, &problem)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "facts: %s", problem->message);
    return NULL;
  }
  JsonNode *root = json_parser_get_root(parser);
  g_autoptr(BerthFacts) facts = berth_facts_new();
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root) || !read_facts(facts, json_node_get_object(root))) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "facts: not a record of facts of version %d", FACTS_VERSION);
    return NULL;
  }
  return g_steal_pointer(&facts);
}

const char *berth_facts_machine(const BerthFacts *facts, const char *name) {
  return facts == NULL ? name : g_hash_table_lookup(facts->machines, name);
}

gboolean berth_facts_has_device(const BerthFacts *facts, const char *driver) {
  return facts == NULL || g_hash_table_contains(facts->devices, driver);
}
