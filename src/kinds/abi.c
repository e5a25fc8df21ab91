/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/abi.h"

#include <string.h>

#include "kinds/build.h"
#include "model/identity.h"

void berth_difference_free(BerthDifference *difference) {
  if (difference == NULL)
    return;
  g_free(difference->device);
  g_free(difference->change);
  g_free(difference->aspect);
  g_free(difference->was);
  g_free(difference->now);
  g_free(difference);
}

static void add(GPtrArray *differences, const char *device, const char *change, const char *aspect, const char *was,
                const char *now) {
  BerthDifference *difference = g_new0(BerthDifference, 1);
  difference->device = g_strdup(device);
  difference->change = g_strdup(change);
  difference->aspect = g_strdup(aspect);
  difference->was = g_strdup(was != NULL ? was : "");
  difference->now = g_strdup(now != NULL ? now : "");
  g_ptr_array_add(differences, difference);
}

/* ---- values ---- */

/* Says how closely somebody looked at a CPU, not what the guest sees. */
static gboolean invisible(const char *attribute) {
  static const char *const names[] = {"check", "fallback", "match", NULL};
  return g_strv_contains(names, attribute);
}

static int by_text(gconstpointer a, gconstpointer b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join_sorted(GPtrArray *words, const char *separator) {
  g_ptr_array_sort(words, by_text);
  g_ptr_array_add(words, NULL);
  return g_strjoinv(separator, (char **)words->pdata);
}

/* "feature name=x policy=require": one text for all ways to write the same. (transfer full) */
static char *tree_text(const BerthXmlNode *node) {
  g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < node->n_attributes; i++)
    if (!invisible(node->attributes[i].name))
      g_ptr_array_add(words, g_strdup_printf("%s=%s", node->attributes[i].name, node->attributes[i].value));
  g_autoptr(GPtrArray) below = g_ptr_array_new_with_free_func(g_free);
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next)
    g_ptr_array_add(below, tree_text(child));
  g_autofree char *text = g_strstrip(g_strdup(node->text != NULL ? node->text : ""));
  g_autofree char *attributes = join_sorted(words, " ");
  g_autofree char *children = join_sorted(below, ", ");
  return g_strconcat(node->name, *attributes != '\0' ? " " : "", attributes, *text != '\0' ? " " : "", text,
                     *children != '\0' ? " (" : "", children, *children != '\0' ? ")" : "", NULL);
}

/* The element at @path, which names no attribute. */
static const BerthXmlNode *element_at(const BerthXmlNode *node, const char *path) {
  g_auto(GStrv) steps = g_strsplit(path, "/", -1);
  for (guint i = 0; steps[i] != NULL && node != NULL; i++)
    node = berth_xml_node_child(node, steps[i]);
  return node;
}

static char *tree(const BerthDevice *device, const char *path) {
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
  for (const BerthXmlNode *node = element_at(device->node, path); node != NULL; node = berth_xml_node_next(node, node->name))
    g_ptr_array_add(all, tree_text(node));
  return all->len > 0 ? join_sorted(all, ", ") : NULL;
}

/* The one way to write a value, by its form; @node is the element that it is in. (transfer full) */
static char *as_text(G_GNUC_UNUSED const BerthXmlNode *node, const char *text) {
  return g_strdup(text);
}

static char *as_word(G_GNUC_UNUSED const BerthXmlNode *node, const char *text) {
  return g_ascii_strdown(text, -1);
}

static char *as_number(G_GNUC_UNUSED const BerthXmlNode *node, const char *text) {
  char *end = NULL;
  guint64 value = g_ascii_strtoull(text, &end, 0);
  return end != text && *end == '\0' ? g_strdup_printf("%" G_GUINT64_FORMAT, value) : g_strdup(text);
}

static char *as_switch(G_GNUC_UNUSED const BerthXmlNode *node, const char *text) {
  static const struct { const char *written, *meant; } words[] = {{"yes", "on"}, {"1", "on"}, {"no", "off"}, {"0", "off"}};
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (g_str_equal(text, words[i].written))
      return g_strdup(words[i].meant);
  return g_strdup(text);
}

static char *as_size(const BerthXmlNode *node, const char *text) {
  const BerthXmlDocument unnamed = {.file = (char *)""};
  const BerthBuild build = {.document = &unnamed};
  guint64 kib = 0;
  return berth_kinds_kib(&build, node, text, &kib, NULL) ? g_strdup_printf("%" G_GUINT64_FORMAT " KiB", kib) : g_strdup(text);
}

