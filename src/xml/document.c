/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/node.h"

#include <berth/error.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#include "xml/encoding.h"
#include "xml/scan.h"

/* libxml2 compares each attribute of a tag with each other one; more than this is an attack. */
#define MAX_ATTRIBUTES 1024

/* Nodes are many and live as long as the document: they and their strings are taken from blocks that go with it. */
typedef struct {
  BerthXmlDocument public;
  GStringChunk *strings;
  GPtrArray *blocks;
  gsize used; /* bytes of the last block */
} Document;

#define BLOCK_BYTES (64u << 10)

typedef struct {
  Document *document;
  xmlParserCtxtPtr context;
  BerthXmlNode *open; /* the innermost open element */
  guint depth;
  GString *texts[BERTH_XML_MAX_DEPTH + 1]; /* of the open elements, by depth */
  GError *error;                           /* the first one */
} Reader;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

#if LIBXML_VERSION >= 21200
typedef const xmlError *ReportedError;
#else
typedef xmlErrorPtr ReportedError;
#endif

static gpointer take(Document *document, gsize size) {
  gsize rounded = (size + 15) & ~(gsize)15;

  if (rounded > BLOCK_BYTES / 4) {
    g_ptr_array_insert(document->blocks, 0, g_malloc0(rounded));
    return g_ptr_array_index(document->blocks, 0);
  }
  if (document->used + rounded > BLOCK_BYTES) {
    g_ptr_array_add(document->blocks, g_malloc0(BLOCK_BYTES));
    document->used = 0;
  }
  char *block = g_ptr_array_index(document->blocks, document->blocks->len - 1);
  document->used += rounded;
  return block + document->used - rounded;
}

static Document *document_new(const char *file, GBytes *bytes) {
  Document *document = g_new0(Document, 1);

  document->public.file = g_strdup(file);
  document->public.bytes = g_bytes_ref(bytes);
  document->strings = g_string_chunk_new(4096);
  document->blocks = g_ptr_array_new_with_free_func(g_free);
  document->used = BLOCK_BYTES;
  return document;
}

void berth_xml_document_free(BerthXmlDocument *public) {
  if (public == NULL)
    return;
  Document *document = (Document *)public; /* its first member */
  g_ptr_array_unref(document->blocks);
  g_string_chunk_free(document->strings);
  g_bytes_unref(public->bytes);
  g_free(public->file);
  g_free(document);
}

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

static char *qualified(Document *document, const xmlChar *prefix, const xmlChar *name) {
  if (prefix == NULL)
    return g_string_chunk_insert_const(document->strings, (const char *)name);
  g_autofree char *full = g_strconcat((const char *)prefix, ":", (const char *)name, NULL);
  return g_string_chunk_insert_const(document->strings, full);
}

/* The attributes as libxml2 gives them: five pointers each (name, prefix, URI, value, end of value), name space declarations apart
 * (prefix, URI). Their order and ranges come later. */
static void add_attributes(Document *document, BerthXmlNode *node, guint n_spaces, const xmlChar **spaces, guint n,
                           const xmlChar **attributes) {
  guint used = 0;

  if (n + n_spaces == 0)
    return;
  node->attributes = take(document, sizeof *node->attributes * (n + n_spaces));
  for (guint i = 0; i < n_spaces; i++) {
    const xmlChar *prefix = spaces[2 * (gsize)i], *uri = spaces[2 * (gsize)i + 1];
    BerthXmlAttribute *attribute = &node->attributes[used++];
    attribute->name = prefix != NULL ? qualified(document, (const xmlChar *)"xmlns", prefix)
                                     : g_string_chunk_insert_const(document->strings, "xmlns");
    attribute->value = g_string_chunk_insert(document->strings, uri != NULL ? (const char *)uri : "");
  }
  for (guint i = 0; i < n; i++) {
    const xmlChar **a = attributes + 5 * (gsize)i;
    BerthXmlAttribute *attribute = &node->attributes[used++];
    attribute->name = qualified(document, a[1], a[0]);
    attribute->value = g_string_chunk_insert_len(document->strings, (const char *)a[3], a[4] - a[3]);
  }
  node->n_attributes = used;
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_spaces,
                     const xmlChar **spaces, int n, int n_defaulted, const xmlChar **attributes) {
  Reader *reader = data;
  Document *document = reader->document;

  (void)n_defaulted;
  if (reader->error != NULL)
    return;
  if (reader->depth >= BERTH_XML_MAX_DEPTH) {
    stop(reader, current_line(reader), "more than " G_STRINGIFY(BERTH_XML_MAX_DEPTH) " elements inside each other");
    xmlStopParser(reader->context);
    return;
  }
  BerthXmlNode *node = take(document, sizeof *node);
  node->name = qualified(document, prefix, name);
  node->ns = uri != NULL ? g_string_chunk_insert_const(document->strings, (const char *)uri) : NULL;
  node->parent = reader->open;
  add_attributes(document, node, (guint)n_spaces, spaces, (guint)n, attributes);
  if (node->parent == NULL)
    document->public.root = node;
  else if (node->parent->last == NULL)
    node->parent->first = node->parent->last = node;
  else
    node->parent->last = node->parent->last->next = node;
  reader->open = node;
  reader->depth++;
  if (reader->texts[reader->depth] == NULL)
    reader->texts[reader->depth] = g_string_new(NULL);
  g_string_truncate(reader->texts[reader->depth], 0);
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
  Reader *reader = data;

  (void)name, (void)prefix, (void)uri;
  if (reader->error != NULL || reader->open == NULL)
    return;
  GString *text = reader->texts[reader->depth];
  if (text->len > 0)
    reader->open->text = g_string_chunk_insert_len(reader->document->strings, text->str, (gssize)text->len);
  reader->open = reader->open->parent;
  reader->depth--;
}

