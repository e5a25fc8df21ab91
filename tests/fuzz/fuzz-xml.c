/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The XML reader and the splicer. The input is a document; behind the line "%%" come choices of edits. What must hold: the ranges
 * of nodes and attributes are those of the bytes, a document without edits is the same bytes, and one that was edited reads as the
 * tree that a plain model of the edits has.
 */
#include "choices.h"
#include "fuzz.h"
#include "xml/splice.h"

#define MAX_EDITS 6

/* ---- ranges ---- */

static void check_attribute(const BerthXmlDocument *document, const BerthXmlNode *node, guint i) {
  const char *data = g_bytes_get_data(document->bytes, NULL);
  const BerthXmlAttribute *a = &node->attributes[i];
  gsize name = strlen(a->name);
  MUST(a->range.start > (i > 0 ? node->attributes[i - 1].range.end : node->open.start) && a->range.end < node->open.end,
       "attribute %s lies outside of its tag", a->name);
  MUST(a->content.start > a->range.start + name && a->content.start <= a->content.end && a->content.end + 1 == a->range.end,
       "attribute %s: its content lies outside of it", a->name);
  MUST(memcmp(data + a->range.start, a->name, name) == 0, "attribute %s is called otherwise", a->name);
  char quote = data[a->content.end];
  MUST((quote == '"' || quote == '\'') && data[a->content.start - 1] == quote, "attribute %s has no quotes", a->name);
}

static void check_node(const BerthXmlDocument *document, const BerthXmlNode *node, gsize from, gsize to) {
  const char *data = g_bytes_get_data(document->bytes, NULL);
  gsize name = strlen(node->name);
  gboolean empty = node->close.start == node->close.end;
  MUST(node->open.start >= from && MAX(node->open.end, node->close.end) <= to, "<%s> lies outside of its parent", node->name);
  MUST(node->open.end > node->open.start + name + 1 && data[node->open.start] == '<' && data[node->open.end - 1] == '>' &&
           memcmp(data + node->open.start + 1, node->name, name) == 0,
       "<%s> has a wrong range", node->name);
  MUST(empty ? node->close.start == node->open.end && data[node->open.end - 2] == '/' && node->first == NULL
             : node->close.start >= node->open.end && memcmp(data + node->close.start, "</", 2) == 0 &&
                   memcmp(data + node->close.start + 2, node->name, name) == 0 && data[node->close.end - 1] == '>',
       "</%s> has a wrong range", node->name);
  guint line = 1;
  for (gsize i = 0; i < node->open.start; i++)
    line += data[i] == '\n';
  MUST(node->line == line, "<%s> is in line %u, not %u", node->name, line, node->line);
  for (guint i = 0; i < node->n_attributes; i++)
    check_attribute(document, node, i);
  gsize at = node->open.end;
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    MUST(child->parent == node && (child->next != NULL || child == node->last), "the tree below <%s> is torn", node->name);
    check_node(document, child, at, node->close.start);
    at = MAX(child->open.end, child->close.end);
  }
}

/* ---- a model of a document: what a splice must come to ---- */

typedef struct Model Model;
struct Model {
  char *name, *text;
  GPtrArray *attributes; /* char *: name, value … */
  GPtrArray *children;   /* Model */
  const BerthXmlNode *node;
  Model *parent;
};

static void model_free(gpointer data) {
  Model *model = data;
  g_free(model->name);
  g_free(model->text);
  g_ptr_array_unref(model->attributes);
  g_ptr_array_unref(model->children);
  g_free(model);
}

static Model *model_new(const char *name, Model *parent) {
  Model *model = g_new0(Model, 1);
  model->name = g_strdup(name);
  model->parent = parent;
  model->attributes = g_ptr_array_new_with_free_func(g_free);
  model->children = g_ptr_array_new_with_free_func(model_free);
  return model;
}

static Model *model_read(const BerthXmlNode *node, Model *parent, GPtrArray *all) {
  Model *model = model_new(node->name, parent);
  model->text = g_strdup(node->text);
  model->node = node;
  for (guint i = 0; i < node->n_attributes; i++) {
    g_ptr_array_add(model->attributes, g_strdup(node->attributes[i].name));
    g_ptr_array_add(model->attributes, g_strdup(node->attributes[i].value));
  }
  g_ptr_array_add(all, model);
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    g_ptr_array_add(model->children, model_read(child, model, all));
  return model;
}

static void print_text(GString *out, const char *text, gboolean exact) {
  for (const char *c = text; c != NULL && *c != '\0'; c++)
    if (exact || !g_ascii_isspace(*c))
      g_string_append_c(out, *c);
}

