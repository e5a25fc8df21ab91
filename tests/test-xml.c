/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/error.h>

#include <string.h>

#include "xml/splice.h"

static BerthXmlDocument *parse_bytes(const void *data, gsize size, GError **error) {
  g_autoptr(GBytes) bytes = g_bytes_new(data, size);

  return berth_xml_document_parse(bytes, "guest.xml", error);
}

static BerthXmlDocument *parse(const char *text) {
  g_autoptr(GError) error = NULL;
  BerthXmlDocument *document = parse_bytes(text, strlen(text), &error);

  g_assert_no_error(error);
  return document;
}

static char *slice(const BerthXmlDocument *document, BerthXmlRange range) {
  return g_strndup((const char *)g_bytes_get_data(document->bytes, NULL) + range.start, range.end - range.start);
}

static void assert_slice(const BerthXmlDocument *document, BerthXmlRange range, const char *expected) {
  g_autofree char *text = slice(document, range);

  g_assert_cmpstr(text, ==, expected);
}

static void assert_refused_bytes(const void *data, gsize size, const char *message) {
  g_autoptr(GError) error = NULL;

  g_assert_null(parse_bytes(data, size, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  g_assert_null(strchr(error->message, '\n'));
  if (!g_str_has_prefix(error->message, message))
    g_assert_cmpstr(error->message, ==, message);
}

static void assert_refused(const char *text, const char *message) {
  assert_refused_bytes(text, strlen(text), message);
}

static void pieces_are_where_they_stand(void) {
  g_autoptr(BerthXmlDocument) d = parse(
      "<?xml version='1.0'?>\n<!-- <no> --><a x=\"1>2\" y = '/>' >\r\n <b/><![CDATA[<c/>]]><ü é='&#228;&amp;'>t&lt;\n</ü ></a>\n");
  const BerthXmlNode *b = d->root->first, *u = b->next;

  assert_slice(d, d->root->open, "<a x=\"1>2\" y = '/>' >");
  assert_slice(d, d->root->attributes[0].range, "x=\"1>2\"");
  assert_slice(d, d->root->attributes[1].content, "/>");
  assert_slice(d, d->root->close, "</a>");
  assert_slice(d, b->open, "<b/>");
  g_assert_cmpuint(b->close.start, ==, b->close.end);
  assert_slice(d, u->open, "<ü é='&#228;&amp;'>");
  assert_slice(d, u->close, "</ü >");
  g_assert_cmpstr(u->attributes[0].value, ==, "ä&");
  g_assert_cmpstr(u->text, ==, "t<\n");
  g_assert_cmpstr(d->root->text, ==, "\n <c/>");
  g_assert_cmpuint(d->root->line, ==, 2);
  g_assert_cmpuint(u->line, ==, 3);
  g_assert_null(b->text);
}

static void paths_find_values(void) {
  g_autoptr(BerthXmlDocument) d = parse("<d><os><type machine='pc'>hvm</type></os><x/><x i='2'/></d>");

  g_assert_cmpstr(berth_xml_node_get(d->root, "os/type"), ==, "hvm");
  g_assert_cmpstr(berth_xml_node_get(d->root, "os/type/@machine"), ==, "pc");
  g_assert_null(berth_xml_node_get(d->root, "os/typ/@machine"));
  g_assert_null(berth_xml_node_get(d->root, "x/@i"));
  g_assert_null(berth_xml_node_get(NULL, "x"));
  g_assert_cmpstr(berth_xml_node_get(berth_xml_node_next(berth_xml_node_child(d->root, "x"), "x"), "@i"), ==, "2");
}

static void name_spaces_are_told(void) {
  g_autoptr(BerthXmlDocument) d =
      parse("<d a='1' xmlns:q='urn:q' xmlns='urn:d' b='2'><q:e "
            "xmlns:xml='http://www.w3.org/XML/1998/namespace' q:f='3'/><e xmlns=''><q:g xmlns:q='urn:r'><q:h/><xml:i/></q:g>"
            "<q:j/></e></d>");
  const BerthXmlNode *e = d->root->first;

  g_assert_cmpstr(d->root->ns, ==, "urn:d");
  g_assert_cmpuint(d->root->n_attributes, ==, 4);
  g_assert_cmpstr(d->root->attributes[1].name, ==, "xmlns:q");
  g_assert_cmpstr(d->root->attributes[1].value, ==, "urn:q");
  assert_slice(d, d->root->attributes[3].range, "b='2'");
  g_assert_cmpstr(e->name, ==, "q:e");
  g_assert_cmpstr(e->ns, ==, "urn:q");
  g_assert_cmpstr(berth_xml_node_get(e, "@q:f"), ==, "3");
  g_assert_null(e->next->ns);
  g_assert_cmpstr(e->next->first->ns, ==, "urn:r");
  g_assert_cmpstr(e->next->first->first->ns, ==, "urn:r");
  g_assert_cmpstr(e->next->first->last->ns, ==, "http://www.w3.org/XML/1998/namespace");
  g_assert_cmpstr(e->next->last->ns, ==, "urn:q");
}

static void an_undeclared_prefix_is_kept(void) {
  g_autoptr(BerthXmlDocument) d = parse("<d><q:e q:f='3'/></d>");

  g_assert_cmpstr(d->root->first->name, ==, "q:e");
  g_assert_null(d->root->first->ns);
  g_assert_cmpstr(berth_xml_node_get(d->root, "q:e/@q:f"), ==, "3");
}

static void malformed_documents_are_refused(void) {
  assert_refused("", "guest.xml:1: no element found");
  assert_refused("   \n", "guest.xml:2: no element found");
  assert_refused("<a>\n<b></a>", "guest.xml:2: mismatched tag: <b> of line 2 is not closed");
  assert_refused("<a/><b/>", "guest.xml:1: junk after document element");
  assert_refused("<a x='1' x='2'/>", "guest.xml:1: duplicate attribute");
  assert_refused("<a x='<'/>", "guest.xml:1: ");
  assert_refused("<a>&nbsp;</a>", "guest.xml:1: undefined entity");
  assert_refused("<a x='&nbsp;'/>", "guest.xml:1: undefined entity");
  assert_refused("<a>\n\n&#1;</a>", "guest.xml:3: ");
  assert_refused("<a>\n<b>\r<c/>\n", "guest.xml:3: unexpected end: <b> of line 2 is not closed");
  assert_refused("<a", "guest.xml:1: unclosed token");
  assert_refused("<!--", "guest.xml:1: ");
  assert_refused_bytes("<a>\n\0</a>", 9, "guest.xml:2: a NUL byte");
  assert_refused_bytes("<a>\n\xff</a>", 9, "guest.xml:2: bytes that are not valid UTF-8");
}

static void a_doctype_is_refused(void) {
  assert_refused("<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY x 'y'>]>\n<a>&x;</a>", "guest.xml:2: a DOCTYPE is not allowed");
  assert_refused("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "guest.xml:1: a DOCTYPE is not allowed");
}

static void depth_is_bounded(void) {
  for (guint depth = BERTH_XML_MAX_DEPTH; depth <= BERTH_XML_MAX_DEPTH + 1; depth++) {
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < depth; i++)
      g_string_append(text, "<a>\n");
    for (guint i = 0; i < depth; i++)
      g_string_append(text, "</a>");
    if (depth > BERTH_XML_MAX_DEPTH) {
      assert_refused(text->str, "guest.xml:65: more than ");
    } else {
      g_autoptr(BerthXmlDocument) d = parse(text->str);
      g_assert_nonnull(d);
    }
    g_string_free(text, TRUE);
  }
  g_autofree char *deep = g_strnfill(3 * 100000, '<');
  for (guint i = 0; i < 100000; i++)
    memcpy(deep + 3 * (gsize)i, "<a>", 3);
  assert_refused(deep, "guest.xml:1: more than 64 elements inside each other");
}

static void size_is_bounded(void) {
  gsize size = 17u << 20;
  g_autofree char *text = g_strnfill(size, ' ');

  memcpy(text, "<a>", 3);
  memcpy(text + size - 4, "</a>", 4);
  assert_refused_bytes(text, size, "guest.xml: larger than 16 MiB");
}

static void many_attributes_are_quick(void) {
  g_autoptr(GString) text = g_string_new("<a>\n<b");

  for (guint i = 0; i < 100000; i++)
    g_string_append_printf(text, " a%u=\n'%u'", i, i);
  g_string_append(text, "/></a>");
  gint64 start = g_get_monotonic_time();
  g_autoptr(BerthXmlDocument) d = parse(text->str);
  g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint(d->root->first->n_attributes, ==, 100000);
  g_assert_cmpstr(d->root->first->attributes[99999].value, ==, "99999");
  assert_slice(d, d->root->first->attributes[99999].range, "a99999=\n'99999'");
}

static void many_name_spaces_are_refused(void) {
  g_autoptr(GString) text = g_string_new("<a>\n");

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf(text, "<b xmlns:p%u='urn:%u'/>", i, i);
  g_string_append(text, "\n<b");
  for (guint i = 0; i < 256; i++)
    g_string_append_printf(text, " xmlns:p%u='urn:%u'", i, i);
  g_string_append(text, "><p255:c/><p256:c");
  gsize end = text->len;
  g_string_append(text, "/></b></a>");
  g_autoptr(BerthXmlDocument) d = parse(text->str);
  g_assert_cmpstr(d->root->last->first->ns, ==, "urn:255");
  g_assert_null(d->root->last->last->ns);
  g_string_insert(text, (gssize)end, " xmlns:p256=''");
  assert_refused(text->str, "guest.xml:3: more than 256 name spaces");
}

static void large_documents_have_right_lines_and_ranges(void) {
  GString *text = g_string_new("<?xml version=\"1.0\"?>\n<domain>\n");

  for (guint i = 0; i < 70000; i++)
    g_string_append_printf(text, "  <é n='%u'>ü&amp;</é>\n", i);
  g_string_append(text, "<t>");
  for (guint i = 0; i < 300000; i++)
    g_string_append(text, "0123456789");
  g_string_append(text, "</t></domain>");
  g_autoptr(BerthXmlDocument) d = parse(text->str);
  guint n = 0;
  for (const BerthXmlNode *node = d->root->first; node->next != NULL; node = node->next, n++) {
    g_autofree char *expected = g_strdup_printf("<é n='%u'>", n);
    g_assert_cmpuint(node->line, ==, n + 3);
    assert_slice(d, node->open, expected);
    assert_slice(d, node->close, "</é>");
  }
  g_assert_cmpuint(n, ==, 70000);
  g_assert_cmpuint(strlen(d->root->last->text), ==, 3000000);
  g_string_append(text, "<");
  assert_refused(text->str, "guest.xml:70003: ");
  g_string_free(text, TRUE);
}

static void the_largest_document_is_read(void) {
  gsize size = BERTH_XML_MAX_BYTES;
  g_autofree char *text = g_strnfill(size, ' ');
  g_autoptr(GError) error = NULL;

  memcpy(text, "<a><b/>", 7);
  for (gsize i = 0; i < 12 * 1000 * 1000; i += 1000)
    memcpy(text + 100 + i, "<c/>", 4);
  memcpy(text + size - 4, "</a>", 4);
  g_autoptr(BerthXmlDocument) d = parse_bytes(text, size, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(d->root->close.end, ==, size);
}

static void assert_encoding(const char *encoding, const char *bom, gsize bom_length, const char *declared) {
  g_autofree char *text = g_strdup_printf("<?xml version='1.0' encoding='%s'?>\n<a b='\303\244'>\303\266</a>", declared);
  g_autofree char *expected = g_strdup("<?xml version='1.0' encoding='UTF-8'?>\n<a b='\303\244'>\303\266</a>");
  gsize size = 0;
  g_autofree char *raw = g_convert(text, -1, encoding, "UTF-8", NULL, &size, NULL);
  g_autoptr(GByteArray) all = g_byte_array_new();
  g_autoptr(GError) error = NULL;

  g_byte_array_append(all, (const guint8 *)bom, (guint)bom_length);
  g_byte_array_append(all, (const guint8 *)raw, (guint)size);
  g_autoptr(BerthXmlDocument) d = parse_bytes(all->data, all->len, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(g_bytes_get_data(d->bytes, NULL), g_bytes_get_size(d->bytes), expected, strlen(expected));
  g_assert_cmpstr(berth_xml_node_get(d->root, "@b"), ==, "\303\244");
}

static void other_encodings_become_utf8(void) {
  assert_encoding("ISO-8859-1", "", 0, "ISO-8859-1");
  assert_encoding("WINDOWS-1252", "", 0, "windows-1252");
  assert_encoding("UTF-16LE", "\xff\xfe", 2, "UTF-16");
  assert_encoding("UTF-16BE", "\xfe\xff", 2, "UTF-16");
  assert_encoding("UTF-16LE", "", 0, "UTF-16LE");
  assert_encoding("UTF-32BE", "\0\0\xfe\xff", 4, "UTF-32");
  assert_refused("<?xml version='1.0' encoding='klingon'?><a/>", "guest.xml:1: unknown encoding 'klingon'");
  assert_refused("<?xml version='1.0' encoding='ASCII'?><a>\303\244</a>",
                 "guest.xml:1: bytes that are not valid in the encoding 'ASCII'");
}

/* Applies one set and returns the new text; what was set must be there when it is read again. */
static char *after_set(const char *text, const char *path, const char *value) {
  g_autoptr(BerthXmlDocument) d = parse(text);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(d);

  berth_xml_edits_set(edits, d->root, path, value);
  g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
  char *result = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  g_autoptr(BerthXmlDocument) again = parse(result);
  g_assert_cmpstr(berth_xml_node_get(again->root, path), ==, value);
  return result;
}

static void assert_set(const char *text, const char *path, const char *value, const char *expected) {
  g_autofree char *result = after_set(text, path, value);

  g_assert_cmpstr(result, ==, expected);
}

static void sets_change_nothing_else(void) {
  assert_set("<a  x=\"1\"\ty = '2' />", "@y", "3", "<a  x=\"1\"\ty = '3' />");
  assert_set("<a  x=\"1\"\ty = '2' />", "@z", "3", "<a  x=\"1\"\ty = '2' z='3' />");
  assert_set("<a x=\"1\"/>", "@z", "a\"'<&>\t\n\r", "<a x=\"1\" z=\"a&quot;'&lt;&amp;&gt;&#9;&#10;&#13;\"/>");
  assert_set("<a x='1'></a >", "@x", "a\"'", "<a x='a\"&apos;'></a >");
  assert_set("<a><u>old<!-- c --></u></a>", "u", "n&w", "<a><u>n&amp;w</u></a>");
  assert_set("<a>\n  <u/>\n</a>", "u", "new", "<a>\n  <u>new</u>\n</a>");
  assert_set("<a>\n\t<u/>\n</a>", "t/@c", "1", "<a>\n\t<u/>\n\t<t c='1'/>\n</a>");
  assert_set("<a>\r\n    <u y=\"\"/> <!-- x -->\r\n</a>\r\n", "t/v/@c", "1",
             "<a>\r\n    <u y=\"\"/> <!-- x -->\r\n    <t>\r\n      <v c=\"1\"/>\r\n    </t>\r\n</a>\r\n");
  assert_set("<a><u/></a>", "t", "1", "<a><u/><t>1</t></a>");
  assert_set("\xef\xbb\xbf<a/>", "t/@c", "1", "\xef\xbb\xbf<a>\n  <t c='1'/>\n</a>");
  assert_set("<a>\n <b>\n  <c/>\n </b>\n</a>", "b/c/d/@e", "1", "<a>\n <b>\n  <c>\n    <d e='1'/>\n  </c>\n </b>\n</a>");
  assert_set("<a>\n  <b x='&#49;'></b>\n</a>", "b/d/@e", "1", "<a>\n  <b x='&#49;'>\n    <d e='1'/>\n  </b>\n</a>");
  assert_set("<a>\r\n<b/>\r\n</a>", "b", "x\ny\rz", "<a>\r\n<b>x\r\ny&#13;z</b>\r\n</a>");
}

static void setting_what_is_there_changes_no_byte(void) {
  static const char *const texts[] = {
      "<a x='&#49;' y=\"2\"><b>&#x31;</b></a>",
      "\xef\xbb\xbf<?xml version=\"1.0\" standalone='no'?>\r\n<!-- c -->\r\n<a x='1'\r\n y='2' >\r\n<b >1</b >\r\n</a >\r\n<!-- d "
      "-->\r\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(BerthXmlDocument) d = parse(texts[i]);
    g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(d);
    berth_xml_edits_set(edits, d->root, "@x", "1");
    berth_xml_edits_set(edits, d->root, "b", "1");
    g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
    g_assert_true(bytes == d->bytes);
  }
}

static void edits_of_one_place_keep_their_order(void) {
  g_autoptr(BerthXmlDocument) d = parse("<a>\n  <b i='1' j='2'/>\n  <c><e/></c>\n  <f/>\n</a>\n");
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(d);
  const BerthXmlNode *b = d->root->first, *c = b->next;
  BerthXmlDraft *draft = berth_xml_draft_new(edits, "new");

  berth_xml_draft_set(draft, "@x", "1");
  berth_xml_draft_set(draft, "y/@z", "2");
  berth_xml_draft_set(draft, "y/@w", "<3>");
  berth_xml_draft_set(draft, "t", "4");
  berth_xml_edits_add(edits, d->root, NULL, draft);
  berth_xml_edits_add(edits, d->root, NULL, berth_xml_draft_new(edits, "newer"));
  berth_xml_edits_add(edits, d->root, b, berth_xml_draft_new(edits, "behind"));
  berth_xml_edits_add(edits, d->root, b, berth_xml_draft_new(edits, "behind2"));
  berth_xml_edits_set(edits, b, "k/@l", "1");
  berth_xml_edits_set(edits, b, "k/@m", "2");
  berth_xml_edits_set(edits, b, "@n", "3");
  berth_xml_edits_remove_attribute(edits, b, "i");
  berth_xml_edits_set(edits, c->first, "@lost", "1");
  berth_xml_edits_replace(edits, c, berth_xml_draft_new(edits, "C"));
  berth_xml_edits_replace(edits, c->next, NULL);
  g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
  const char *expected = "<a>\n  <b j='2' n='3'>\n    <k l='1' m='2'/>\n  </b>\n  <behind/>\n  <behind2/>\n  <C/>\n"
                         "  <new x='1'>\n    <y z='2' w='&lt;3&gt;'/>\n    <t>4</t>\n  </new>\n  <newer/>\n</a>\n";
  g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  g_assert_cmpstr(text, ==, expected);
}

static void many_edits_are_quick(void) {
  GString *text = g_string_new("<a>\n");

  for (guint i = 0; i < 20000; i++)
    g_string_append(text, "  <b><c/></b>\n");
  g_string_append(text, "</a>");
  g_autoptr(BerthXmlDocument) d = parse(text->str);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(d);
  for (const BerthXmlNode *b = d->root->first; b != NULL; b = b->next) {
    berth_xml_edits_set(edits, b, "@n", "1");
    berth_xml_edits_set(edits, b, "c/@m", "2");
    berth_xml_edits_add(edits, d->root, NULL, berth_xml_draft_new(edits, "d"));
  }
  gint64 start = g_get_monotonic_time();
  g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
  g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint(g_bytes_get_size(bytes), ==, text->len + 20000 * (2 * strlen(" n='1'") + strlen("\n  <d/>")));
  g_string_free(text, TRUE);
}

static void values_survive_escaping(void) {
  static const char *const values[] = {"",   " ",    "a b", "&amp;", "<a>", "]]>", "'\"", "\t\r\n", "\303\244\360\237\230\200",
                                       "--", "&#38;"};

  for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
    g_autofree char *single = after_set("<a x=''/>", "@x", values[i]);
    g_autofree char *twice = after_set("<a x=\"\"><b/></a>", "b/@x", values[i]);
    if (*values[i] != '\0')
      g_free(after_set("<a/>", "t", values[i]));
  }
}

/* "name file:line", in document order. */
static void tell(GString *out, const BerthXmlNode *node) {
  g_string_append_printf(out, "%s%s %s:%u", out->len > 0 ? ", " : "", node->name, node->file, node->line);
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    tell(out, child);
}

static void edited_documents_know_where_their_pieces_were_written(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthXmlDocument) d = parse("<a>\n  <b/>\n  <c>\n    <d/></c>\n  <e/>\n</a>");
  g_autoptr(GBytes) more = g_bytes_new_static("<!-- \n -->\n<x>\n\n<y/></x>", 24);
  g_autoptr(BerthXmlDocument) other = berth_xml_document_parse(more, "more.xml", &error);
  g_assert_no_error(error);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(d);
  const BerthXmlNode *b = d->root->first, *c = b->next;
  berth_xml_edits_add(edits, d->root, b, berth_xml_draft_of(edits, other->root, NULL));
  berth_xml_edits_add_before(edits, b, berth_xml_draft_of(edits, other->root->first, NULL));
  berth_xml_edits_replace(edits, c->first, berth_xml_draft_of(edits, other->root, NULL));
  berth_xml_edits_set(edits, c->next, "made/@up", "1");
  g_autoptr(BerthXmlDocument) edited = berth_xml_edits_document(edits, &error);
  g_assert_no_error(error);
  g_autoptr(GString) told = g_string_new(NULL);
  tell(told, edited->root);
  g_assert_cmpstr(told->str, ==,
                  "a guest.xml:1, y more.xml:5, b guest.xml:2, x more.xml:3, y more.xml:5, c guest.xml:3, x more.xml:3, "
                  "y more.xml:5, e guest.xml:5, made guest.xml:5");
  g_assert_true(berth_xml_node_is_new(edited, edited->root->first));
  g_assert_false(berth_xml_node_is_new(edited, edited->root->first->next));
  /* … also when they are edited again, and when they stand alone. */
  g_autoptr(BerthXmlEdits) again = berth_xml_edits_new(edited);
  berth_xml_edits_replace(again, edited->root->first, NULL);
  g_autoptr(BerthXmlDocument) twice = berth_xml_edits_document(again, &error);
  g_assert_cmpuint(twice->root->first->line, ==, 2);
  g_assert_cmpstr(twice->root->first->next->first->file, ==, "more.xml");
  g_autoptr(BerthXmlDocument) alone = berth_xml_node_document(twice->root->first->next, "alone", &error);
  g_assert_cmpstr(alone->file, ==, "alone");
  g_assert_cmpstr(alone->root->first->file, ==, "more.xml");
  g_assert_cmpuint(alone->root->first->line, ==, 5);
}

static gboolean says_the_same(const char *one, const char *other) {
  g_autoptr(GBytes) first = g_bytes_new_static(one, strlen(one)), second = g_bytes_new_static(other, strlen(other));
  g_autoptr(BerthXmlDocument) a = berth_xml_document_parse(first, "a.xml", NULL),
                              b = berth_xml_document_parse(second, "b.xml", NULL);
  g_assert_nonnull(a);
  g_assert_nonnull(b);
  gboolean same = berth_xml_node_equal(a->root, b->root);
  g_assert_cmpint(berth_xml_node_equal(b->root, a->root), ==, same);
  return same;
}

static void elements_that_say_the_same_are_equal(void) {
  const char *disk = "<disk type='file' device='disk'><source file='/a'/><serial>x y</serial></disk>";
  static const char *const equal[] = {
      "<disk device=\"disk\"   type = 'file' >\n  <source file='/a'></source>\n  <serial>x y</serial>\n</disk>",
      "<disk type='file' device='disk'><!-- why --><source file='&#47;a'/><serial>x&#32;y</serial></disk>",
  };
  static const char *const different[] = {
      "<disk type='file'><source file='/a'/><serial>x y</serial></disk>",
      "<disk type='file' device='disk' a=''><source file='/a'/><serial>x y</serial></disk>",
      "<disk type='file' device='cdrom'><source file='/a'/><serial>x y</serial></disk>",
      "<disk type='file' device='disk'><source file='/b'/><serial>x y</serial></disk>",
      "<disk type='file' device='disk'><source file='/a'/><serial>xy</serial></disk>",
      "<disk type='file' device='disk'><source file='/a'/><serial>x y </serial></disk>",
      "<disk type='file' device='disk'><source file='/a'/><serial>\n x y</serial></disk>",
      "<disk type='file' device='disk'><source file='/a'/><serial/></disk>",
      "<disk type='file' device='disk'><serial>x y</serial><source file='/a'/></disk>",
      "<disk type='file' device='disk'><source file='/a'/></disk>",
      "<disk type='file' device='disk'><source file='/a'/><serial>x y</serial><serial>x y</serial></disk>",
      "<disk type='file' device='disk' xmlns='urn:x'><source file='/a'/><serial>x y</serial></disk>",
  };
  g_assert_true(says_the_same(disk, disk));
  for (gsize i = 0; i < G_N_ELEMENTS(equal); i++)
    g_assert_true(says_the_same(disk, equal[i]));
  for (gsize i = 0; i < G_N_ELEMENTS(different); i++)
    g_assert_false(says_the_same(disk, different[i]));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/xml/document/pieces-are-where-they-stand", pieces_are_where_they_stand);
  g_test_add_func("/xml/document/paths-find-values", paths_find_values);
  g_test_add_func("/xml/document/name-spaces-are-told", name_spaces_are_told);
  g_test_add_func("/xml/document/an-undeclared-prefix-is-kept", an_undeclared_prefix_is_kept);
  g_test_add_func("/xml/document/malformed-documents-are-refused", malformed_documents_are_refused);
  g_test_add_func("/xml/document/a-doctype-is-refused", a_doctype_is_refused);
  g_test_add_func("/xml/document/depth-is-bounded", depth_is_bounded);
  g_test_add_func("/xml/document/size-is-bounded", size_is_bounded);
  g_test_add_func("/xml/document/many-attributes-are-quick", many_attributes_are_quick);
  g_test_add_func("/xml/document/many-name-spaces-are-refused", many_name_spaces_are_refused);
  g_test_add_func("/xml/document/large-documents-have-right-lines-and-ranges", large_documents_have_right_lines_and_ranges);
  g_test_add_func("/xml/document/the-largest-document-is-read", the_largest_document_is_read);
  g_test_add_func("/xml/document/other-encodings-become-utf8", other_encodings_become_utf8);
  g_test_add_func("/xml/splice/sets-change-nothing-else", sets_change_nothing_else);
  g_test_add_func("/xml/splice/setting-what-is-there-changes-no-byte", setting_what_is_there_changes_no_byte);
  g_test_add_func("/xml/splice/edits-of-one-place-keep-their-order", edits_of_one_place_keep_their_order);
  g_test_add_func("/xml/splice/many-edits-are-quick", many_edits_are_quick);
  g_test_add_func("/xml/splice/values-survive-escaping", values_survive_escaping);
  g_test_add_func("/xml/splice/edited-documents-know-where-their-pieces-were-written",
                  edited_documents_know_where_their_pieces_were_written);
  g_test_add_func("/xml/node/elements-that-say-the-same-are-equal", elements_that_say_the_same_are_equal);
  return g_test_run();
}
