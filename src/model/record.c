/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/record.h"

#include "base/json.h"
#include "model/identity.h"
#include <string.h>

#define MAX_BYTES (16u << 20)

BerthRecord *berth_model_record_new(void) {
  BerthRecord *record = g_atomic_rc_box_new0(BerthRecord);
  record->entries = g_ptr_array_new_with_free_func((GDestroyNotify)berth_model_record_entry_free);
  return record;
}

BerthRecord *berth_model_record_ref(const BerthRecord *record) {
  return g_atomic_rc_box_acquire((BerthRecord *)record);
}

static void record_clear(gpointer data) {
  BerthRecord *record = data;
  g_free(record->name);
  g_free(record->uuid);
  g_free(record->arch);
  g_free(record->machine);
  g_ptr_array_unref(record->entries);
}

void berth_record_free(BerthRecord *record) {
  if (record != NULL)
    g_atomic_rc_box_release_full(record, record_clear);
}

static void set_clear(gpointer data) {
  BerthSet *set = data;
  g_free(set->path);
  g_free(set->value);
}

BerthRecordEntry *berth_model_record_entry_new(const char *element, const char *kind) {
  BerthRecordEntry *entry = g_new0(BerthRecordEntry, 1);
  entry->element = g_strdup(element);
  entry->kind = g_strdup(kind);
  entry->keys = g_ptr_array_new_with_free_func(g_free);
  entry->sets = g_array_new(FALSE, FALSE, sizeof(BerthSet));
  g_array_set_clear_func(entry->sets, set_clear);
  return entry;
}

void berth_model_record_entry_free(BerthRecordEntry *entry) {
  if (entry == NULL)
    return;
  g_free(entry->element);
  g_free(entry->kind);
  g_ptr_array_unref(entry->keys);
  g_array_unref(entry->sets);
  g_free(entry->flavour);
  g_free(entry->since);
  g_free(entry->gone);
  g_free(entry);
}

BerthRecordEntry *berth_model_record_entry_copy(const BerthRecordEntry *entry) {
  BerthRecordEntry *copy = berth_model_record_entry_new(entry->element, entry->kind);
  for (guint i = 0; i < entry->keys->len; i++)
    g_ptr_array_add(copy->keys, g_strdup(g_ptr_array_index(entry->keys, i)));
  copy->address = entry->address;
  copy->origin = entry->origin;
  copy->rule = entry->rule;
  for (guint i = 0; i < entry->sets->len; i++) {
    const BerthSet *set = &g_array_index(entry->sets, BerthSet, i);
    berth_model_record_entry_set(copy, set->path, set->value);
  }
  copy->flavour = g_strdup(entry->flavour);
  copy->since = g_strdup(entry->since);
  copy->gone = g_strdup(entry->gone);
  copy->held = entry->held;
  return copy;
}

gboolean berth_model_record_entry_has_key(const BerthRecordEntry *entry, const char *key) {
  return g_ptr_array_find_with_equal_func(entry->keys, key, g_str_equal, NULL);
}

const char *berth_model_record_entry_key(const BerthRecordEntry *entry, guint key_class) {
  for (guint i = 0; i < entry->keys->len; i++)
    if (berth_model_key_class_of(g_ptr_array_index(entry->keys, i)) == key_class)
      return g_ptr_array_index(entry->keys, i);
  return NULL;
}

const char *berth_model_record_entry_get(const BerthRecordEntry *entry, const char *path) {
  for (guint i = 0; i < entry->sets->len; i++) {
    const BerthSet *set = &g_array_index(entry->sets, BerthSet, i);
    if (strcmp(set->path, path) == 0)
      return set->value;
  }
  return NULL;
}

void berth_model_record_entry_set(BerthRecordEntry *entry, const char *path, const char *value) {
  BerthSet set = {g_strdup(path), g_strdup(value)};
  g_array_append_val(entry->sets, set);
}

/* A drive address says nothing about the bus it is on: drive 0:0:0:0 exists once per controller type, which for the devices that
 * have such addresses is their kind. */
