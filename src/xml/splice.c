/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/splice.h"

#include <string.h>

#include "base/arena.h"
#include "xml/draft.h"

/* What shall become of one element. All of it is in the edits' arena. */
typedef struct {
  BerthXmlPairs attributes; /* a value NULL: removed; each name once */
  const char *text;         /* NULL: stays */
  BerthXmlDrafts appended;
  BerthXmlDrafts preceding, following; /* in front of the element and behind it */
  gboolean gone;
  BerthXmlDraft *replacement; /* in place of an element that is gone; NULL: nothing */
} Edit;

struct BerthXmlEdits {
  const BerthXmlDocument *document;
  BerthArena *arena;
  Edit **edits; /* by number of node; NULL: stays as it is */
  gboolean any;
};

BerthXmlEdits *berth_xml_edits_new(const BerthXmlDocument *document) {
  BerthXmlEdits *edits = g_new0(BerthXmlEdits, 1);

  edits->document = document;
  edits->arena = berth_base_arena_new();
  edits->edits = g_new0(Edit *, document->n_nodes);
  return edits;
}

void berth_xml_edits_free(BerthXmlEdits *edits) {
  if (edits == NULL)
    return;
  berth_base_arena_free(edits->arena);
  g_free(edits->edits);
  g_free(edits);
}

static Edit *edit_of(BerthXmlEdits *edits, const BerthXmlNode *node) {
  Edit **edit = &edits->edits[node->number];

  if (*edit == NULL)
    *edit = berth_base_arena_take(edits->arena, sizeof **edit);
  edits->any = TRUE;
  return *edit;
}

/* The child called @name that berth_xml_edits_set() has made below the element of @edit, or makes now. */
static BerthXmlDraft *made_child(BerthXmlEdits *edits, Edit *edit, const char *name, gsize length) {
  for (BerthXmlDraft *draft = edit->appended.first; draft != NULL; draft = draft->next)
    if (draft->made && strncmp(draft->name, name, length) == 0 && draft->name[length] == '\0')
      return draft;
  BerthXmlDraft *draft = berth_xml_draft_make(edits->arena, name, length);
  draft->made = TRUE;
  berth_xml_drafts_append(&edit->appended, draft);
  return draft;
}

void berth_xml_edits_set(BerthXmlEdits *edits, const BerthXmlNode *node, const char *path, const char *value) {
  while (*path != '\0' && *path != '@') {
    gsize length = strcspn(path, "/");
    const BerthXmlNode *child = node->first;
    while (child != NULL && (strncmp(child->name, path, length) != 0 || child->name[length] != '\0'))
      child = child->next;
    const char *rest = path + length + (path[length] == '/');
    if (child == NULL) {
      berth_xml_draft_set(made_child(edits, edit_of(edits, node), path, length), rest, value);
      return;
    }
    node = child;
    path = rest;
  }
  Edit *edit = edit_of(edits, node);
  if (*path == '@')
    berth_xml_pairs_set(edits->arena, &edit->attributes, path + 1, value);
  else
    edit->text = berth_base_arena_text(edits->arena, value, strlen(value));
}

void berth_xml_edits_remove_attribute(BerthXmlEdits *edits, const BerthXmlNode *node, const char *name) {
  berth_xml_pairs_set(edits->arena, &edit_of(edits, node)->attributes, name, NULL);
}

void berth_xml_edits_replace(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft) {
  Edit *edit = edit_of(edits, node);

  edit->gone = TRUE;
  edit->replacement = draft;
}

void berth_xml_edits_add(BerthXmlEdits *edits, const BerthXmlNode *parent, const BerthXmlNode *after, BerthXmlDraft *draft) {
  berth_xml_drafts_append(after != NULL ? &edit_of(edits, after)->following : &edit_of(edits, parent)->appended, draft);
}

void berth_xml_edits_add_before(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft) {
  berth_xml_drafts_append(&edit_of(edits, node)->preceding, draft);
}