static void on_text(void *data, const xmlChar *text, int length) {
  Reader *reader = data;

  if (reader->error == NULL && reader->open != NULL && length > 0)
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
  xmlParseDocument(context);
  if (!context->wellFormed || reader->document->public.root == NULL)
    stop(reader, current_line(reader), "malformed XML");
  reader->context = NULL;
}

/* What libxml2 cannot be asked to bound. */
static gboolean check_attributes(const BerthXmlDocument *document, BerthXmlScan scan, GError **error) {
  gsize counted = 0;
  guint line = 1;

  for (;;) {
    BerthXmlTag tag = berth_xml_scan_next(&scan);
    if (tag.kind == BERTH_XML_SCAN_END || tag.kind == BERTH_XML_SCAN_BAD)
      return TRUE; /* if BAD, libxml2 says why */
    if (tag.n_attributes <= MAX_ATTRIBUTES)
      continue;
    for (; counted < tag.range.start; counted++)
      line += scan.data[counted] == '\n';
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: more than %d attributes", document->file, line, MAX_ATTRIBUTES);
    return FALSE;
  }
}

/* The attribute of @node from the @from-th on that is called by the @length bytes at @name; n_attributes if there is none. */
static guint attribute_called(const BerthXmlNode *node, guint from, const char *name, gsize length) {
  while (from < node->n_attributes &&
         (strncmp(node->attributes[from].name, name, length) != 0 || node->attributes[from].name[length] != '\0'))
    from++;
  return from;
}

/* Puts the attributes of @node into the order of the bytes, with their ranges. */
static gboolean locate_attributes(const BerthXmlScan *scan, const BerthXmlTag *tag, BerthXmlNode *node) {
  BerthXmlAttribute found;
  gsize at = tag->name.end, name_end = 0;
  guint n = 0;

  while (berth_xml_scan_attribute(scan, &at, &found, &name_end)) {
    guint i = attribute_called(node, n, scan->data + found.range.start, name_end - found.range.start);
    if (i == node->n_attributes)
      continue; /* a declaration that says nothing new (xmlns:xml) is not reported */
    found.name = node->attributes[i].name;
    found.value = node->attributes[i].value;
    node->attributes[i] = node->attributes[n];
    node->attributes[n++] = found;
  }
  return n == node->n_attributes;
}

static gboolean same_name(const BerthXmlScan *scan, const BerthXmlTag *tag, const BerthXmlNode *node) {
  gsize length = tag->name.end - tag->name.start;

  return node != NULL && strlen(node->name) == length && memcmp(node->name, scan->data + tag->name.start, length) == 0;
}

/* Gives every node its ranges and line: tags of the bytes and nodes of the tree come in the same order. */
static gboolean locate(Document *document, BerthXmlScan scan) {
  BerthXmlNode *open = NULL, *next = document->public.root;
  gsize counted = 0;
  guint line = 1;

  for (;;) {
    BerthXmlTag tag = berth_xml_scan_next(&scan);
    if (tag.kind == BERTH_XML_SCAN_END || tag.kind == BERTH_XML_SCAN_BAD)
      return tag.kind == BERTH_XML_SCAN_END && open == NULL && next == NULL;
    if (tag.kind == BERTH_XML_SCAN_CLOSE) {
      if (next != NULL || !same_name(&scan, &tag, open))
        return FALSE;
      open->close = tag.range;
      next = open->next;
      open = open->parent;
      continue;
    }
    if (!same_name(&scan, &tag, next) || !locate_attributes(&scan, &tag, next))
      return FALSE;
    for (; counted < tag.range.start; counted++)
      line += scan.data[counted] == '\n';
    next->line = line;
    next->open = tag.range;
    next->close = (BerthXmlRange){tag.range.end, tag.range.end};
    if (tag.kind == BERTH_XML_SCAN_OPEN) {
      open = next;
      next = open->first;
    } else {
      if (next->first != NULL)
        return FALSE;
      next = next->next;
    }
  }
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
  BerthXmlScan scan = {.data = data, .size = size, .position = mark};
  Reader reader = {.document = document};

  if (!check_attributes(&document->public, scan, error))
    return FALSE;
  parse_events(&reader, data + mark, size - mark);
  for (guint i = 0; i < G_N_ELEMENTS(reader.texts); i++)
    if (reader.texts[i] != NULL)
      g_string_free(reader.texts[i], TRUE);
  if (reader.error == NULL && !locate(document, scan))
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