char *berth_model_record_place(const BerthAddress *address, const char *kind) {
  const BerthAddressForm *form = berth_model_address_form(address->type);
  if (form == NULL)
    return NULL;
  g_autoptr(GString) place = g_string_new(form->name);
  gboolean known = FALSE;
  if (address->type == BERTH_ADDRESS_DRIVE)
    g_string_append_printf(place, "@%s", kind);
  for (guint i = 0; form->fields[i].name != NULL; i++) {
    const BerthAddressField *field = &form->fields[i];
    if (field->form == BERTH_FIELD_SWITCH || (field->optional && (address->given & (1u << i)) == 0))
      continue;
    if (field->form == BERTH_FIELD_PORT && address->value[i] == 0)
      return NULL;
    g_string_append_printf(place, " %s=%" G_GINT64_MODIFIER "x", field->name, address->value[i]);
    known = known || !field->optional; /* an interrupt, or a port that nobody checks (isa), is no claim */
  }
  return known ? g_string_free(g_steal_pointer(&place), FALSE) : NULL;
}

/* ---- writing ---- */

typedef struct {
  json_object *object;
  const BerthAddress *address;
} AddressWriter;

/* Numbers as numbers; ports and switches as people write them. */
static void write_address_field(const char *name, const char *value, gpointer data) {
  AddressWriter *writer = data;
  const BerthAddressForm *form = berth_model_address_form(writer->address->type);
  for (guint i = 0; form->fields[i].name != NULL; i++)
    if (strcmp(form->fields[i].name, name) == 0 && form->fields[i].form == BERTH_FIELD_NUMBER)
      return;
  berth_json_set_string(writer->object, name, value);
}

static json_object *address_to_json(const BerthAddress *address) {
  const BerthAddressForm *form = berth_model_address_form(address->type);
  json_object *object = json_object_new_object();
  berth_json_set_string(object, "type", form->name);
  for (guint i = 0; form->fields[i].name != NULL; i++) {
    const BerthAddressField *field = &form->fields[i];
    if (field->form != BERTH_FIELD_NUMBER || (field->optional && (address->given & (1u << i)) == 0))
      continue;
    if (address->value[i] <= G_MAXINT64) {
      berth_json_set_int(object, field->name, (gint64)address->value[i]);
    } else { /* more than JSON's readers can be trusted with */
      g_autofree char *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", address->value[i]);
      berth_json_set_string(object, field->name, text);
    }
  }
  AddressWriter writer = {object, address};
  berth_model_address_print(address, write_address_field, &writer);
  return object;
}

static void set_string(json_object *object, const char *name, const char *value) {
  if (value != NULL)
    berth_json_set_string(object, name, value);
}

static json_object *entry_to_json(const BerthRecordEntry *entry) {
  json_object *object = json_object_new_object();
  set_string(object, "element", entry->element);
  set_string(object, "kind", entry->kind);
  json_object *keys = json_object_new_array();
  for (guint i = 0; i < entry->keys->len; i++)
    json_object_array_add(keys, json_object_new_string(g_ptr_array_index(entry->keys, i)));
  berth_json_set(object, "keys", keys);
  if (entry->address.type != BERTH_ADDRESS_NONE)
    berth_json_set(object, "address", address_to_json(&entry->address));
  set_string(object, "origin", berth_model_origin_name(entry->origin));
  if (entry->rule != BERTH_RULE_NONE)
    set_string(object, "rule", berth_model_rule_name(entry->rule));
  if (entry->sets->len > 0) {
    json_object *values = json_object_new_object();
    for (guint i = 0; i < entry->sets->len; i++) {
      const BerthSet *set = &g_array_index(entry->sets, BerthSet, i);
      set_string(values, set->path, set->value);
    }
    berth_json_set(object, "values", values);
  }
  set_string(object, "flavour", entry->flavour);
  set_string(object, "since", entry->since);
  set_string(object, "gone", entry->gone);
  return object;
}

char *berth_record_to_json(const BerthRecord *record) {
  g_autoptr(json_object) object = json_object_new_object();
  berth_json_set_int(object, "berth-record", BERTH_RECORD_VERSION);
  set_string(object, "name", record->name);
  set_string(object, "uuid", record->uuid);
  set_string(object, "arch", record->arch);
  set_string(object, "machine", record->machine);
  json_object *devices = json_object_new_array();
  for (guint i = 0; i < record->entries->len; i++)
    json_object_array_add(devices, entry_to_json(g_ptr_array_index(record->entries, i)));
  berth_json_set(object, "devices", devices);

  return g_strconcat(berth_json_pretty(object), "\n", NULL);
}

