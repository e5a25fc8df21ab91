/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/splice.h"

#include <string.h>

#include "xml/draft.h"

/* What shall become of one element. */
typedef struct {
  GPtrArray *attributes; /* char *: name, value (NULL: removed), name, value ... each name once */
  char *text;            /* NULL: stays */
  GPtrArray *appended;   /* BerthXmlDraft, owned */
  GPtrArray *made;       /* those of appended that berth_xml_edits_set() made, by which it finds them again; borrowed */
  GPtrArray *preceding;  /* BerthXmlDraft, owned: put in front of the element */
  GPtrArray *following;  /* BerthXmlDraft, owned: put behind the element */
  gboolean gone;
  BerthXmlDraft *replacement; /* in place of an element that is gone; NULL: nothing */
} Edit;

struct BerthXmlEdits {
  const BerthXmlDocument *document;
  GHashTable *edits; /* BerthXmlNode → Edit; looked up in document order, never walked */
};

static void edit_free(gpointer data) {
  Edit *edit = data;

  g_ptr_array_unref(edit->attributes);
  g_free(edit->text);
  g_ptr_array_unref(edit->appended);
  g_ptr_array_unref(edit->made);
  g_ptr_array_unref(edit->preceding);
  g_ptr_array_unref(edit->following);
  berth_xml_draft_free(edit->replacement);
  g_free(edit);
}

BerthXmlEdits *berth_xml_edits_new(const BerthXmlDocument *document) {
  BerthXmlEdits *edits = g_new0(BerthXmlEdits, 1);

  edits->document = document;
  edits->edits = g_hash_table_new_full(NULL, NULL, NULL, edit_free);
  return edits;
}

void berth_xml_edits_free(BerthXmlEdits *edits) {
  if (edits == NULL)
    return;
  g_hash_table_unref(edits->edits);
  g_free(edits);
}

static Edit *edit_of(BerthXmlEdits *edits, const BerthXmlNode *node) {
  Edit *edit = g_hash_table_lookup(edits->edits, node);

  if (edit != NULL)
    return edit;
  edit = g_new0(Edit, 1);
  edit->attributes = g_ptr_array_new_with_free_func(g_free);
  edit->appended = g_ptr_array_new_with_free_func((GDestroyNotify)berth_xml_draft_free);
  edit->made = g_ptr_array_new();
  edit->preceding = g_ptr_array_new_with_free_func((GDestroyNotify)berth_xml_draft_free);
  edit->following = g_ptr_array_new_with_free_func((GDestroyNotify)berth_xml_draft_free);
  g_hash_table_insert(edits->edits, (gpointer)node, edit);
  return edit;
}

static void set_attribute(Edit *edit, const char *name, const char *value) {
  for (guint i = 0; i < edit->attributes->len; i += 2) {
    if (strcmp(g_ptr_array_index(edit->attributes, i), name) != 0)
      continue;
    g_free(g_ptr_array_index(edit->attributes, i + 1));
    g_ptr_array_index(edit->attributes, i + 1) = g_strdup(value);
    return;
  }
  g_ptr_array_add(edit->attributes, g_strdup(name));
  g_ptr_array_add(edit->attributes, g_strdup(value));
}

static BerthXmlDraft *made_child(Edit *edit, const char *name) {
  for (guint i = 0; i < edit->made->len; i++) {
    BerthXmlDraft *there = g_ptr_array_index(edit->made, i);
    if (strcmp(there->name, name) == 0)
      return there;
  }
  BerthXmlDraft *draft = berth_xml_draft_new(name);
  g_ptr_array_add(edit->made, draft);
  g_ptr_array_add(edit->appended, draft);
  return draft;
}

void berth_xml_edits_set(BerthXmlEdits *edits, const BerthXmlNode *node, const char *path, const char *value) {
  while (*path != '\0' && *path != '@') {
    gsize length = strcspn(path, "/");
    g_autofree char *name = g_strndup(path, length);
    const BerthXmlNode *child = berth_xml_node_child(node, name);
    path += length + (path[length] == '/');
    if (child == NULL) {
      berth_xml_draft_set(made_child(edit_of(edits, node), name), path, value);
      return;
    }
    node = child;
  }
  Edit *edit = edit_of(edits, node);
  if (*path == '@') {
    set_attribute(edit, path + 1, value);
    return;
  }
  g_free(edit->text);
  edit->text = g_strdup(value);
}

void berth_xml_edits_remove_attribute(BerthXmlEdits *edits, const BerthXmlNode *node, const char *name) {
  set_attribute(edit_of(edits, node), name, NULL);
}

void berth_xml_edits_replace(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft) {
  Edit *edit = edit_of(edits, node);

  edit->gone = TRUE;
  berth_xml_draft_free(edit->replacement);
  edit->replacement = draft;
}

void berth_xml_edits_add(BerthXmlEdits *edits, const BerthXmlNode *parent, const BerthXmlNode *after, BerthXmlDraft *draft) {
  if (after != NULL)
    g_ptr_array_add(edit_of(edits, after)->following, draft);
  else
    g_ptr_array_add(edit_of(edits, parent)->appended, draft);
}

