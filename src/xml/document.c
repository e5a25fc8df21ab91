/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/node.h"

#include <berth/error.h>
#include <expat.h>
#include <string.h>

#include "base/arena.h"
#include "xml/encoding.h"

/*
 * expat judges the document, says what its pieces mean, and where in the bytes each tag stands; not where the attributes of a tag
 * do: they are found in its bytes. Name spaces are not expat's business, since it would refuse prefixes that are not declared.
 */

/* Each element may have to be compared with all name spaces in scope; more than this is an attack. */
#define MAX_SPACES 256

typedef struct {
  BerthXmlDocument public;
  BerthArena *arena; /* nodes, attributes, names, values and texts */
} Document;

/* A name space declaration that is in scope. */
typedef struct {
  const char *prefix; /* "": of names without */
  const char *uri;    /* "": none */
  const BerthXmlNode *node;
} Space;

typedef struct {
  Document *document;
  XML_Parser parser;
  const char *data;
  gsize size;
  BerthXmlNode *open; /* the innermost open element; NULL: none */
  guint depth;
  gsize counted; /* how far lines have been counted, and the number of the line there */
  guint line;
  GArray *spaces;                          /* Space; inner ones last */
  GString *texts[BERTH_XML_MAX_DEPTH + 1]; /* of the open elements, by depth */
  const char *names[256];                  /* some of those that were met, by hash */
  GError *error;                           /* the first one */
} Reader;

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(XML_Parser, XML_ParserFree, NULL)

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
  g_bytes_unref(public->bytes);
  g_free(public->file);
  g_free(document);
}

/* ---- errors ---- */

/* The number of the line that @position is in, which is not before the one that was asked for last. */
static guint count_lines(Reader *reader, gsize position) {
  const char *newline = reader->data + reader->counted, *end = reader->data + position;

  while (newline < end && (newline = memchr(newline, '\n', (gsize)(end - newline))) != NULL) {
    reader->line++;
    newline++;
  }
  reader->counted = MAX(reader->counted, position);
  return reader->line;
}