/* ---- reading ---- */

typedef struct {
  const char *file;
  guint device; /* from 1; 0: the head */
} Reader;

static gboolean G_GNUC_PRINTF(3, 4) bad(const Reader *reader, GError **error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  if (reader->device == 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: record: %s", reader->file, message);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: record: device %u: %s", reader->file, reader->device, message);
  return FALSE;
}

/* Of characters that XML has (XML 1.0, production 2): what is remembered comes from documents, and may get into one. */
static gboolean is_text(const char *text) {
  if (!g_utf8_validate(text, -1, NULL))
    return FALSE;
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xfffe || c == 0xffff)
      return FALSE;
  }
  return TRUE;
}

static gboolean read_text(const Reader *reader, json_object *node, const char *name, char **text, GError **error) {
  if (!json_object_is_type(node, json_type_string))
    return bad(reader, error, "'%s' is not a string", name);
  const char *value = berth_json_string(node);
  if (value == NULL || !is_text(value))
    return bad(reader, error, "'%s' has a character that XML has not", name);
  g_free(*text);
  *text = g_strdup(value);
  return TRUE;
}

static gboolean read_member(const Reader *reader, json_object *object, const char *name, gboolean required, char **text,
                            GError **error) {
  if (!json_object_object_get_ex(object, name, NULL))
    return required ? bad(reader, error, "'%s' is missing", name) : TRUE;
  return read_text(reader, berth_json_member(object, name), name, text, error);
}

/* As the XML has it; NULL: neither number nor string. */
static char *field_text(json_object *node, const BerthAddressField *field) {
  if (!json_object_is_type(node, json_type_int))
    return g_strdup(berth_json_string(node));
  if (json_object_get_int64(node) < 0)
    return g_strdup_printf("%" G_GINT64_FORMAT, json_object_get_int64(node));
  guint64 value = json_object_get_uint64(node);
  return g_strdup_printf(field->base == 16 ? "0x%" G_GINT64_MODIFIER "x" : "%" G_GUINT64_FORMAT, value);
}

static void attribute_clear(gpointer data) {
  BerthXmlAttribute *attribute = data;
  g_free((char *)attribute->value);
}

/* @name is borrowed, @value is not. */
static void add_attribute(GArray *attributes, const char *name, char *value) {
  BerthXmlAttribute attribute = {.name = name, .value = value};
  g_array_append_val(attributes, attribute);
}

/* One reader of addresses for XML and JSON: the JSON's members are handed on as attributes. */
static gboolean read_address(const Reader *reader, json_object *node, BerthAddress *address, GError **error) {
  if (!json_object_is_type(node, json_type_object))
    return bad(reader, error, "'address' is not an object");
  json_object *object = node;
  g_autofree char *type = NULL;
  if (!read_member(reader, object, "type", TRUE, &type, error))
    return FALSE;
  const BerthAddressForm *form = berth_model_address_form(berth_model_address_type(type));
  if (form == NULL)
    return bad(reader, error, "unknown address type '%s'", type);
  g_autoptr(GArray) attributes = g_array_new(FALSE, FALSE, sizeof(BerthXmlAttribute));
  g_array_set_clear_func(attributes, attribute_clear);
  add_attribute(attributes, "type", g_strdup(type));
  for (guint i = 0; form->fields[i].name != NULL; i++) {
    const char *name = form->fields[i].name;
    if (!json_object_object_get_ex(object, name, NULL)) {
      if (!form->fields[i].optional)
        return bad(reader, error, "address without '%s'", name);
      continue;
    }
    char *value = field_text(berth_json_member(object, name), &form->fields[i]);
    if (value == NULL)
      return bad(reader, error, "address: '%s' is neither number nor string", name);
    add_attribute(attributes, name, value);
  }
  BerthXmlNode element = {
      .name = "address", .attributes = (BerthXmlAttribute *)(void *)attributes->data, .n_attributes = attributes->len};
  BerthXmlDocument document = {.file = (char *)"address", .root = &element};
  g_autoptr(GError) cause = NULL;
  if (berth_model_address_parse(address, &document, &element, &cause)) {
    for (guint i = 0; form->fields[i].name != NULL; i++) {
      if (form->fields[i].form == BERTH_FIELD_PORT && address->value[i] == 0)
        return bad(reader, error, "address: '%s' is no place", form->fields[i].name);
    }
    return TRUE;
  }
  const char *what = strstr(cause->message, ": ");
  return bad(reader, error, "%s", what != NULL ? what + 2 : "malformed address");
}