static char *(*const writers[])(const BerthXmlNode *node, const char *text) = {[BERTH_ABI_TEXT] = as_text,
                                                                               [BERTH_ABI_WORD] = as_word,
                                                                               [BERTH_ABI_NUMBER] = as_number,
                                                                               [BERTH_ABI_SWITCH] = as_switch,
                                                                               [BERTH_ABI_SIZE] = as_size};

/* NULL: there is no value. (transfer full) */
static char *value_of(const BerthDevice *device, const BerthAbiAspect *aspect) {
  if (aspect->form == BERTH_ABI_TREE)
    return tree(device, aspect->path);
  if (aspect->form == BERTH_ABI_PRESENT)
    return g_strdup(element_at(device->node, aspect->path) != NULL ? "on" : "off");
  const char *written = berth_model_device_get(device, aspect->path);
  if (written == NULL && aspect->fallback == NULL)
    return NULL;
  g_autofree char *text = g_strstrip(g_strdup(written != NULL ? written : aspect->fallback));
  return writers[aspect->form](element_at(device->node, aspect->path), text);
}

/* ---- one device on both sides ---- */

static void compare_aspects(GPtrArray *differences, const char *name, const BerthAbiAspect *aspects, const BerthDevice *was,
                            const BerthDevice *now) {
  const char *device = berth_model_device_get(was, "@device");
  for (; aspects != NULL && aspects->path != NULL; aspects++) {
    if (aspects->except != NULL && g_strcmp0(device, aspects->except) == 0)
      continue;
    g_autofree char *one = value_of(was, aspects);
    g_autofree char *other = value_of(now, aspects);
    if (g_strcmp0(one, other) != 0)
      add(differences, name, "changed", aspects->aspect, one, other);
  }
}

static guint64 field(const BerthAddress *address, guint n) {
  return (address->given & (1u << n)) != 0 ? address->value[n] : 0;
}

/* Switches that are not there are off; a number that only one side knows was chosen by QEMU on the other. */
static const char *differing_switch(const BerthAddress *was, const BerthAddress *now) {
  const BerthAddressForm *form = berth_model_address_form(was->type);
  for (guint i = 0; form != NULL && form->fields[i].name != NULL; i++)
    if (form->fields[i].form == BERTH_FIELD_SWITCH && field(was, i) != field(now, i))
      return form->fields[i].name;
  return NULL;
}

static char *place(const BerthAddress *address) {
  return address->type != BERTH_ADDRESS_NONE ? berth_model_address_to_string(address) : NULL;
}

static void compare_address(GPtrArray *differences, const char *name, const BerthAddress *was, const BerthAddress *now) {
  if (was->type == BERTH_ADDRESS_NONE && now->type == BERTH_ADDRESS_NONE)
    return;
  if (was->type != now->type || !berth_model_address_equal(was, now)) {
    g_autofree char *one = place(was);
    g_autofree char *other = place(now);
    add(differences, name, "moved", "address", one, other);
    return;
  }
  const char *differs = differing_switch(was, now);
  if (differs != NULL) {
    const BerthAddress off = {.type = was->type};
    gboolean on = differing_switch(was, &off) != NULL;
    add(differences, name, "changed", differs, on ? "on" : "off", on ? "off" : "on");
  }
}

static void compare_pair(GPtrArray *differences, const BerthDevice *was, const BerthDevice *now) {
  g_autofree char *name = berth_model_device_name(was);
  g_autofree char *one = was->element->variant(was);
  g_autofree char *other = now->element->variant(now);
  compare_address(differences, name, &was->address, &now->address);
  if (!g_str_equal(one, other))
    add(differences, name, "changed", "model", one, other);
  compare_aspects(differences, name, berth_kinds_abi_devices, was, now);
  compare_aspects(differences, name, berth_kinds_abi_of(was->element->id), was, now);
}

/* ---- which device is which ---- */

static gboolean visible(const BerthDevice *device) {
  return device->element->id < BERTH_GRAPHICS;
}

static gboolean same_kind(const BerthDevice *a, const BerthDevice *b) {
  g_autofree char *one = a->element->variant(a);
  g_autofree char *other = b->element->variant(b);
  return g_str_equal(one, other);
}