BerthXmlDraft *berth_xml_draft_new(BerthXmlEdits *edits, const char *name) {
  return berth_xml_draft_make(edits->arena, name, strlen(name));
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

/* The white space before @node if it is the first thing on its line. */
static BerthXmlIndent line_indent(const Writer *writer, const BerthXmlNode *node) {
  gsize start = node->open.start;

  while (start > 0 && (writer->data[start - 1] == ' ' || writer->data[start - 1] == '\t'))
    start--;
  if (start > 0 && writer->data[start - 1] != '\n' && node->parent != NULL)
    return (BerthXmlIndent){.text = NULL};
  return (BerthXmlIndent){.text = writer->data + start, .length = node->open.start - start};
}

/* The indentation for new children of @parent. */
static BerthXmlIndent child_indent(const Writer *writer, const BerthXmlNode *parent) {
  BerthXmlIndent indent = {.text = NULL};

  for (const BerthXmlNode *child = parent->first; child != NULL && indent.text == NULL; child = child->next)
    indent = line_indent(writer, child);
  if (parent->first != NULL)
    return indent;
  indent = line_indent(writer, parent);
  indent.deeper = 1;
  return indent;
}

static void write_drafts(Writer *writer, const BerthXmlDrafts *drafts, BerthXmlIndent indent) {
  for (const BerthXmlDraft *draft = drafts->first; draft != NULL; draft = draft->next) {
    berth_xml_indent_write(writer->out, &writer->style, indent);
    berth_xml_draft_write(writer->out, draft, &writer->style, indent);
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

static void write_attributes(Writer *writer, const BerthXmlNode *node, const Edit *edit) {
  char quote = quote_of(writer, node);

  for (guint i = 0; i < node->n_attributes; i++) {
    const BerthXmlPair *pair = berth_xml_pairs_find(&edit->attributes, node->attributes[i].name);
    if (pair != NULL)
      write_attribute(writer, node, &node->attributes[i], pair->value);
  }
  copy_to(writer, tag_end(writer, node));
  for (const BerthXmlPair *pair = edit->attributes.first; pair != NULL; pair = pair->next)
    if (pair->value != NULL && berth_xml_node_attribute(node, pair->name) == NULL)
      berth_xml_pair_write(writer->out, pair, quote);
}

static void write_node(Writer *writer, const BerthXmlNode *node);

static gboolean changes_text(const BerthXmlNode *node, const Edit *edit) {
  return edit->text != NULL && strcmp(edit->text, node->text != NULL ? node->text : "") != 0;
}

/* An empty-element tag that gets content: <x/> → <x>...</x>. */
static void write_opened(Writer *writer, const BerthXmlNode *node, const Edit *edit, BerthXmlIndent indent) {
  copy_to(writer, tag_end(writer, node));
  g_string_append_c(writer->out, '>');
  if (edit->text != NULL)
    berth_xml_escape_text(writer->out, edit->text, writer->style.eol);
  write_drafts(writer, &edit->appended, indent);
  if (indent.text != NULL && edit->appended.first != NULL)
    berth_xml_indent_write(writer->out, &writer->style, line_indent(writer, node));
  g_string_append(writer->out, "</");
  g_string_append(writer->out, node->name);
  g_string_append_c(writer->out, '>');
  writer->cursor = node->open.end;
}

/* New children before the end tag; the white space in front of that stays in front of it. */
static void write_appended(Writer *writer, const BerthXmlNode *node, const Edit *edit, BerthXmlIndent indent) {
  gsize limit = MAX(node->open.end, writer->cursor);
  gsize at = before_space(writer, node->close.start, limit);

  copy_to(writer, at);
  write_drafts(writer, &edit->appended, indent);
  if (indent.text == NULL || memchr(writer->data + at, '\n', node->close.start - at) != NULL)
    return;
  BerthXmlIndent own = line_indent(writer, node);
  if (own.text != NULL) {
    berth_xml_indent_write(writer->out, &writer->style, own);
    writer->cursor = node->close.start;
  }
}

static void write_content(Writer *writer, const BerthXmlNode *node, const Edit *edit) {
  gboolean appends = edit != NULL && edit->appended.first != NULL, changes = edit != NULL && changes_text(node, edit);
  BerthXmlIndent indent = appends ? child_indent(writer, node) : (BerthXmlIndent){.text = NULL};

  if (node->close.start == node->close.end) {
    if (appends || changes)
      write_opened(writer, node, edit, indent);
    return;
  }
  if (changes) {
    copy_to(writer, node->open.end);
    berth_xml_escape_text(writer->out, edit->text, writer->style.eol);
    if (node->first == NULL) /* beside elements, text is only added */
      writer->cursor = node->close.start;
  }
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    write_node(writer, child);
  if (appends)
    write_appended(writer, node, edit, indent);
}

static gsize node_end(const BerthXmlNode *node) {
  return MAX(node->open.end, node->close.end);
}

static void write_gone(Writer *writer, const BerthXmlNode *node, const Edit *edit, BerthXmlIndent indent) {
  copy_to(writer, edit->replacement != NULL ? node->open.start : before_space(writer, node->open.start, writer->cursor));
  if (edit->replacement != NULL)
    berth_xml_draft_write(writer->out, edit->replacement, &writer->style, indent);
  writer->cursor = node_end(node);
}

static void write_preceding(Writer *writer, const BerthXmlNode *node, const BerthXmlDrafts *drafts, BerthXmlIndent indent) {
  copy_to(writer, node->open.start);
  for (const BerthXmlDraft *draft = drafts->first; draft != NULL; draft = draft->next) {
    berth_xml_draft_write(writer->out, draft, &writer->style, indent);
    berth_xml_indent_write(writer->out, &writer->style, indent);
  }
}

static void write_edited(Writer *writer, const BerthXmlNode *node, const Edit *edit) {
  BerthXmlIndent indent = line_indent(writer, node);

  if (edit->preceding.first != NULL)
    write_preceding(writer, node, &edit->preceding, indent);
  if (edit->gone) {
    write_gone(writer, node, edit, indent);
  } else {
    if (edit->attributes.first != NULL)
      write_attributes(writer, node, edit);
    write_content(writer, node, edit);
  }
  if (edit->following.first != NULL) {
    copy_to(writer, node_end(node));
    write_drafts(writer, &edit->following, indent);
  }
}

static void write_node(Writer *writer, const BerthXmlNode *node) {
  const Edit *edit = writer->edits->edits[node->number];

  if (edit != NULL)
    write_edited(writer, node, edit);
  else
    write_content(writer, node, NULL);
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

  if (!edits->any)
    return g_bytes_ref(bytes);
  Writer writer = {.edits = edits, .data = data, .style = style_of(edits->document, data, size)};
  writer.out = g_string_sized_new(size + size / 8);
  write_node(&writer, edits->document->root);
  copy_to(&writer, size);
  g_autoptr(GBytes) changed = g_string_free_to_bytes(writer.out);
  return g_bytes_equal(changed, bytes) ? g_bytes_ref(bytes) : g_steal_pointer(&changed);
}

/* ---- where it comes from ---- */

static void trace_drafts(GPtrArray *sources, const BerthXmlDraft *draft) {
  for (; draft != NULL; draft = draft->next) {
    g_ptr_array_add(sources, (gpointer)draft->source);
    trace_drafts(sources, draft->children.first);
  }
}

/* The elements in the order in which write_node() writes them, each with what it is made from. */
static void trace_node(const BerthXmlEdits *edits, GPtrArray *sources, const BerthXmlNode *node) {
  static const Edit none;
  const Edit *edit = edits->edits[node->number] != NULL ? edits->edits[node->number] : &none;

  trace_drafts(sources, edit->preceding.first);
  if (edit->gone) {
    trace_drafts(sources, edit->replacement);
  } else {
    g_ptr_array_add(sources, (gpointer)node);
    for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
      trace_node(edits, sources, child);
    trace_drafts(sources, edit->appended.first);
  }
  trace_drafts(sources, edit->following.first);
}

BerthXmlDocument *berth_xml_edits_document(BerthXmlEdits *edits, GError **error) {
  g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
  BerthXmlDocument *document = berth_xml_document_parse(bytes, edits->document->file, error);
  if (document == NULL)
    return NULL;
  g_autoptr(GPtrArray) sources = g_ptr_array_new();
  trace_node(edits, sources, edits->document->root);
  berth_xml_document_trace(document, sources);
  return document;
}

BerthXmlDocument *berth_xml_node_document(const BerthXmlNode *node, const char *file, GError **error) {
  g_autoptr(GBytes) empty = g_bytes_new_static("<x/>", strlen("<x/>"));
  g_autoptr(BerthXmlDocument) holder = berth_xml_document_parse(empty, file, error);
  if (holder == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(holder);
  berth_xml_edits_replace(edits, holder->root, berth_xml_draft_of(edits, node, NULL));
  return berth_xml_edits_document(edits, error);
}
