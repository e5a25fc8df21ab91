/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/draft.h"

#include <string.h>

/* ---- making ---- */

static const char *copy(BerthArena *arena, const char *text) {
  return text != NULL ? berth_base_arena_text(arena, text, strlen(text)) : NULL;
}

const BerthXmlPair *berth_xml_pairs_find(const BerthXmlPairs *pairs, const char *name) {
  const BerthXmlPair *pair = pairs->first;

  while (pair != NULL && !berth_xml_name_is(pair->name, name))
    pair = pair->next;
  return pair;
}

void berth_xml_pairs_set(BerthArena *arena, BerthXmlPairs *pairs, const char *name, const char *value) {
  BerthXmlPair *pair = (BerthXmlPair *)berth_xml_pairs_find(pairs, name);

  if (pair == NULL) {
    pair = berth_base_arena_take(arena, sizeof *pair);
    pair->name = copy(arena, name);
    pairs->last = *(pairs->last != NULL ? &pairs->last->next : &pairs->first) = pair;
  }
  pair->value = copy(arena, value);
}

void berth_xml_drafts_append(BerthXmlDrafts *drafts, BerthXmlDraft *draft) {
  drafts->last = *(drafts->last != NULL ? &drafts->last->next : &drafts->first) = draft;
}

BerthXmlDraft *berth_xml_draft_make(BerthArena *arena, const char *name, gsize length) {
  BerthXmlDraft *draft = berth_base_arena_take(arena, sizeof *draft);

  draft->arena = arena;
  draft->name = berth_base_arena_text(arena, name, length);
  return draft;
}

BerthXmlDraft *berth_xml_draft_of(BerthXmlEdits *edits, const BerthXmlNode *node, const char *without) {
  BerthXmlDraft *draft = berth_xml_draft_new(edits, node->name);

  draft->source = node;
  draft->text = node->first == NULL ? copy(draft->arena, node->text) : NULL;
  for (guint i = 0; i < node->n_attributes; i++)
    berth_xml_draft_attribute(draft, node->attributes[i].name, node->attributes[i].value);
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    if (without == NULL || strcmp(child->name, without) != 0)
      berth_xml_draft_add(draft, berth_xml_draft_of(edits, child, NULL));
  return draft;
}

void berth_xml_draft_add(BerthXmlDraft *draft, BerthXmlDraft *child) {
  berth_xml_drafts_append(&draft->children, child);
}

void berth_xml_draft_attribute(BerthXmlDraft *draft, const char *name, const char *value) {
  berth_xml_pairs_set(draft->arena, &draft->attributes, name, value);
}

static BerthXmlDraft *child_called(BerthXmlDraft *draft, const char *name, gsize length) {
  BerthXmlDraft *child = draft->children.first;

  while (child != NULL && (strncmp(child->name, name, length) != 0 || child->name[length] != '\0'))
    child = child->next;
  if (child == NULL) {
    child = berth_xml_draft_make(draft->arena, name, length);
    berth_xml_draft_add(draft, child);
  }
  return child;
}

void berth_xml_draft_set(BerthXmlDraft *draft, const char *path, const char *value) {
  while (*path != '\0' && *path != '@') {
    gsize length = strcspn(path, "/");
    draft = child_called(draft, path, length);
    path += length + (path[length] == '/');
  }
  if (*path == '@')
    berth_xml_draft_attribute(draft, path + 1, value);
  else
    draft->text = copy(draft->arena, value);
}

/* ---- writing ---- */

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

/* How many bytes of @value stand for themselves wherever they are. */
static gsize plain_length(const char *value) {
  gsize length = 0;

  for (char c; (c = value[length]) >= ' ' && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'';)
    length++;
  return length;
}

void berth_xml_escape(GString *out, const char *value, char quote) {
  gsize plain = plain_length(value);

  g_string_append_len(out, value, (gssize)plain);
  if (value[plain] == '\0')
    return;
  g_autofree char *valid = g_utf8_make_valid(value + plain, -1);

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

void berth_xml_pair_write(GString *out, const BerthXmlPair *pair, char quote) {
  g_string_append_c(out, ' ');
  g_string_append(out, pair->name);
  g_string_append_c(out, '=');
  g_string_append_c(out, quote);
  berth_xml_escape(out, pair->value, quote);
  g_string_append_c(out, quote);
}

void berth_xml_indent_write(GString *out, const BerthXmlStyle *style, BerthXmlIndent indent) {
  if (indent.text == NULL)
    return;
  gboolean tabs = indent.length > 0 && indent.text[indent.length - 1] == '\t';
  g_string_append(out, style->eol);
  g_string_append_len(out, indent.text, (gssize)indent.length);
  for (guint i = 0; i < indent.deeper; i++)
    g_string_append(out, tabs ? "\t" : "  ");
}

void berth_xml_draft_write(GString *out, const BerthXmlDraft *draft, const BerthXmlStyle *style, BerthXmlIndent indent) {
  g_string_append_c(out, '<');
  g_string_append(out, draft->name);
  for (const BerthXmlPair *pair = draft->attributes.first; pair != NULL; pair = pair->next)
    berth_xml_pair_write(out, pair, style->quote);
  if (draft->children.first == NULL && draft->text == NULL) {
    g_string_append(out, "/>");
    return;
  }
  g_string_append_c(out, '>');
  if (draft->text != NULL)
    berth_xml_escape_text(out, draft->text, style->eol);

  BerthXmlIndent deeper = indent;
  deeper.deeper++;
  for (const BerthXmlDraft *child = draft->children.first; child != NULL; child = child->next) {
    berth_xml_indent_write(out, style, deeper);
    berth_xml_draft_write(out, child, style, deeper);
  }
  if (draft->children.first != NULL)
    berth_xml_indent_write(out, style, indent);
  g_string_append(out, "</");
  g_string_append(out, draft->name);
  g_string_append_c(out, '>');
}
