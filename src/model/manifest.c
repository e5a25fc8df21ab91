/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/manifest.h"

#include <string.h>

static const struct {
  const char *name;
  size_t offset;
} fields[] = {
    {"name", offsetof(BerthManifest, name)},
    {"uuid", offsetof(BerthManifest, uuid)},
    {"made", offsetof(BerthManifest, made)},
    {"state", offsetof(BerthManifest, state)},
    {"document", offsetof(BerthManifest, document)},
    {"record", offsetof(BerthManifest, record)},
    {"defined-document", offsetof(BerthManifest, defined_document)},
    {"defined-record", offsetof(BerthManifest, defined_record)},
    {"machine", offsetof(BerthManifest, machine)},
};

#define MAX_NAME 64

static char **member(const BerthManifest *manifest, gsize i) {
  return (char **)((char *)(gpointer)manifest + fields[i].offset);
}

void berth_model_manifest_free(BerthManifest *manifest) {
  if (manifest == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
    g_free(*member(manifest, i));
  g_free(manifest);
}

GBytes *berth_model_manifest_print(const BerthManifest *manifest) {
  GString *text = g_string_new(NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
    const char *value = *member(manifest, i);
    g_string_append_printf(text, "%s %zu\n%s\n", fields[i].name, strlen(value), value);
  }
  return g_string_free_to_bytes(text);
}

static gboolean bad(const char *what, const char *why, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: manifest: %s", what, why);
  return FALSE;
}

static gboolean keep(BerthManifest *manifest, const char *name, const char *value, gsize length, const char *what, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
    char **one = member(manifest, i);
    if (!g_str_equal(name, fields[i].name))
      continue;
    if (*one != NULL)
      return bad(what, "has a field twice", error);
    if (!g_utf8_validate_len(value, length, NULL))
      return bad(what, "has a field that is no text", error);
    *one = g_strndup(value, length);
  }
  return TRUE;
}

/* Takes a field off the front of @text. */
static gboolean take(BerthManifest *manifest, const char **text, gsize *left, const char *what, GError **error) {
  char name[MAX_NAME];
  const char *line = memchr(*text, '\n', MIN(*left, sizeof name));
  if (line == NULL)
    return bad(what, "ends within a field", error);
  g_strlcpy(name, *text, (gsize)(line - *text) + 1);
  char *number = strchr(name, ' ');
  guint64 length = 0;
  if (number == NULL || !g_ascii_string_to_unsigned(number + 1, 10, 0, G_MAXUINT32, &length, NULL))
    return bad(what, "has a field without length", error);
  *number = '\0';
  *left -= (gsize)(line + 1 - *text);
  *text = line + 1;
  if (length + 1 > *left || (*text)[length] != '\n')
    return bad(what, "ends within a field", error);
  if (!keep(manifest, name, *text, length, what, error))
    return FALSE;
  *text += length + 1;
  *left -= length + 1;
  return TRUE;
}

BerthManifest *berth_model_manifest_parse(GBytes *bytes, const char *what, GError **error) {
  g_autoptr(BerthManifest) manifest = g_new0(BerthManifest, 1);
  gsize left = 0;
  const char *text = g_bytes_get_data(bytes, &left);
  while (left > 0)
    if (!take(manifest, &text, &left, what, error))
      return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
    if (*member(manifest, i) == NULL) {
      g_autofree char *why = g_strdup_printf("has no %s", fields[i].name);
      bad(what, why, error);
      return NULL;
    }
  return g_steal_pointer(&manifest);
}