static void G_GNUC_PRINTF(2, 3) stop(Reader *reader, const char *format, ...) {
  va_list arguments;

  if (reader->error != NULL)
    return;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  XML_Index position = XML_GetCurrentByteIndex(reader->parser);
  guint line = count_lines(reader, CLAMP(position, 0, (XML_Index)reader->size));
  g_set_error(&reader->error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: %s", reader->document->public.file, line, message);
  XML_StopParser(reader->parser, XML_FALSE);
}

/* Says what expat found; where an element is not closed, which. */
static void stop_malformed(Reader *reader) {
  enum XML_Error code = XML_GetErrorCode(reader->parser);
  const BerthXmlNode *open = code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_TAG_MISMATCH ? reader->open : NULL;
  const char *words = open != NULL && code == XML_ERROR_NO_ELEMENTS ? "unexpected end" : XML_ErrorString(code);

  if (open != NULL)
    stop(reader, "%s: <%s> of line %u is not closed", words, open->name, open->line);
  else
    stop(reader, "%s", words);
}

/* ---- the tree, event by event ---- */

static BerthXmlRange current_range(const Reader *reader) {
  guint start = (guint)XML_GetCurrentByteIndex(reader->parser);

  return (BerthXmlRange){start, start + (guint)XML_GetCurrentByteCount(reader->parser)};
}

/* A copy of @name: of names that come again and again ("address", "type"), most often the one that is there already. */
static const char *keep_name(Reader *reader, const char *name, gsize length) {
  gsize hash = 29 * length + 5 * (gsize)(guint8)name[0] + (guint8)name[length - 1];
  const char **kept = &reader->names[hash % G_N_ELEMENTS(reader->names)];

  if (*kept == NULL || !berth_xml_name_is(*kept, name))
    *kept = berth_base_arena_text(reader->document->arena, name, length);
  return *kept;
}

static BerthXmlNode *add_node(Reader *reader, const char *name, gsize length) {
  BerthXmlDocument *document = &reader->document->public;
  BerthXmlNode *node = berth_base_arena_take(reader->document->arena, sizeof *node), *parent = reader->open;

  node->name = keep_name(reader, name, length);
  node->number = document->n_nodes++;
  node->file = document->file;
  node->open = current_range(reader);
  node->line = count_lines(reader, node->open.start);
  node->parent = parent;
  if (parent == NULL)
    document->root = node;
  else if (parent->last == NULL)
    parent->first = parent->last = node;
  else
    parent->last = parent->last->next = node;
  return node;
}

/* Where the next attribute from @position on stands, in a start tag that is well-formed: its name has @name bytes, and its content
 * at least @value, as no reference is shorter than what it stands for. */
static void find_attribute(const char *data, guint position, gsize name, gsize value, BerthXmlAttribute *attribute) {
  while (g_ascii_isspace(data[position]))
    position++;
  guint quote = position + (guint)name;
  while (data[quote] != '"' && data[quote] != '\'')
    quote++;
  guint end = quote + 1 + (guint)value;
  while (data[end] != data[quote])
    end++;
  attribute->range = (BerthXmlRange){position, end + 1};
  attribute->content = (BerthXmlRange){quote + 1, end};
}

/* @given: names and values in turn, in the order of the bytes; nothing is added to them where there is no DOCTYPE. @position:
 * behind the tag's name. */
static void add_attributes(Reader *reader, BerthXmlNode *node, guint position, const XML_Char **given) {
  BerthArena *arena = reader->document->arena;

  node->n_attributes = (guint)XML_GetSpecifiedAttributeCount(reader->parser) / 2;
  if (node->n_attributes == 0)
    return;
  node->attributes = berth_base_arena_take(arena, sizeof *node->attributes * node->n_attributes);
  for (guint i = 0; i < node->n_attributes; i++) {
    BerthXmlAttribute *attribute = &node->attributes[i];
    const char *name = given[2 * (gsize)i], *value = given[2 * (gsize)i + 1];
    gsize name_length = strlen(name), length = strlen(value);
    attribute->name = keep_name(reader, name, name_length);
    attribute->value = berth_base_arena_text(arena, value, length);
    find_attribute(reader->data, position, name_length, length, attribute);
    position = attribute->range.end;
  }
}

static void open_spaces(Reader *reader, const BerthXmlNode *node) {
  for (guint i = 0; i < node->n_attributes; i++) {
    const BerthXmlAttribute *attribute = &node->attributes[i];
    if (strncmp(attribute->name, "xmlns", 5) != 0 || (attribute->name[5] != '\0' && attribute->name[5] != ':'))
      continue;
    if (reader->spaces->len == MAX_SPACES) {
      stop(reader, "more than %d name spaces", MAX_SPACES);
      return;
    }
    Space space = {.prefix = attribute->name + (attribute->name[5] == ':' ? 6 : 5), .uri = attribute->value, .node = node};
    g_array_append_val(reader->spaces, space);
  }
}

static void close_spaces(Reader *reader, const BerthXmlNode *node) {
  guint n = reader->spaces->len;

  while (n > 0 && g_array_index(reader->spaces, Space, n - 1).node == node)
    n--;
  if (n < reader->spaces->len)
    g_array_set_size(reader->spaces, n);
}

/* The name space that @name is in; NULL: none. A prefix that is not declared is no error to libvirt either: it is an error of XML's
 * users, not of its syntax. */
static const char *find_space(const Reader *reader, const char *name) {
  const char *colon = strchr(name, ':');
  gsize length = colon != NULL ? (gsize)(colon - name) : 0;

  if (colon != NULL && g_str_has_prefix(name, "xml:"))
    return "http://www.w3.org/XML/1998/namespace";
  for (guint i = reader->spaces->len; i > 0; i--) {
    const Space *space = &g_array_index(reader->spaces, Space, i - 1);
    if (strncmp(space->prefix, name, length) == 0 && space->prefix[length] == '\0')
      return space->uri[0] != '\0' ? space->uri : NULL;
  }
  return NULL;
}

static void on_start(void *data, const XML_Char *name, const XML_Char **attributes) {
  Reader *reader = data;

  if (reader->error != NULL)
    return;
  if (reader->depth >= BERTH_XML_MAX_DEPTH) {
    stop(reader, "more than %d elements inside each other", BERTH_XML_MAX_DEPTH);
    return;
  }
  gsize length = strlen(name);
  BerthXmlNode *node = add_node(reader, name, length);
  add_attributes(reader, node, node->open.start + 1 + (guint)length, attributes);
  open_spaces(reader, node);
  node->ns = find_space(reader, node->name);
  reader->open = node;
  reader->depth++;
  if (reader->texts[reader->depth] == NULL)
    reader->texts[reader->depth] = g_string_new(NULL);
  g_string_truncate(reader->texts[reader->depth], 0);
}

static void on_end(void *data, const XML_Char *name) {
  Reader *reader = data;
  BerthXmlNode *node = reader->open;

  (void)name;
  if (reader->error != NULL)
    return;
  GString *text = reader->texts[reader->depth];
  if (text->len > 0)
    node->text = berth_base_arena_text(reader->document->arena, text->str, text->len);
  node->close = current_range(reader);
  close_spaces(reader, node);
  reader->open = node->parent;
  reader->depth--;
}

/* expat gives each line in two pieces, most of a few bytes: g_string_append_len() costs more than to copy them. */
static void append(GString *to, const char *text, gsize length) {
  if (length >= to->allocated_len - to->len) {
    g_string_append_len(to, text, (gssize)length);
    return;
  }
  memcpy(to->str + to->len, text, length);
  to->len += length;
  to->str[to->len] = '\0';
}

static void on_text(void *data, const XML_Char *text, int length) {
  Reader *reader = data;

  if (reader->error == NULL)
    append(reader->texts[reader->depth], text, (gsize)length);
}

static void on_doctype(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_subset) {
  (void)name, (void)system, (void)public, (void)has_subset;
  stop(data, "a DOCTYPE is not allowed");
}

/* ---- documents ---- */

static gboolean check_size(GBytes *bytes, const char *file, GError **error) {
  if (g_bytes_get_size(bytes) <= BERTH_XML_MAX_BYTES)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: larger than %u MiB", file, BERTH_XML_MAX_BYTES >> 20);
  return FALSE;
}

/* Builds the tree of @document from its bytes, which are UTF-8 whatever they say; a mark before them is the parser's business. */
static gboolean read_tree(Document *document, GError **error) {
  static const XML_Memory_Handling_Suite memory = {g_malloc, g_realloc, g_free}; /* which never fail */
  g_auto(XML_Parser) parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
  g_autoptr(GArray) spaces = g_array_new(FALSE, FALSE, sizeof(Space));
  Reader reader = {.document = document, .parser = parser, .line = 1, .spaces = spaces};
  const char *data = g_bytes_get_data(document->public.bytes, &reader.size);

  reader.data = data != NULL ? data : "";
  XML_SetUserData(parser, &reader);
  XML_SetElementHandler(parser, on_start, on_end);
  XML_SetCharacterDataHandler(parser, on_text);
  XML_SetStartDoctypeDeclHandler(parser, on_doctype);
  if (XML_Parse(parser, reader.data, (int)reader.size, XML_TRUE) != XML_STATUS_OK)
    stop_malformed(&reader);
  for (guint i = 0; i < G_N_ELEMENTS(reader.texts); i++)
    if (reader.texts[i] != NULL)
      g_string_free(reader.texts[i], TRUE);
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
