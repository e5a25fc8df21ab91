/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/node.h"

#include <berth/error.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#include "base/arena.h"
#include "xml/encoding.h"
#include "xml/scan.h"

/*
 * The tags of the bytes make the tree (scan.c); libxml2 then judges the document and says what its pieces mean, and what it says is
 * filled in, event by event: both have the elements in the same order.
 */
typedef struct {
  BerthXmlDocument public;
  BerthArena *arena; /* nodes, attributes, values and texts */
  xmlDict *names;    /* libxml2's own table of names, each of which is there once */
} Document;

typedef struct {
  Document *document;
  xmlParserCtxtPtr context;
  BerthXmlNode *open, *next; /* the innermost open element, and the one that must come next; NULL: none */
  guint depth;
  gboolean lost;                           /* what libxml2 reports is not what the tags say */
  GString *texts[BERTH_XML_MAX_DEPTH + 1]; /* of the open elements, by depth */
  GError *error;                           /* the first one */
} Reader;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

#if LIBXML_VERSION >= 21200
typedef const xmlError *ReportedError;
#else
typedef xmlErrorPtr ReportedError;
#endif

static Document *document_new(const char *file, GBytes *bytes) {
  Document *document = g_new0(Document, 1);

  document->public.file = g_strdup(file);
  document->public.bytes = g_bytes_ref(bytes);
  document->arena = berth_base_arena_new();
  return document;
}

void berth_xml_document_free(BerthXmlDocument *public) {
  if (public == NULL)
    return;
  Document *document = (Document *)public; /* its first member */
  berth_base_arena_free(document->arena);
  xmlDictFree(document->names);
  g_bytes_unref(public->bytes);
  g_free(public->file);
  g_free(document);
}

/* ---- the tree ---- */

static BerthXmlNode *add_node(Document *document, BerthXmlNode *parent, BerthXmlRange range, const GArray *attributes) {
  BerthXmlNode *node = berth_base_arena_take(document->arena, sizeof *node);

  node->number = document->public.n_nodes++;
  node->file = document->public.file;
  node->open = range;
  node->close = (BerthXmlRange){range.end, range.end};
  node->parent = parent;
  node->n_attributes = attributes->len;
  if (attributes->len > 0) {
    node->attributes = berth_base_arena_take(document->arena, sizeof *node->attributes * attributes->len);
    memcpy(node->attributes, attributes->data, sizeof *node->attributes * attributes->len);
  }
  if (parent == NULL)
    document->public.root = document->public.root != NULL ? document->public.root : node;
  else if (parent->last == NULL)
    parent->first = parent->last = node;
  else
    parent->last = parent->last->next = node;
  return node;
}

/* The number of the line that @position is in, by counting on from *@counted, which is in line *@line. */
static guint count_lines(const char *data, gsize *counted, guint *line, gsize position) {
  const char *end = data + position, *newline = data + *counted;

  for (; (newline = memchr(newline, '\n', (gsize)(end - newline))) != NULL; newline++)
    ++*line;
  *counted = position;
  return *line;
}

/* Makes the nodes: their ranges, lines and places in the tree. Malformed documents end early; libxml2 says why. What it cannot be
 * asked to bound is bounded here. */
static gboolean make_tree(Document *document, BerthXmlScan scan, GError **error) {
  g_autoptr(GArray) attributes = g_array_new(FALSE, FALSE, sizeof(BerthXmlAttribute));
  BerthXmlNode *open = NULL;
  gsize counted = 0;
  guint line = 1;

  for (;;) {
    BerthXmlTag tag = berth_xml_scan_next(&scan, attributes);
    if (tag.kind == BERTH_XML_SCAN_END || tag.kind == BERTH_XML_SCAN_BAD)
      return TRUE;
    if (tag.kind == BERTH_XML_SCAN_CLOSE) {
      if (open == NULL)
        return TRUE;
      open->close = tag.range;
      open = open->parent;
      continue;
    }
    count_lines(scan.data, &counted, &line, tag.range.start);
    if (tag.kind == BERTH_XML_SCAN_CROWDED) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: more than %d attributes", document->public.file, line,
                  BERTH_XML_MAX_ATTRIBUTES);
      return FALSE;
    }
    BerthXmlNode *node = add_node(document, open, tag.range, attributes);
    node->line = line;
    if (tag.kind == BERTH_XML_SCAN_OPEN)
      open = node;
  }
}

/* ---- what libxml2 says ---- */

/* libxml2's messages as ours: one line, lower-case, no stop, nothing that upsets a terminal. */
static char *tidy(const char *message) {
  g_autofree char *valid = g_utf8_make_valid(message != NULL ? message : "malformed", -1);
  char *text = g_strchomp(g_steal_pointer(&valid));

  for (char *c = text; *c != '\0'; c++)
    if (g_ascii_iscntrl(*c))
      *c = ' ';
  if (g_ascii_isupper(text[0]) && !g_ascii_isupper(text[1]))
    text[0] = g_ascii_tolower(text[0]);
  gsize length = strlen(text);
  if (length > 0 && text[length - 1] == '.')
    text[length - 1] = '\0';
  return text;
}