static gboolean same_key(const BerthDevice *a, const BerthDevice *b) {
  for (guint class = 0; class < BERTH_N_MATCHED_KEYS; class ++) {
    const char *one = berth_model_device_key(a, class);
    if (one != NULL && !berth_model_key_class_weak(class) && g_strcmp0(one, berth_model_device_key(b, class)) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean same_place(const BerthDevice *a, const BerthDevice *b) {
  return a->address.type != BERTH_ADDRESS_NONE && a->address.type == b->address.type &&
         berth_model_address_equal(&a->address, &b->address);
}

static gboolean by_key_and_kind(const BerthDevice *a, const BerthDevice *b) {
  return same_key(a, b) && same_kind(a, b);
}

static gboolean by_place_and_kind(const BerthDevice *a, const BerthDevice *b) {
  return same_place(a, b) && same_kind(a, b);
}

static gboolean by_content(const BerthDevice *a, const BerthDevice *b) {
  const char *content = berth_model_device_key(a, BERTH_KEY_CONTENT);
  return content != NULL && g_strcmp0(content, berth_model_device_key(b, BERTH_KEY_CONTENT)) == 0;
}

/* Surest first. */
static gboolean (*const ways[])(const BerthDevice *, const BerthDevice *) = {by_key_and_kind, same_key,  by_place_and_kind,
                                                                             by_content,      same_kind, same_place};

/* For each device of @was, or only those that a guest sees, its partner in @now, or NULL. (transfer container full) */
static GPtrArray *pair(const GPtrArray *was, const GPtrArray *now, gboolean unseen, gboolean *taken) {
  GPtrArray *partners = g_ptr_array_new();
  g_ptr_array_set_size(partners, (int)was->len);
  for (guint w = 0; w < G_N_ELEMENTS(ways); w++)
    for (guint i = 0; i < was->len; i++) {
      const BerthDevice *device = was->pdata[i];
      for (guint j = 0; j < now->len && partners->pdata[i] == NULL && (unseen || visible(device)); j++) {
        const BerthDevice *other = now->pdata[j];
        if (taken[j] || other->element != device->element || !ways[w](device, other))
          continue;
        partners->pdata[i] = (gpointer)other;
        taken[j] = TRUE;
      }
    }
  return partners;
}

GPtrArray *berth_kinds_abi_partners(const BerthInventory *was, const BerthInventory *now, gboolean unseen) {
  g_autofree gboolean *taken = g_new0(gboolean, now->devices->len + 1);
  return pair(was->devices, now->devices, unseen, taken);
}

GPtrArray *berth_kinds_abi_diff(const BerthInventory *was, const BerthInventory *now) {
  GPtrArray *differences = g_ptr_array_new_with_free_func((GDestroyNotify)berth_difference_free);
  if (g_strcmp0(was->arch, now->arch) != 0)
    add(differences, "domain", "changed", "architecture", was->arch, now->arch);
  if (g_strcmp0(was->machine, now->machine) != 0)
    add(differences, "domain", "changed", "machine", was->machine, now->machine);
  compare_aspects(differences, "domain", berth_kinds_abi_domain, was->domain, now->domain);
  g_autofree gboolean *taken = g_new0(gboolean, now->devices->len + 1);
  g_autoptr(GPtrArray) partners = pair(was->devices, now->devices, FALSE, taken);
  for (guint i = 0; i < was->devices->len; i++) {
    const BerthDevice *device = was->devices->pdata[i];
    g_autofree char *name = berth_model_device_name(device);
    g_autofree char *where = place(&device->address);
    if (partners->pdata[i] != NULL)
      compare_pair(differences, device, partners->pdata[i]);
    else if (visible(device))
      add(differences, name, "removed", "", where, NULL);
  }
  for (guint j = 0; j < now->devices->len; j++) {
    const BerthDevice *device = now->devices->pdata[j];
    g_autofree char *name = berth_model_device_name(device);
    g_autofree char *where = place(&device->address);
    if (!taken[j] && visible(device))
      add(differences, name, "added", "", NULL, where);
  }
  return differences;
}

const BerthDevice *berth_kinds_abi_bound(const BerthInventory *inventory) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = inventory->devices->pdata[i];
    if (device->kind != NULL && device->kind->driver != NULL && g_str_has_prefix(device->kind->driver, "vfio-"))
      return device;
  }
  return NULL;
}
