/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/node.h"

#include <berth/error.h>
#include <string.h>

const BerthXmlNode *berth_xml_node_child(const BerthXmlNode *node, const char *name) {
  const BerthXmlNode *child = node != NULL ? node->first : NULL;

  while (child != NULL && name != NULL && !berth_xml_name_is(child->name, name))
    child = child->next;
  return child;
}

const BerthXmlNode *berth_xml_node_next(const BerthXmlNode *node, const char *name) {
  const BerthXmlNode *next = node != NULL ? node->next : NULL;

  while (next != NULL && name != NULL && !berth_xml_name_is(next->name, name))
    next = next->next;
  return next;
}

const BerthXmlAttribute *berth_xml_node_attribute(const BerthXmlNode *node, const char *name) {
  if (node == NULL)
    return NULL;
  for (guint i = 0; i < node->n_attributes; i++)
    if (berth_xml_name_is(node->attributes[i].name, name))
      return &node->attributes[i];
  return NULL;
}

/* Behind the first step of @path if that is @name, else NULL. */
static const char *step(const char *path, const char *name) {
  while (*name != '\0' && *name == *path) {
    name++;
    path++;
  }
  if (*name != '\0' || (*path != '/' && *path != '\0'))
    return NULL;
  return path + (*path == '/');
}

const char *berth_xml_node_get(const BerthXmlNode *node, const char *path) {
  while (node != NULL && *path != '\0') {
    if (*path == '@') {
      const BerthXmlAttribute *attribute = berth_xml_node_attribute(node, path + 1);
      return attribute != NULL ? attribute->value : NULL;
    }
    const BerthXmlNode *child = node->first;
    const char *rest = NULL;
    while (child != NULL && (rest = step(path, child->name)) == NULL)
      child = child->next;
    node = child;
    path = rest;
  }
  return node != NULL ? node->text : NULL;
}

gboolean berth_xml_node_attributes_equal(const BerthXmlNode *a, const BerthXmlNode *b) {
  if (a->n_attributes != b->n_attributes)
    return FALSE;
  for (guint i = 0; i < a->n_attributes; i++) {
    const BerthXmlAttribute *other = berth_xml_node_attribute(b, a->attributes[i].name);
    if (other == NULL || strcmp(other->value, a->attributes[i].value) != 0)
      return FALSE;
  }
  return TRUE;
}

/* White space around other elements is layout; elsewhere it may be a part of the value (a disk's serial number). */
static gboolean text_equal(const BerthXmlNode *a, const BerthXmlNode *b) {
  const char *text = a->text != NULL ? a->text : "", *before = b->text != NULL ? b->text : "";
  if (a->first == NULL || b->first == NULL)
    return strcmp(text, before) == 0;
  g_autofree char *mine = g_strstrip(g_strdup(text));
  g_autofree char *other = g_strstrip(g_strdup(before));
  return strcmp(mine, other) == 0;
}

gboolean berth_xml_node_equal(const BerthXmlNode *a, const BerthXmlNode *b) {
  if (strcmp(a->name, b->name) != 0 || g_strcmp0(a->ns, b->ns) != 0 || !berth_xml_node_attributes_equal(a, b) || !text_equal(a, b))
    return FALSE;
  const BerthXmlNode *mine = a->first, *other = b->first;
  while (mine != NULL && other != NULL && berth_xml_node_equal(mine, other)) {
    mine = mine->next;
    other = other->next;
  }
  return mine == NULL && other == NULL;
}

char *berth_xml_node_where(const BerthXmlNode *node, const BerthXmlNode *beside) {
  if (beside == NULL || strcmp(node->file, beside->file) == 0)
    return g_strdup_printf("line %u", node->line);
  return g_strdup_printf("%s, line %u", node->file, node->line);
}

gboolean berth_xml_node_is_new(const BerthXmlDocument *document, const BerthXmlNode *node) {
  return node != NULL && strcmp(node->file, document->file) != 0;
}

void berth_xml_error(GError **error, int code, const BerthXmlDocument *document, const BerthXmlNode *node, const char *format,
                     ...) {
  va_list arguments;

  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  if (node != NULL)
    g_set_error(error, BERTH_ERROR, code, "%s:%u: %s", node->file, node->line, message);
  else
    g_set_error(error, BERTH_ERROR, code, "%s: %s", document->file, message);
}