static void stop(Reader *reader, int line, const char *message) {
  if (reader->error == NULL)
    reader->error =
        g_error_new(BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%d: %s", reader->document->public.file, MAX(line, 1), message);
}

static int current_line(const Reader *reader) {
  return reader->context->input != NULL ? reader->context->input->line : 1;
}

static void on_error(void *data, ReportedError reported) {
  Reader *reader = data;

  /* An undeclared name space prefix is no such error to libvirt either: it is an error of XML's users, not of its syntax. */
  if (reported == NULL || reported->level < XML_ERR_ERROR || reported->domain == XML_FROM_NAMESPACE || reader->error != NULL)
    return;
  g_autofree char *text = tidy(reported->message);
  stop(reader, reported->line, text);
}

static void on_doctype(void *data, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
  Reader *reader = data;

  (void)name, (void)external, (void)system;
  stop(reader, current_line(reader), "a DOCTYPE is not allowed");
  xmlStopParser(reader->context);
}

/* The name as it is written. Names of events are in the context's table, as are those that are made here. */
static const char *qualified(const Document *document, const xmlChar *prefix, const xmlChar *name) {
  return (const char *)(prefix != NULL ? xmlDictQLookup(document->names, prefix, name) : name);
}

/* Gives @value (@length bytes) to the attribute called @name; NULL: it declares a name space. They come in the order of the bytes,
 * but for declarations, which come first, so it most often is number *@expected. */
static gboolean fill_attribute(Reader *reader, BerthXmlNode *node, guint *expected, const char *name, const xmlChar *value,
                               gsize length) {
  const char *data = g_bytes_get_data(reader->document->public.bytes, NULL);

  for (guint n = 0; n < node->n_attributes; n++) {
    BerthXmlAttribute *attribute = &node->attributes[(*expected + n) % node->n_attributes];
    if (attribute->name != NULL || !berth_xml_scan_is_name(data, attribute->range.start, name))
      continue;
    attribute->name = name;
    attribute->value = berth_base_arena_text(reader->document->arena, (const char *)value, length);
    *expected += n + 1;
    return TRUE;
  }
  return FALSE;
}

/* The attributes as libxml2 gives them: five pointers each (name, prefix, URI, value, end of value), name space declarations apart
 * (prefix, URI). */
static gboolean fill_attributes(Reader *reader, BerthXmlNode *node, guint n_spaces, const xmlChar **spaces, guint n,
                                const xmlChar **attributes) {
  const xmlChar *xmlns = xmlDictLookup(reader->document->names, (const xmlChar *)"xmlns", -1);
  guint expected = 0, kept = 0;

  for (guint i = 0; i < n_spaces; i++) {
    const xmlChar *prefix = spaces[2 * (gsize)i], *uri = spaces[2 * (gsize)i + 1];
    const char *name = prefix != NULL ? qualified(reader->document, xmlns, prefix) : (const char *)xmlns;
    if (!fill_attribute(reader, node, &expected, name, uri, uri != NULL ? strlen((const char *)uri) : 0))
      return FALSE;
  }
  expected = 0;
  for (guint i = 0; i < n; i++) {
    const xmlChar **a = attributes + 5 * (gsize)i;
    if (!fill_attribute(reader, node, &expected, qualified(reader->document, a[1], a[0]), a[3], (gsize)(a[4] - a[3])))
      return FALSE;
  }
  /* A declaration that says nothing new (xmlns:xml) is not reported. */
  for (guint i = 0; i < node->n_attributes; i++)
    if (node->attributes[i].name != NULL)
      node->attributes[kept++] = node->attributes[i];
  node->n_attributes = kept;
  return TRUE;
}

static gboolean fill_node(Reader *reader, BerthXmlNode *node, const char *name, const xmlChar *uri) {
  const char *data = g_bytes_get_data(reader->document->public.bytes, NULL);

  node->name = name;
  node->ns = uri != NULL ? (const char *)xmlDictLookup(reader->document->names, uri, -1) : NULL;
  return berth_xml_scan_is_name(data, node->open.start + 1, name);
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_spaces,
                     const xmlChar **spaces, int n, int n_defaulted, const xmlChar **attributes) {
  Reader *reader = data;
  BerthXmlNode *node = reader->next;

  (void)n_defaulted;
  if (reader->error != NULL || reader->lost)
    return;
  if (reader->depth >= BERTH_XML_MAX_DEPTH) {
    stop(reader, current_line(reader), "more than " G_STRINGIFY(BERTH_XML_MAX_DEPTH) " elements inside each other");
    xmlStopParser(reader->context);
    return;
  }
  if (node == NULL || !fill_node(reader, node, qualified(reader->document, prefix, name), uri) ||
      !fill_attributes(reader, node, (guint)n_spaces, spaces, (guint)n, attributes)) {
    reader->lost = TRUE;
    return;
  }
  reader->open = node;
  reader->next = node->first;
  reader->depth++;
  if (reader->texts[reader->depth] == NULL)
    reader->texts[reader->depth] = g_string_new(NULL);
  g_string_truncate(reader->texts[reader->depth], 0);
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
  Reader *reader = data;
  BerthXmlNode *node = reader->open;

  (void)name, (void)prefix, (void)uri;
  if (reader->error != NULL || reader->lost || node == NULL)
    return;
  GString *text = reader->texts[reader->depth];
  if (text->len > 0)
    node->text = berth_base_arena_text(reader->document->arena, text->str, text->len);
  reader->lost = reader->next != NULL;
  reader->next = node->next;
  reader->open = node->parent;
  reader->depth--;
}

static void on_text(void *data, const xmlChar *text, int length) {
  Reader *reader = data;

  if (reader->error == NULL && !reader->lost && reader->open != NULL && length > 0)
    g_string_append_len(reader->texts[reader->depth], (const char *)text, length);
}

static void parse_events(Reader *reader, const char *data, gsize size) {
  xmlInitParser();
  g_autoptr(xmlParserCtxt) context = xmlCreateMemoryParserCtxt(data, (int)size);

  if (context == NULL) {
    stop(reader, 1, "document is empty");
    return;
  }
  xmlSAXHandler handler = {
      .initialized = XML_SAX2_MAGIC,
      .internalSubset = on_doctype,
      .characters = on_text,
      .ignorableWhitespace = on_text,
      .cdataBlock = on_text,
      .startElementNs = on_start,
      .endElementNs = on_end,
      .serror = on_error,
  };
  /* NOENT: "&amp;" and "&#38;" in attributes are resolved at once; no other entity can exist without DOCTYPE. IGNORE_ENC: the bytes
   * are UTF-8 by now, whatever they say. */
  xmlCtxtUseOptions(context, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);
  *context->sax = handler;
  context->userData = reader;
  reader->context = context;
  reader->document->names = context->dict;
  xmlDictReference(context->dict);
  xmlParseDocument(context);
  if (!context->wellFormed)
    stop(reader, current_line(reader), "malformed XML");
  reader->context = NULL;
}

static gboolean check_size(GBytes *bytes, const char *file, GError **error) {
  if (g_bytes_get_size(bytes) <= BERTH_XML_MAX_BYTES)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: larger than %u MiB", file, BERTH_XML_MAX_BYTES >> 20);
  return FALSE;
}

/* Builds the tree of @document from its bytes. */
static gboolean read_tree(Document *document, GError **error) {
  gsize size = 0;
  const char *bytes = g_bytes_get_data(document->public.bytes, &size), *data = bytes != NULL ? bytes : "";
  gsize mark = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

  if (!make_tree(document, (BerthXmlScan){.data = data, .size = size, .position = mark}, error))
    return FALSE;
  Reader reader = {.document = document, .next = document->public.root};
  parse_events(&reader, data + mark, size - mark);
  for (guint i = 0; i < G_N_ELEMENTS(reader.texts); i++)
    if (reader.texts[i] != NULL)
      g_string_free(reader.texts[i], TRUE);
  if (reader.lost || reader.next != NULL || reader.open != NULL || document->public.root == NULL)
    stop(&reader, 1, "its tags cannot be located");
  if (reader.error == NULL)
    return TRUE;
  g_propagate_error(error, reader.error);
  return FALSE;
}

BerthXmlDocument *berth_xml_document_parse(GBytes *bytes, const char *file, GError **error) {
  if (!check_size(bytes, file, error))
    return NULL;
  g_autoptr(GBytes) utf8 = berth_xml_encoding_to_utf8(bytes, file, error);
  if (utf8 == NULL || !check_size(utf8, file, error))
    return NULL;
  Document *document = document_new(file, utf8);
  if (!read_tree(document, error)) {
    berth_xml_document_free(&document->public);
    return NULL;
  }
  return &document->public;
}

/* ---- where its pieces come from ---- */

typedef struct {
  Document *document;
  const GPtrArray *sources;
  const char *other; /* the name of another file that was met last, in the document's own memory */
} Trail;

static const char *own_name(Trail *trail, const char *file) {
  if (strcmp(file, trail->document->public.file) == 0)
    return trail->document->public.file;
  if (trail->other == NULL || strcmp(file, trail->other) != 0)
    trail->other = berth_base_arena_text(trail->document->arena, file, strlen(file));
  return trail->other;
}

static void trace(Trail *trail, BerthXmlNode *node) {
  const BerthXmlNode *source = node->number < trail->sources->len ? g_ptr_array_index(trail->sources, node->number) : NULL;

  if (source == NULL)
    source = node->parent;
  if (source != NULL) {
    node->file = own_name(trail, source->file);
    node->line = source->line;
  }
  for (BerthXmlNode *child = node->first; child != NULL; child = child->next)
    trace(trail, child);
}

void berth_xml_document_trace(BerthXmlDocument *document, const GPtrArray *sources) {
  Trail trail = {.document = (Document *)document, .sources = sources};

  trace(&trail, document->root);
}
