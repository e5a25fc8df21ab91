/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes to a document's bytes. Nothing but the spliced pieces changes: comments, order, white space, quotes,
 * declarations, line ends and unknown elements stay as they are, byte for byte.
 */
#pragma once

#include "xml/node.h"

/* A new element to be written: attributes and children in order. It belongs to the edits that it was made for, and is put somewhere
 * once. */
typedef struct BerthXmlDraft BerthXmlDraft;
typedef struct {
  BerthXmlDraft *first, *last;
} BerthXmlDrafts;

typedef struct BerthXmlEdits BerthXmlEdits;
BerthXmlEdits *berth_xml_edits_new(const BerthXmlDocument *document);
void berth_xml_edits_free(BerthXmlEdits *edits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthXmlEdits, berth_xml_edits_free)

BerthXmlDraft *berth_xml_draft_new(BerthXmlEdits *edits, const char *name);
/* @node (of any document, which must outlive the edits) as it is, comments and the children called @without (NULL: none) aside. */
BerthXmlDraft *berth_xml_draft_of(BerthXmlEdits *edits, const BerthXmlNode *node, const char *without);
/* Sets what @path ("@index", "target/@chassis", "model/@name", "uuid") names, making elements on the way. */
void berth_xml_draft_set(BerthXmlDraft *draft, const char *path, const char *value);
void berth_xml_draft_attribute(BerthXmlDraft *draft, const char *name, const char *value);
void berth_xml_draft_add(BerthXmlDraft *draft, BerthXmlDraft *child);

/* In the following, nodes are those of the edits' document. Sets what @path names below @node to @value: replaces an attribute's or
 * element's text in place (keeping its quote character), adds an attribute at the end of the start tag, or appends the missing
 * child elements before @node's end tag (an empty-element tag is opened). Several paths of one new child end in one element. */
void berth_xml_edits_set(BerthXmlEdits *edits, const BerthXmlNode *node, const char *path, const char *value);

/* Removes @node's attribute called @name with the white space before it; nothing if there is none. */
void berth_xml_edits_remove_attribute(BerthXmlEdits *edits, const BerthXmlNode *node, const char *name);

/* Replaces the whole of @node (open tag to end tag) by @draft or, if @draft is NULL, removes it with the white
 * space before it. */
void berth_xml_edits_replace(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft);

/* Appends @draft as the last child of @parent, indented as its siblings are and with the document's line
 * ends; @after, if not NULL, is the child of @parent behind which it is put instead. Calls for one place keep their order. */
void berth_xml_edits_add(BerthXmlEdits *edits, const BerthXmlNode *parent, const BerthXmlNode *after, BerthXmlDraft *draft);

/* Puts @draft in front of @node, on a line of its own if @node is. Calls for one place keep their order. */
void berth_xml_edits_add_before(BerthXmlEdits *edits, const BerthXmlNode *node, BerthXmlDraft *draft);

/* The document with all edits applied; the same bytes (a reference to them) when there are none. (transfer full) */
GBytes *berth_xml_edits_apply(BerthXmlEdits *edits);

/* The same, parsed: each node of it knows the file and the line that its element was written in; what is new stands where that is
 * which it was put into. Errors: as berth_xml_document_parse(). (transfer full) */
BerthXmlDocument *berth_xml_edits_document(BerthXmlEdits *edits, GError **error);

/* @node alone, as the root of a document called @file; its nodes know where they were written. (transfer full) */
BerthXmlDocument *berth_xml_node_document(const BerthXmlNode *node, const char *file, GError **error);