void berth_xml_edits_add_before(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft) {
  g_ptr_array_add(edit_of(edits, node)->preceding, draft);
}

/* Applying: one walk through the tree in document order; what lies between the edits is copied. */
typedef struct {
  BerthXmlEdits *edits;
  const char *data;
  gsize cursor; /* everything before it has been written or left out */
  GString *out;
  BerthXmlStyle style;
} Writer;

static gboolean is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void copy_to(Writer *writer, gsize end) {
  if (end > writer->cursor) {
    g_string_append_len(writer->out, writer->data + writer->cursor, (gssize)(end - writer->cursor));
    writer->cursor = end;
  }
}

/* The start of the white space that ends at @position, not before @limit. */
static gsize before_space(const Writer *writer, gsize position, gsize limit) {
  while (position > limit && is_space(writer->data[position - 1]))
    position--;
  return position;
}

/* The white space before @node if it is the first thing on its line, else NULL. (transfer full) */
static char *line_indent(const Writer *writer, const BerthXmlNode *node) {
  gsize start = node->open.start;

  while (start > 0 && (writer->data[start - 1] == ' ' || writer->data[start - 1] == '\t'))
    start--;
  if (start > 0 && writer->data[start - 1] != '\n' && node->parent != NULL)
    return NULL;
  return g_strndup(writer->data + start, node->open.start - start);
}

/* The indentation for new children of @parent; NULL: they go on its line. (transfer full) */
static char *child_indent(const Writer *writer, const BerthXmlNode *parent) {
  for (const BerthXmlNode *child = parent->first; child != NULL; child = child->next) {
    char *indent = line_indent(writer, child);
    if (indent != NULL)
      return indent;
  }
  g_autofree char *own = parent->first == NULL ? line_indent(writer, parent) : NULL;
  return own != NULL ? berth_xml_indent_deeper(own) : NULL;
}

static void write_drafts(Writer *writer, const GPtrArray *drafts, const char *indent) {
  for (guint i = 0; i < drafts->len; i++) {
    if (indent != NULL)
      g_string_append_printf(writer->out, "%s%s", writer->style.eol, indent);
    berth_xml_draft_write(writer->out, g_ptr_array_index(drafts, i), &writer->style, indent);
  }
}

/* The quote that new attributes of @node get: that of its last one. */
static char quote_of(const Writer *writer, const BerthXmlNode *node) {
  return node->n_attributes > 0 ? writer->data[node->attributes[node->n_attributes - 1].range.end - 1] : writer->style.quote;
}

static void write_attribute(Writer *writer, const BerthXmlNode *node, const BerthXmlAttribute *attribute, const char *value) {
  if (value == NULL) {
    copy_to(writer, before_space(writer, attribute->range.start, node->open.start));
    writer->cursor = attribute->range.end;
  } else if (strcmp(value, attribute->value) != 0) {
    copy_to(writer, attribute->content.start);
    berth_xml_escape(writer->out, value, writer->data[attribute->content.end]);
    writer->cursor = attribute->content.end;
  }
}

/* The place behind the last attribute: before the '>' or '/>' and the white space in front of it. */
static gsize tag_end(const Writer *writer, const BerthXmlNode *node) {
  gsize end = node->open.end - 1;

  if (writer->data[end - 1] == '/' && node->close.start == node->close.end)
    end--;
  return before_space(writer, end, node->open.start);
}

static const char *new_value(const Edit *edit, const char *name, gboolean *found) {
  for (guint i = 0; i < edit->attributes->len; i += 2)
    if (strcmp(g_ptr_array_index(edit->attributes, i), name) == 0) {
      *found = TRUE;
      return g_ptr_array_index(edit->attributes, i + 1);
    }
  *found = FALSE;
  return NULL;
}

static void write_attributes(Writer *writer, const BerthXmlNode *node, const Edit *edit) {
  char quote = quote_of(writer, node);

  for (guint i = 0; i < node->n_attributes; i++) {
    gboolean found = FALSE;
    const char *value = new_value(edit, node->attributes[i].name, &found);
    if (found)
      write_attribute(writer, node, &node->attributes[i], value);
  }
  copy_to(writer, tag_end(writer, node));
  for (guint i = 0; i < edit->attributes->len; i += 2) {
    const char *name = g_ptr_array_index(edit->attributes, i), *value = g_ptr_array_index(edit->attributes, i + 1);
    if (value == NULL || berth_xml_node_attribute(node, name) != NULL)
      continue;
    g_string_append_printf(writer->out, " %s=%c", name, quote);
    berth_xml_escape(writer->out, value, quote);
    g_string_append_c(writer->out, quote);
  }
}

static void write_node(Writer *writer, const BerthXmlNode *node);

static gboolean changes_text(const BerthXmlNode *node, const Edit *edit) {
  return edit->text != NULL && strcmp(edit->text, node->text != NULL ? node->text : "") != 0;
}

