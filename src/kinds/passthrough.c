/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the document has for QEMU alone, past the domain format (libvirt: drvqemu, "Pass-through of arbitrary QEMU commands"). */
#include "kinds/build.h"

#include <errno.h>
#include <string.h>

/* The first child of @node called @name in QEMU's namespace, from @child on. */
static const BerthXmlNode *find(const BerthXmlNode *child, const char *name) {
  for (; child != NULL; child = child->next) {
    const char *colon = strchr(child->name, ':');
    if (g_strcmp0(child->ns, BERTH_KINDS_QEMU_NAMESPACE) == 0 && g_str_equal(colon != NULL ? colon + 1 : child->name, name))
      return child;
  }
  return NULL;
}

static const BerthXmlNode *child_of(const BerthXmlNode *node, const char *name) {
  return node != NULL ? find(node->first, name) : NULL;
}

static gboolean bad(const BerthBuild *build, const BerthXmlNode *node, GError **error, const char *what) {
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node, "<%s>: %s", node->name, what);
  return FALSE;
}

/* ---- override ---- */

static gboolean set_text(json_object *props, const char *name, const char *value) {
  berth_json_set_string(props, name, value);
  return TRUE;
}

static gboolean set_signed(json_object *props, const char *name, const char *value) {
  char *end = NULL;
  errno = 0;
  berth_json_set_int(props, name, g_ascii_strtoll(value, &end, 0));
  return errno == 0 && end != value && *end == '\0';
}

/* berth's JSON numbers are signed; but QEMU reads a number from text, too. */
static gboolean set_unsigned(json_object *props, const char *name, const char *value) {
  char *end = NULL;
  errno = 0;
  guint64 number = g_ascii_strtoull(value, &end, 0);
  if (number <= G_MAXINT64)
    berth_json_set_int(props, name, (gint64)number);
  else
    berth_json_set_string(props, name, value);
  return errno == 0 && end != value && *end == '\0' && strchr(value, '-') == NULL;
}

static gboolean set_switch(json_object *props, const char *name, const char *value) {
  gboolean on = g_str_equal(value, "true") || berth_kinds_is_on(value);
  berth_json_set_boolean(props, name, on);
  return on || g_str_equal(value, "false") || g_str_equal(value, "off") || g_str_equal(value, "no");
}

static gboolean drop(json_object *props, const char *name, G_GNUC_UNUSED const char *value) {
  json_object_object_del(props, name);
  return TRUE;
}

static const struct {
  const char *type;
  gboolean (*set)(json_object *props, const char *name, const char *value);
} types[] = {{"string", set_text}, {"unsigned", set_unsigned}, {"signed", set_signed}, {"bool", set_switch}, {"remove", drop}};

static gboolean override_property(const BerthBuild *build, const BerthXmlNode *node, json_object *props, GError **error) {
  const char *name = berth_xml_node_get(node, "@name"), *type = berth_xml_node_get(node, "@type");
  const char *value = berth_xml_node_get(node, "@value");
  for (guint i = 0; i < G_N_ELEMENTS(types) && name != NULL; i++) {
    if (g_strcmp0(types[i].type, type) == 0)
      return types[i].set(props, name, value != NULL ? value : "") || bad(build, node, error, "value is not of its type");
  }
  return bad(build, node, error, "name or type is missing");
}

static json_object *device_props(const BerthBuild *build, const char *id) {
  for (guint i = 0; i < build->qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(build->qemu->objects, i);
    if (object->form == BERTH_QEMU_DEVICE && g_strcmp0(berth_json_member_string(object->props, "id"), id) == 0)
      return object->props;
  }
  return NULL;
}

gboolean berth_kinds_override(BerthBuild *build, const BerthDevice *device, GError **error) {
  const BerthXmlNode *node = child_of(child_of(build->document->root, "override"), "device");
  for (; node != NULL; node = find(node->next, "device")) {
    const char *alias = berth_xml_node_get(node, "@alias");
    json_object *props = device_props(build, alias);
    if (device != NULL && g_strcmp0(device->id, alias) != 0)
      continue;
    if (props == NULL)
      return bad(build, node, error, "there is no device with this alias");
    const BerthXmlNode *property = child_of(child_of(node, "frontend"), "property");
    for (; property != NULL; property = find(property->next, "property")) {
      if (!override_property(build, property, props, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* ---- command line ---- */

gboolean berth_kinds_pass_through(BerthBuild *build, GError **error) {
  const BerthXmlNode *line = child_of(build->document->root, "commandline");
  if (line == NULL)
    return TRUE;
  berth_kinds_note(build, NULL, line, "<%s>: what it adds has no address in the record, and is not verified", line->name);
  for (const BerthXmlNode *arg = child_of(line, "arg"); arg != NULL; arg = find(arg->next, "arg")) {
    const char *value = berth_xml_node_get(arg, "@value");
    if (value == NULL)
      return bad(build, arg, error, "value is missing");
    berth_model_qemu_option(build->qemu, value, NULL);
  }
  for (const BerthXmlNode *env = child_of(line, "env"); env != NULL; env = find(env->next, "env")) {
    const char *name = berth_xml_node_get(env, "@name"), *value = berth_xml_node_get(env, "@value");
    if (name == NULL || name[0] == '\0' || strchr(name, '=') != NULL)
      return bad(build, env, error, "name is missing or no name of a variable");
    berth_kinds_setenv(build, name, value != NULL ? value : "");
  }
  return TRUE;
}

char *berth_kinds_passed_through(const BerthXmlDocument *document) {
  static const char *const names[] = {"commandline", "override"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const BerthXmlNode *node = child_of(document->root, names[i]);
    if (node != NULL)
      return g_strdup_printf("<%s> is for the real QEMU only", node->name);
  }
  return NULL;
}
