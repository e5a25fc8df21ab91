/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/draft.h"

#include <string.h>

BerthXmlDraft *berth_xml_draft_new(const char *name) {
  BerthXmlDraft *draft = g_new0(BerthXmlDraft, 1);

  draft->name = g_strdup(name);
  draft->attributes = g_ptr_array_new_with_free_func(g_free);
  draft->children = g_ptr_array_new_with_free_func((GDestroyNotify)berth_xml_draft_free);
  return draft;
}

void berth_xml_draft_free(BerthXmlDraft *draft) {
  if (draft == NULL)
    return;
  g_free(draft->name);
  g_ptr_array_unref(draft->attributes);
  g_free(draft->text);
  g_ptr_array_unref(draft->children);
  g_free(draft);
}

static void set_attribute(BerthXmlDraft *draft, const char *name, const char *value) {
  for (guint i = 0; i + 1 < draft->attributes->len; i += 2) {
    if (strcmp(g_ptr_array_index(draft->attributes, i), name) != 0)
      continue;
    g_free(g_ptr_array_index(draft->attributes, i + 1));
    g_ptr_array_index(draft->attributes, i + 1) = g_strdup(value);
    return;
  }
  g_ptr_array_add(draft->attributes, g_strdup(name));
  g_ptr_array_add(draft->attributes, g_strdup(value));
}

static BerthXmlDraft *child(BerthXmlDraft *draft, const char *name, gsize length) {
  for (guint i = 0; i < draft->children->len; i++) {
    BerthXmlDraft *there = g_ptr_array_index(draft->children, i);
    if (strncmp(there->name, name, length) == 0 && there->name[length] == '\0')
      return there;
  }
  g_autofree char *copy = g_strndup(name, length);
  g_ptr_array_add(draft->children, berth_xml_draft_new(copy));
  return g_ptr_array_index(draft->children, draft->children->len - 1);
}

void berth_xml_draft_set(BerthXmlDraft *draft, const char *path, const char *value) {
  while (*path != '\0' && *path != '@') {
    gsize length = strcspn(path, "/");
    draft = child(draft, path, length);
    path += length + (path[length] == '/');
  }
  if (*path == '@') {
    set_attribute(draft, path + 1, value);
    return;
  }
  g_free(draft->text);
  draft->text = g_strdup(value);
}

/* What cannot stand as it is; control characters are seen to apart. */
static const struct {
  char character;
  char quote; /* only inside these; 0: anywhere */
  const char *entity;
} escapes[] = {{'&', 0, "&amp;"}, {'<', 0, "&lt;"}, {'>', 0, "&gt;"}, {'"', '"', "&quot;"}, {'\'', '\'', "&apos;"}};

static gboolean escape_special(GString *out, gunichar c, char quote) {
  for (guint i = 0; i < G_N_ELEMENTS(escapes); i++)
    if (c == (gunichar)escapes[i].character && (escapes[i].quote == 0 || escapes[i].quote == quote)) {
      g_string_append(out, escapes[i].entity);
      return TRUE;
    }
  return FALSE;
}

void berth_xml_escape(GString *out, const char *value, char quote) {
  g_autofree char *valid = g_utf8_make_valid(value, -1);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (escape_special(out, c, quote))
      continue;
    if (c == '\r' || (quote != 0 && (c == '\t' || c == '\n')))
      g_string_append_printf(out, "&#%u;", c); /* or a reader would turn it into something else */
    else if ((c < 0x20 && c != '\t' && c != '\n') || c == 0xfffe || c == 0xffff)
      g_string_append_unichar(out, 0xfffd);
    else
      g_string_append_unichar(out, c);
  }
}

void berth_xml_escape_text(GString *out, const char *text, const char *eol) {
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++) {
    if (i > 0)
      g_string_append(out, eol);
    berth_xml_escape(out, lines[i], 0);
  }
}

char *berth_xml_indent_deeper(const char *indent) {
  return g_strconcat(indent, g_str_has_suffix(indent, "\t") ? "\t" : "  ", NULL);
}

void berth_xml_draft_write(GString *out, const BerthXmlDraft *draft, const BerthXmlStyle *style, const char *indent) {
  g_string_append_printf(out, "<%s", draft->name);
  for (guint i = 0; i + 1 < draft->attributes->len; i += 2) {
    g_string_append_printf(out, " %s=%c", (const char *)g_ptr_array_index(draft->attributes, i), style->quote);
    berth_xml_escape(out, g_ptr_array_index(draft->attributes, i + 1), style->quote);
    g_string_append_c(out, style->quote);
  }
  if (draft->children->len == 0 && draft->text == NULL) {
    g_string_append(out, "/>");
    return;
  }
  g_string_append_c(out, '>');
  if (draft->text != NULL)
    berth_xml_escape_text(out, draft->text, style->eol);

  g_autofree char *deeper = indent != NULL ? berth_xml_indent_deeper(indent) : NULL;
  for (guint i = 0; i < draft->children->len; i++) {
    if (deeper != NULL)
      g_string_append_printf(out, "%s%s", style->eol, deeper);
    berth_xml_draft_write(out, g_ptr_array_index(draft->children, i), style, deeper);
  }
  if (deeper != NULL && draft->children->len > 0)
    g_string_append_printf(out, "%s%s", style->eol, indent);
  g_string_append_printf(out, "</%s>", draft->name);
}