static gboolean read_keys(const Reader *reader, json_object *node, GPtrArray *keys, GError **error) {
  if (!json_object_is_type(node, json_type_array))
    return bad(reader, error, "'keys' is not an array");
  json_object *array = node;
  for (guint i = 0; i < json_object_array_length(array); i++) {
    char *key = NULL;
    if (!read_text(reader, json_object_array_get_idx(array, i), "keys", &key, error))
      return FALSE;
    g_ptr_array_add(keys, key);
  }
  return TRUE;
}

gboolean berth_model_record_path(const char *path) {
  static const char *const apart[] = {"address", "alias"};
  for (gsize i = 0; i < G_N_ELEMENTS(apart); i++) {
    gsize length = strlen(apart[i]);
    if (strncmp(path, apart[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
      return FALSE;
  }
  for (;;) {
    gboolean attribute = *path == '@';
    path += attribute;
    if (!g_ascii_isalpha(*path) && *path != '_')
      return FALSE;
    while (g_ascii_isalnum(*path) || (*path != '\0' && strchr("_-.", *path) != NULL))
      path++;
    if (*path == '\0' || attribute || *path != '/')
      return *path == '\0';
    path++;
  }
}

static gboolean read_values(const Reader *reader, json_object *node, BerthRecordEntry *entry, GError **error) {
  if (!json_object_is_type(node, json_type_object))
    return bad(reader, error, "'values' is not an object");
  json_object_object_foreach(node, path, value) {
    BerthSet set = {NULL, NULL};
    if (!berth_model_record_path(path))
      return bad(reader, error, "'values' has a bad path");
    if (!read_text(reader, value, path, &set.value, error))
      return FALSE;
    if (strcmp(path, "@index") == 0 && !g_ascii_string_to_unsigned(set.value, 10, 0, G_MAXINT32, NULL, NULL)) {
      bad(reader, error, "'@index' is '%s', which is no number", set.value);
      g_free(set.value);
      return FALSE;
    }
    set.path = g_strdup(path);
    g_array_append_val(entry->sets, set);
  }
  return TRUE;
}

/* One of the words that @name_of has for 0 to @last; not there: *@word stays. */
static gboolean read_word(const Reader *reader, json_object *object, const char *member, const char *(*name_of)(guint), guint last,
                          guint *word, GError **error) {
  g_autofree char *text = NULL;
  if (!read_member(reader, object, member, FALSE, &text, error))
    return FALSE;
  for (guint i = 0; text != NULL && i <= last; i++) {
    if (strcmp(text, name_of(i)) == 0) {
      *word = i;
      return TRUE;
    }
  }
  return text == NULL || bad(reader, error, "unknown %s '%s'", member, text);
}

static const char *origin_name(guint origin) {
  return berth_model_origin_name(origin);
}

static const char *rule_name(guint rule) {
  return berth_model_rule_name(rule);
}

static gboolean read_reasons(const Reader *reader, json_object *object, BerthRecordEntry *entry, GError **error) {
  guint origin = entry->origin, rule = entry->rule;
  if (!read_word(reader, object, "origin", origin_name, BERTH_ORIGIN_GROWN, &origin, error) ||
      !read_word(reader, object, "rule", rule_name, BERTH_RULE_FIRST, &rule, error))
    return FALSE;
  entry->origin = origin;
  entry->rule = rule;
  return TRUE;
}

static BerthRecordEntry *read_entry(const Reader *reader, json_object *node, GError **error) {
  if (!json_object_is_type(node, json_type_object)) {
    bad(reader, error, "not an object");
    return NULL;
  }
  json_object *object = node;
  BerthRecordEntry *entry = berth_model_record_entry_new(NULL, NULL);
  gboolean ok = read_member(reader, object, "element", TRUE, &entry->element, error) &&
                read_member(reader, object, "kind", TRUE, &entry->kind, error) &&
                read_keys(reader, berth_json_member(object, "keys"), entry->keys, error) &&
                (!json_object_object_get_ex(object, "address", NULL) ||
                 read_address(reader, berth_json_member(object, "address"), &entry->address, error)) &&
                read_reasons(reader, object, entry, error) &&
                (!json_object_object_get_ex(object, "values", NULL) ||
                 read_values(reader, berth_json_member(object, "values"), entry, error)) &&
                read_member(reader, object, "flavour", FALSE, &entry->flavour, error) &&
                read_member(reader, object, "since", FALSE, &entry->since, error) &&
                read_member(reader, object, "gone", FALSE, &entry->gone, error);
  if (!ok)
    g_clear_pointer(&entry, berth_model_record_entry_free);
  return entry;
}

/* The present before the gone, one device a place: what the rest of the program takes for granted. */
static gboolean read_entries(Reader *reader, json_object *node, BerthRecord *record, GError **error) {
  if (!json_object_is_type(node, json_type_array))
    return bad(reader, error, "'devices' is not an array");
  json_object *array = node;
  g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  gboolean gone = FALSE;
  for (guint i = 0; i < json_object_array_length(array); i++) {
    reader->device = i + 1;
    BerthRecordEntry *entry = read_entry(reader, json_object_array_get_idx(array, i), error);
    if (entry == NULL)
      return FALSE;
    g_ptr_array_add(record->entries, entry);
    if (gone && entry->gone == NULL)
      return bad(reader, error, "a present device behind one that is gone");
    gone = entry->gone != NULL;
    char *place = berth_model_record_place(&entry->address, entry->kind);
    guint other = place != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(places, place)) : 0;
    if (place != NULL)
      g_hash_table_replace(places, place, GUINT_TO_POINTER(i + 1));
    if (other != 0) {
      g_autofree char *text = berth_model_address_to_string(&entry->address);
      return bad(reader, error, "it has the address of device %u (%s)", other, text);
    }
  }
  reader->device = 0;
  return TRUE;
}

static gboolean read_version(const Reader *reader, json_object *object, GError **error) {
  json_object *node = berth_json_member(object, "berth-record");
  if (!json_object_is_type(node, json_type_int))
    return bad(reader, error, "not a berth record ('berth-record' with a version is missing)");
  gint64 version = json_object_get_int64(node);
  if (version < 1)
    return bad(reader, error, "version %" G_GINT64_FORMAT " does not exist", version);
  if (version > BERTH_RECORD_VERSION) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NEWER,
                "%s: record: version %" G_GINT64_FORMAT " was written by a newer berth; this one reads up to version %d",
                reader->file, version, BERTH_RECORD_VERSION);
    return FALSE;
  }
  return TRUE;
}

BerthRecord *berth_record_parse(const char *json, gssize length, const char *file, GError **error) {
  Reader reader = {file != NULL ? file : "record", 0};
  gsize size = length < 0 ? strlen(json) : (gsize)length;
  if (size > MAX_BYTES) {
    bad(&reader, error, "larger than %u MiB", MAX_BYTES >> 20);
    return NULL;
  }
  g_autoptr(GError) cause = NULL;
  g_autoptr(json_object) object = berth_json_parse(json, (gssize)size, &cause);
  if (object == NULL) {
    bad(&reader, error, "%s", cause->message);
    return NULL;
  }
  g_autoptr(BerthRecord) record = berth_model_record_new();
  if (!read_version(&reader, object, error) || !read_member(&reader, object, "name", FALSE, &record->name, error) ||
      !read_member(&reader, object, "uuid", FALSE, &record->uuid, error) ||
      !read_member(&reader, object, "arch", FALSE, &record->arch, error) ||
      !read_member(&reader, object, "machine", FALSE, &record->machine, error) ||
      !read_entries(&reader, berth_json_member(object, "devices"), record, error))
    return NULL;
  return g_steal_pointer(&record);
}