static int by_text(gconstpointer a, gconstpointer b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* White space beside elements is the splicer's to choose, as is the place of text that is added there; attributes have no order. */
static void model_print(const Model *model, GString *out) {
  g_autoptr(GPtrArray) attributes = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i + 1 < model->attributes->len; i += 2)
    g_ptr_array_add(attributes,
                    g_strdup_printf("%s=[%s]", (char *)model->attributes->pdata[i], (char *)model->attributes->pdata[i + 1]));
  g_ptr_array_sort(attributes, by_text);
  g_string_append_printf(out, "(%s", model->name);
  for (guint i = 0; i < attributes->len; i++)
    g_string_append_printf(out, " %s", (char *)attributes->pdata[i]);
  g_string_append(out, " [");
  print_text(out, model->text, model->children->len == 0);
  g_string_append(out, "]");
  for (guint i = 0; i < model->children->len; i++)
    model_print(model->children->pdata[i], out);
  g_string_append(out, ")\n");
}

static void model_set_attribute(Model *model, const char *name, const char *value) {
  for (guint i = 0; i + 1 < model->attributes->len; i += 2) {
    if (strcmp(model->attributes->pdata[i], name) != 0)
      continue;
    if (value == NULL) {
      g_ptr_array_remove_range(model->attributes, i, 2);
      return;
    }
    g_free(model->attributes->pdata[i + 1]);
    model->attributes->pdata[i + 1] = g_strdup(value);
    return;
  }
  if (value == NULL)
    return;
  g_ptr_array_add(model->attributes, g_strdup(name));
  g_ptr_array_add(model->attributes, g_strdup(value));
}

static Model *model_child(Model *model, const char *name) {
  for (guint i = 0; i < model->children->len; i++) {
    Model *child = model->children->pdata[i];
    if (strcmp(child->name, name) == 0)
      return child;
  }
  g_ptr_array_add(model->children, model_new(name, model));
  return model->children->pdata[model->children->len - 1];
}

static void model_set(Model *model, const char *path, const char *value) {
  while (*path != '\0' && *path != '@') {
    gsize length = strcspn(path, "/");
    g_autofree char *name = g_strndup(path, length);
    model = model_child(model, name);
    path += length + (path[length] == '/');
  }
  if (*path == '@') {
    model_set_attribute(model, path + 1, value);
  } else {
    g_free(model->text);
    model->text = g_strdup(value);
  }
}

/* ---- edits ---- */

static const char *const values[] = {"",         "0x1f", "a<b>&\"'c", " lead and trail ", "tab\tline\nend", "cr\r\nlf",
                                     "\xc3\xa9", "]]>",  "&amp;",     "<!-- -->"};
static const char *const attribute_paths[] = {"@type", "@index", "@model", "@bus", "address/@bus", "target/@dev", "a/b/c/@d"};
static const char *const text_paths[] = {"uuid", "os/type", "a/b"};

static gboolean has_element_children(const Model *model, const char *path) {
  g_auto(GStrv) names = g_strsplit(path, "/", -1);
  for (guint i = 0; names[i] != NULL; i++) {
    const Model *found = NULL;
    for (guint j = 0; found == NULL && j < model->children->len; j++) {
      const Model *child = model->children->pdata[j];
      found = strcmp(child->name, names[i]) == 0 ? child : NULL;
    }
    if (found == NULL)
      return FALSE;
    model = found;
  }
  return model->children->len > 0;
}

/* "a/@d" and a tag of its own: the same for a draft and for the model of it. */
static BerthXmlDraft *make_draft(TestChoices *choices, BerthXmlEdits *edits, Model *parent, guint position) {
  BerthXmlDraft *draft = berth_xml_draft_new(edits, "new");
  Model *model = model_new("new", parent);
  g_ptr_array_insert(parent->children, (gint)position, model);
  for (guint n = test_choose(choices, 3); n > 0; n--) {
    const char *path = attribute_paths[test_choose(choices, G_N_ELEMENTS(attribute_paths))];
    const char *value = values[test_choose(choices, G_N_ELEMENTS(values))];
    berth_xml_draft_set(draft, path, value);
    model_set(model, path, value);
  }
  return draft;
}

static guint position_of(const Model *model) {
  guint position = 0;
  g_ptr_array_find(model->parent->children, model, &position);
  return position;
}

/* At most one edit that changes the children of an element's parent, so that nothing is said about the order of several. */
static gboolean edit_structure(TestChoices *choices, BerthXmlEdits *edits, Model *model) {
  if (model->parent == NULL)
    return FALSE;
  guint position = position_of(model);
  switch (test_choose(choices, 4)) {
  case 0:
    if (model->parent->children->len == 1)
      return FALSE; /* what is left of the parent's white space is nobody's business */
    berth_xml_edits_replace(edits, model->node, NULL);
    g_ptr_array_remove_index(model->parent->children, position);
    break;
  case 1:
    berth_xml_edits_add_before(edits, model->node, make_draft(choices, edits, model->parent, position));
    break;
  case 2:
    berth_xml_edits_add(edits, model->parent->node, model->node, make_draft(choices, edits, model->parent, position + 1));
    break;
  default:
    berth_xml_edits_add(edits, model->parent->node, NULL, make_draft(choices, edits, model->parent, model->parent->children->len));
  }
  return TRUE;
}

