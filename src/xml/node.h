/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An XML document as a plain, immutable tree that remembers where each piece stands in the original bytes.
 * No type of expat is visible here; document.c is the only user of expat.
 */
#pragma once

#include <glib.h>
#include <string.h>

/* Offsets into the document's bytes, which are BERTH_XML_MAX_BYTES at most: [start, end). */
typedef struct {
  guint start, end;
} BerthXmlRange;

typedef struct {
  const char *name;      /* as written, with prefix */
  const char *value;     /* references resolved, white space normalised as XML 1.0, 3.3.3 says */
  BerthXmlRange range;   /* from the name to behind the closing quote */
  BerthXmlRange content; /* between the quotes */
} BerthXmlAttribute;

typedef struct BerthXmlNode BerthXmlNode;
struct BerthXmlNode {
  const char *name; /* as written, with prefix ("disk", "libosinfo:os") */
  const char *ns;   /* namespace URI, or NULL */
  BerthXmlNode *parent, *first, *last, *next;
  BerthXmlAttribute *attributes;
  guint n_attributes;
  guint number;        /* in the order of the document, from 0 */
  const char *text;    /* the element's own character data, all pieces joined; NULL if there is none */
  BerthXmlRange open;  /* the start tag, '<' to behind '>' */
  BerthXmlRange close; /* the end tag; empty (start == end == open.end) for an empty-element tag <x/> */
  const char *file;    /* where it was written: the document's, unless it was put there from another (splice.h) */
  guint line;          /* there: of the start tag's '<', from 1 */
};

typedef struct {
  char *file;         /* for messages; never NULL */
  GBytes *bytes;      /* UTF-8, as read (BOM and line ends kept) */
  BerthXmlNode *root; /* never NULL */
  guint n_nodes;
} BerthXmlDocument;

/* Limits that a document must keep (BERTH_ERROR_BAD_INPUT otherwise). */
#define BERTH_XML_MAX_BYTES (16u << 20)
#define BERTH_XML_MAX_DEPTH 64

/*
 * Parses @bytes (any encoding iconv knows; turned into UTF-8 first, the declaration with it). Refuses a DOCTYPE, entities other
 * than the five of XML and character references, more than BERTH_XML_MAX_BYTES, more depth than BERTH_XML_MAX_DEPTH, more than 256
 * name spaces in scope, a NUL byte. Never touches network or file system. @file is used in messages only. Errors:
 * BERTH_ERROR_BAD_INPUT, "FILE:LINE: ...".
 */
BerthXmlDocument *berth_xml_document_parse(GBytes *bytes, const char *file, GError **error);
void berth_xml_document_free(BerthXmlDocument *document);
/* Makes each node of @document know where @sources (BerthXmlNode of any documents, by number of node) say that it was written;
 * NULL: where its parent was. */
void berth_xml_document_trace(BerthXmlDocument *document, const GPtrArray *sources);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthXmlDocument, berth_xml_document_free)

/* Whether two names, or two paths, are equal. Most that are not differ in their first two letters ("@type", "@index"), and a call
 * to strcmp() costs more than to see that. */
static inline gboolean berth_xml_name_is(const char *a, const char *b) {
  return a[0] == b[0] && (a[0] == '\0' || (a[1] == b[1] && strcmp(a, b) == 0));
}

/* First child element called @name (NULL: any), and the next sibling called @name. Both accept NULL. */
const BerthXmlNode *berth_xml_node_child(const BerthXmlNode *node, const char *name);
const BerthXmlNode *berth_xml_node_next(const BerthXmlNode *node, const char *name);

/*
 * The value at @path below @node, first match at each step: "@model" (attribute), "target/@dev", "model/@name", "uuid"
 * or "os/type" (text of an element, stripped of leading and trailing white space by the caller if it matters),
 * Returns: (nullable) (transfer none): NULL where there is no such element or attribute, or no text. @node may be NULL.
 */
const char *berth_xml_node_get(const BerthXmlNode *node, const char *path);

/* The attribute itself, or NULL. */
const BerthXmlAttribute *berth_xml_node_attribute(const BerthXmlNode *node, const char *name);

/* Whether both say the same: name and name space, attributes in any order, children in their order, and text, where there are
 * children but for white space around it. Comments and what stands between attributes do not count. */
gboolean berth_xml_node_equal(const BerthXmlNode *a, const BerthXmlNode *b);
/* The same of the attributes alone. */
gboolean berth_xml_node_attributes_equal(const BerthXmlNode *a, const BerthXmlNode *b);

/* Where @node stands, for a message about @beside: "line 5", with the file in front if that is another ("FILE, line 5"). (transfer
 * full) */
char *berth_xml_node_where(const BerthXmlNode *node, const BerthXmlNode *beside);
/* Whether @node (NULL: no) was put into @document from another one: it is what its user is just about to add. */
gboolean berth_xml_node_is_new(const BerthXmlDocument *document, const BerthXmlNode *node);

/* Sets @error to BERTH_ERROR_BAD_INPUT (or @code) with "FILE:LINE: " in front, as @node has them. @node may be NULL (no line). */
void berth_xml_error(GError **error, int code, const BerthXmlDocument *document, const BerthXmlNode *node, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