/* An empty-element tag that gets content: <x/> → <x>...</x>. */
static void write_opened(Writer *writer, const BerthXmlNode *node, const Edit *edit, const char *indent) {
  copy_to(writer, tag_end(writer, node));
  g_string_append_c(writer->out, '>');
  if (edit->text != NULL)
    berth_xml_escape_text(writer->out, edit->text, writer->style.eol);
  write_drafts(writer, edit->appended, indent);
  g_autofree char *own = indent != NULL && edit->appended->len > 0 ? line_indent(writer, node) : NULL;
  if (own != NULL)
    g_string_append_printf(writer->out, "%s%s", writer->style.eol, own);
  g_string_append_printf(writer->out, "</%s>", node->name);
  writer->cursor = node->open.end;
}

/* New children before the end tag; the white space in front of that stays in front of it. */
static void write_appended(Writer *writer, const BerthXmlNode *node, const Edit *edit, const char *indent) {
  gsize limit = MAX(node->open.end, writer->cursor);
  gsize at = before_space(writer, node->close.start, limit);

  copy_to(writer, at);
  write_drafts(writer, edit->appended, indent);
  if (indent == NULL || memchr(writer->data + at, '\n', node->close.start - at) != NULL)
    return;
  g_autofree char *own = line_indent(writer, node);
  if (own != NULL) {
    g_string_append_printf(writer->out, "%s%s", writer->style.eol, own);
    writer->cursor = node->close.start;
  }
}

static void write_content(Writer *writer, const BerthXmlNode *node, const Edit *edit) {
  g_autofree char *indent = edit != NULL && edit->appended->len > 0 ? child_indent(writer, node) : NULL;

  if (node->close.start == node->close.end) {
    if (edit != NULL && (edit->appended->len > 0 || changes_text(node, edit)))
      write_opened(writer, node, edit, indent);
    return;
  }
  if (edit != NULL && changes_text(node, edit)) {
    copy_to(writer, node->open.end);
    berth_xml_escape_text(writer->out, edit->text, writer->style.eol);
    if (node->first == NULL) /* beside elements, text is only added */
      writer->cursor = node->close.start;
  }
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    write_node(writer, child);
  if (edit != NULL && edit->appended->len > 0)
    write_appended(writer, node, edit, indent);
}

static gsize node_end(const BerthXmlNode *node) {
  return MAX(node->open.end, node->close.end);
}

static void write_gone(Writer *writer, const BerthXmlNode *node, const Edit *edit, const char *indent) {
  copy_to(writer, edit->replacement != NULL ? node->open.start : before_space(writer, node->open.start, writer->cursor));
  if (edit->replacement != NULL)
    berth_xml_draft_write(writer->out, edit->replacement, &writer->style, indent);
  writer->cursor = node_end(node);
}

static void write_preceding(Writer *writer, const BerthXmlNode *node, const GPtrArray *drafts, const char *indent) {
  copy_to(writer, node->open.start);
  for (guint i = 0; i < drafts->len; i++) {
    berth_xml_draft_write(writer->out, g_ptr_array_index(drafts, i), &writer->style, indent);
    if (indent != NULL)
      g_string_append_printf(writer->out, "%s%s", writer->style.eol, indent);
  }
}

static void write_node(Writer *writer, const BerthXmlNode *node) {
  const Edit *edit = g_hash_table_lookup(writer->edits->edits, node);
  g_autofree char *indent = edit != NULL ? line_indent(writer, node) : NULL;

  if (edit != NULL && edit->preceding->len > 0)
    write_preceding(writer, node, edit->preceding, indent);
  if (edit != NULL && edit->gone) {
    write_gone(writer, node, edit, indent);
  } else {
    if (edit != NULL && edit->attributes->len > 0)
      write_attributes(writer, node, edit);
    write_content(writer, node, edit);
  }
  if (edit != NULL && edit->following->len > 0) {
    copy_to(writer, node_end(node));
    write_drafts(writer, edit->following, indent);
  }
}

static char first_quote(const char *data, const BerthXmlNode *node) {
  if (node->n_attributes > 0)
    return data[node->attributes[0].range.end - 1];
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    char quote = first_quote(data, child);
    if (quote != '\0')
      return quote;
  }
  return '\0';
}

static BerthXmlStyle style_of(const BerthXmlDocument *document, const char *data, gsize size) {
  const char *newline = size > 0 ? memchr(data, '\n', size) : NULL;
  char quote = first_quote(data, document->root);

  return (BerthXmlStyle){.eol = newline != NULL && newline > data && newline[-1] == '\r' ? "\r\n" : "\n",
                         .quote = quote != '\0' ? quote : '\''};
}

GBytes *berth_xml_edits_apply(BerthXmlEdits *edits) {
  GBytes *bytes = edits->document->bytes;
  gsize size = 0;
  const char *data = g_bytes_get_data(bytes, &size);

  if (g_hash_table_size(edits->edits) == 0)
    return g_bytes_ref(bytes);
  Writer writer = {.edits = edits, .data = data, .style = style_of(edits->document, data, size)};
  writer.out = g_string_sized_new(size + size / 8);
  write_node(&writer, edits->document->root);
  copy_to(&writer, size);
  g_autoptr(GBytes) changed = g_string_free_to_bytes(writer.out);
  return g_bytes_equal(changed, bytes) ? g_bytes_ref(bytes) : g_steal_pointer(&changed);
}