static void edit_values(TestChoices *choices, BerthXmlEdits *edits, Model *model) {
  const char *value = values[test_choose(choices, G_N_ELEMENTS(values))];
  guint what = test_choose(choices, 4);
  if (what == 0) {
    const char *path = text_paths[test_choose(choices, G_N_ELEMENTS(text_paths))];
    if (has_element_children(model, path))
      return;
    berth_xml_edits_set(edits, model->node, path, value);
    model_set(model, path, value);
  } else if (what == 1 && model->node->n_attributes > 0) {
    const char *name = model->node->attributes[test_choose(choices, model->node->n_attributes)].name;
    if (g_str_has_prefix(name, "xmlns"))
      return;
    berth_xml_edits_remove_attribute(edits, model->node, name);
    model_set_attribute(model, name, NULL);
  } else {
    const char *path = attribute_paths[test_choose(choices, G_N_ELEMENTS(attribute_paths))];
    berth_xml_edits_set(edits, model->node, path, value);
    model_set(model, path, value);
  }
}

static guint depth_of(const Model *model) {
  guint depth = 0;
  for (; model != NULL; model = model->parent)
    depth++;
  return depth;
}

/* Model and document must agree after each round of edits; the result is what the next round starts from. */
static BerthXmlDocument *edit_round(TestChoices *choices, const BerthXmlDocument *document) {
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  Model *root = model_read(document->root, NULL, all);
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(document);
  Model *model = all->pdata[test_choose(choices, MIN(all->len, 65536))];
  if (depth_of(model) + 4 > BERTH_XML_MAX_DEPTH)
    model = root;
  if (!test_chance(choices, 40) || !edit_structure(choices, edits, model)) {
    for (guint n = 1 + test_choose(choices, 4); n > 0; n--)
      edit_values(choices, edits, test_chance(choices, 70) ? model : root);
  }
  g_autoptr(GString) expected = g_string_new(NULL), got = g_string_new(NULL);
  model_print(root, expected);
  model_free(root);

  g_autoptr(GBytes) bytes = berth_xml_edits_apply(edits);
  g_autoptr(GError) error = NULL;
  BerthXmlDocument *after = berth_xml_document_parse(bytes, "after.xml", &error);
  gsize size = 0;
  const char *text = g_bytes_get_data(bytes, &size);
  MUST(after != NULL, "the edited document is malformed: %s\n%.*s", error->message, (int)size, text);
  check_node(after, after->root, 0, g_bytes_get_size(after->bytes));
  g_ptr_array_set_size(all, 0);
  root = model_read(after->root, NULL, all);
  model_print(root, got);
  model_free(root);
  MUST(g_string_equal(expected, got), "the edited document differs\n--- expected\n%s--- got\n%s--- document\n%.*s", expected->str,
       got->str, (int)size, text);
  return after;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  const guint8 *mark = size > 0 ? memmem(data, size, "\n%%\n", 4) : NULL;
  gsize length = mark != NULL ? (gsize)(mark - data) : size;
  g_autoptr(GBytes) bytes = g_bytes_new(data, length);
  g_autoptr(GError) error = NULL;
  BerthXmlDocument *document = berth_xml_document_parse(bytes, "fuzz.xml", &error);
  if (document == NULL) {
    must_be_proper(error);
    MUST(g_str_has_prefix(error->message, "fuzz.xml:"), "no file in '%s'", error->message);
    return 0;
  }
  check_node(document, document->root, 0, g_bytes_get_size(document->bytes));
  g_autoptr(BerthXmlEdits) none = berth_xml_edits_new(document);
  g_autoptr(GBytes) same = berth_xml_edits_apply(none);
  MUST(g_bytes_equal(same, document->bytes), "a document without edits is not the same bytes");

  g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)size);
  TestChoices choices = {.rand = rand};
  if (mark != NULL)
    choices = (TestChoices){.data = mark + 4, .size = size - length - 4};
  for (guint i = 0; i < MAX_EDITS && test_choices_left(&choices); i++) {
    BerthXmlDocument *after = edit_round(&choices, document);
    berth_xml_document_free(document);
    document = after;
    g_clear_pointer(&none, berth_xml_edits_free);
  }
  g_clear_pointer(&none, berth_xml_edits_free);
  berth_xml_document_free(document);
  return 0;
}
