/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/address.h"

#include <berth/error.h>
#include <errno.h>
#include <string.h>

#define U32 G_MAXUINT32
#define NUMBER(name, base, width, max)                                                                                             \
  { name, BERTH_FIELD_NUMBER, base, width, FALSE, max }
#define OPTIONAL(name, base, width, max)                                                                                           \
  { name, BERTH_FIELD_NUMBER, base, width, TRUE, max }

/* Limits: what libvirt refuses while parsing (addressing §3.1, 5); the families know what the guest has. */
static const BerthAddressForm forms[BERTH_ADDRESS_N_TYPES] = {
    [BERTH_ADDRESS_PCI] = {"pci",
                           {NUMBER("domain", 16, 4, U32),
                            NUMBER("bus", 16, 2, 0xff),
                            NUMBER("slot", 16, 2, 0x1f),
                            NUMBER("function", 16, 1, 7),
                            {"multifunction", BERTH_FIELD_SWITCH, 10, 1, TRUE, 1}}},
    [BERTH_ADDRESS_DRIVE] = {"drive",
                             {NUMBER("controller", 10, 1, U32), NUMBER("bus", 10, 1, U32), NUMBER("target", 10, 1, U32),
                              NUMBER("unit", 10, 1, U32)}},
    [BERTH_ADDRESS_USB] = {"usb", {NUMBER("bus", 10, 1, U32), {"port", BERTH_FIELD_PORT, 10, 1, FALSE, U32, .choose = TRUE}}},
    [BERTH_ADDRESS_VIRTIO_SERIAL] = {"virtio-serial",
                                     {NUMBER("controller", 10, 1, U32),
                                      {"bus", BERTH_FIELD_NUMBER, 10, 1, FALSE, U32, .sole = TRUE},
                                      {"port", BERTH_FIELD_NUMBER, 10, 1, FALSE, U32, .choose = TRUE}}},
    [BERTH_ADDRESS_CCID] = {"ccid", {NUMBER("controller", 10, 1, U32), NUMBER("slot", 10, 1, U32)}},
    [BERTH_ADDRESS_ISA] = {"isa", {OPTIONAL("iobase", 16, 1, U32), OPTIONAL("irq", 16, 1, U32)}},
    [BERTH_ADDRESS_DIMM] = {"dimm", {NUMBER("slot", 10, 1, U32), OPTIONAL("base", 16, 1, G_MAXUINT64)}},
    [BERTH_ADDRESS_CCW] = {"ccw", {NUMBER("cssid", 16, 1, 254), NUMBER("ssid", 16, 1, 3), NUMBER("devno", 16, 4, 0xffff)}},
    [BERTH_ADDRESS_VIRTIO_MMIO] = {"virtio-mmio", {{NULL}}},
    [BERTH_ADDRESS_SPAPR_VIO] = {"spapr-vio", {NUMBER("reg", 16, 8, U32)}},
    [BERTH_ADDRESS_UNASSIGNED] = {"unassigned", {{NULL}}},
};

/* Numbers of these two are read in any C base; elsewhere in the base they are printed in. */
static const gboolean any_base[BERTH_ADDRESS_N_TYPES] = {[BERTH_ADDRESS_PCI] = TRUE, [BERTH_ADDRESS_CCW] = TRUE};
/* What people write between the fields, where it is not ':' and hex is not marked by 0x. */
static const char *const separators[BERTH_ADDRESS_N_TYPES] = {[BERTH_ADDRESS_PCI] = "::.", [BERTH_ADDRESS_CCW] = ".."};

const BerthAddressForm *berth_model_address_form(BerthAddressType type) {
  return type > BERTH_ADDRESS_NONE && type < BERTH_ADDRESS_N_TYPES ? &forms[type] : NULL;
}

BerthAddressType berth_model_address_type(const char *name) {
  for (guint i = BERTH_ADDRESS_NONE + 1; name != NULL && i < BERTH_ADDRESS_N_TYPES; i++)
    if (strcmp(forms[i].name, name) == 0)
      return i;
  return BERTH_ADDRESS_NONE;
}

/* As strtoull, without what it lets pass: a sign that wraps around, nothing at all, things behind the number. */
static gboolean parse_number(const char *text, guint base, guint64 *value) {
  char *end = NULL;

  while (g_ascii_isspace(*text))
    text++;
  if (*text == '-' || *text == '\0')
    return FALSE;
  errno = 0;
  *value = g_ascii_strtoull(text, &end, base);
  return errno == 0 && end != text && *end == '\0';
}

static gboolean parse_switch(const char *text, guint64 *value) {
  *value = strcmp(text, "on") == 0 || strcmp(text, "1") == 0;
  return *value != 0 || strcmp(text, "off") == 0 || strcmp(text, "0") == 0;
}

/* "1.2.3" → 0x01020300. Trailing zeros are levels that are not there, as for libvirt; a zero before a port makes no sense. */
static gboolean parse_port(const char *text, guint64 *value) {
  guint64 packed = 0;
  gboolean zero = FALSE;

  for (guint level = 0; level < 4; level++) {
    guint number = 0;
    gsize digits = strspn(text, "0123456789");
    if (digits == 0)
      return FALSE;
    for (gsize i = 0; i < digits; i++)
      number = MIN(number * 10 + (guint)(text[i] - '0'), 256u);
    if (number > 255 || (zero && number > 0))
      return FALSE;
    zero = number == 0;
    packed |= (guint64)number << (24 - 8 * level);
    text += digits;
    *value = packed;
    if (*text == '\0')
      return TRUE;
    if (*text++ != '.')
      return FALSE;
  }
  return FALSE;
}

static gboolean parse_field(BerthAddressType type, const BerthAddressField *field, const char *text, guint64 *value) {
  if (field->form == BERTH_FIELD_SWITCH)
    return parse_switch(text, value);
  if (field->form == BERTH_FIELD_PORT)
    return parse_port(text, value);
  return parse_number(text, any_base[type] ? 0 : field->base, value);
}

/* The value of a field as text; the longest is a port of four levels. */
typedef struct {
  char text[24];
} Printed;

/* @value in @base with at least @width digits, ending at @end; returns where it begins. Addresses are printed by the thousand. */
static char *print_number(char *end, guint64 value, guint base, guint width) {
  char *start = end;

  do {
    *--start = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0 || end - start < (gssize)width);
  return start;
}

static Printed print_port(guint64 value) {
  Printed printed = {.text = ""};
  gsize used = 0;

  for (int shift = 24; shift >= 0 && (value >> shift & 0xff) != 0; shift -= 8) {
    char digits[8], *end = digits + sizeof digits, *start = print_number(end, value >> shift & 0xff, 10, 1);
    if (used > 0)
      printed.text[used++] = '.';
    memcpy(printed.text + used, start, (gsize)(end - start));
    used += (gsize)(end - start);
  }
  return printed;
}

/* @value as the XML has it; @mark: 0x in front of hex. */
static Printed print_field(const BerthAddressField *field, guint64 value, gboolean mark) {
  Printed printed = {.text = ""};
  char digits[sizeof printed.text], *end = digits + sizeof digits - 1;

  if (field->form == BERTH_FIELD_SWITCH)
    return (Printed){.text = {'o', value != 0 ? 'n' : 'f', value != 0 ? '\0' : 'f'}};
  if (field->form == BERTH_FIELD_PORT)
    return print_port(value);
  *end = '\0';
  char *start = print_number(end, value, field->base, field->width);
  if (field->base == 16 && mark) {
    *--start = 'x';
    *--start = '0';
  }
  memcpy(printed.text, start, (gsize)(end - start) + 1);
  return printed;
}

/* Domain, bus and slot all 0: "choose one", whatever the function is (addressing §1.6). */
static gboolean is_unset_pci(const BerthAddress *address) {
  return address->type == BERTH_ADDRESS_PCI && address->value[BERTH_PCI_DOMAIN] == 0 && address->value[BERTH_PCI_BUS] == 0 &&
         address->value[BERTH_PCI_SLOT] == 0;
}

static gboolean check_limits(const BerthAddress *address, const BerthXmlDocument *document, const BerthXmlNode *node,
                             GError **error) {
  const BerthAddressField *field = forms[address->type].fields;

  for (guint i = 0; field[i].name != NULL; i++) {
    if (address->value[i] <= field[i].max)
      continue;
    Printed is = print_field(&field[i], address->value[i], TRUE), most = print_field(&field[i], field[i].max, TRUE);
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "address: %s %s is too large; at most %s", field[i].name, is.text,
                    most.text);
    return FALSE;
  }
  return TRUE;
}

gboolean berth_model_address_parse(BerthAddress *address, const BerthXmlDocument *document, const BerthXmlNode *node,
                                   GError **error) {
  const char *type = berth_xml_node_get(node, "@type");
  BerthAddress read = {.type = berth_model_address_type(type)};

  if (type == NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "address: no type");
    return FALSE;
  }
  if (read.type == BERTH_ADDRESS_NONE) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "address: unknown type '%s'", type);
    return FALSE;
  }
  const BerthAddressField *field = forms[read.type].fields;
  for (guint i = 0; field[i].name != NULL; i++) {
    const BerthXmlAttribute *attribute = berth_xml_node_attribute(node, field[i].name);
    if (attribute == NULL)
      continue;
    if (!parse_field(read.type, &field[i], attribute->value, &read.value[i])) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "address: malformed %s '%s'", field[i].name, attribute->value);
      return FALSE;
    }
    if (!field[i].optional || field[i].form != BERTH_FIELD_NUMBER || read.value[i] != 0)
      read.given |= 1u << i; /* 0 is how "none" is written there */
  }
  if (is_unset_pci(&read)) {
    *address = (BerthAddress){.type = BERTH_ADDRESS_PCI};
    return TRUE;
  }
  if (!check_limits(&read, document, node, error))
    return FALSE;
  if (read.type == BERTH_ADDRESS_PCI || read.type == BERTH_ADDRESS_DRIVE) /* what is missing is 0 */
    read.given |= 0xf;
  *address = read;
  return TRUE;
}

/* Whether field @i of @address says anything: an address that nobody chose yet has only its type. */
static gboolean is_printed(const BerthAddress *address, const BerthAddressField *field, guint i) {
  if (address->given == 0)
    return FALSE;
  if (field->form == BERTH_FIELD_PORT)
    return address->value[i] != 0;
  if (!field->optional)
    return TRUE;
  return (address->given & 1u << i) != 0 && (field->form == BERTH_FIELD_SWITCH || address->value[i] != 0);
}

void berth_model_address_print(const BerthAddress *address, void (*set)(const char *name, const char *value, gpointer data),
                               gpointer data) {
  const BerthAddressForm *form = berth_model_address_form(address->type);

  if (form == NULL)
    return;
  set("type", form->name, data);
  for (guint i = 0; form->fields[i].name != NULL; i++) {
    if (!is_printed(address, &form->fields[i], i))
      continue;
    Printed value = print_field(&form->fields[i], address->value[i], TRUE);
    set(form->fields[i].name, value.text, data);
  }
}

char *berth_model_address_to_string(const BerthAddress *address) {
  const BerthAddressForm *form = berth_model_address_form(address->type);

  if (form == NULL)
    return g_strdup("");
  const char *separator = separators[address->type];
  GString *text = g_string_new(form->name);
  gboolean first = TRUE;
  for (guint i = 0; form->fields[i].name != NULL; i++) {
    if (!is_printed(address, &form->fields[i], i) || form->fields[i].form == BERTH_FIELD_SWITCH)
      continue;
    Printed value = print_field(&form->fields[i], address->value[i], separator == NULL);
    g_string_append_c(text, first ? ' ' : separator != NULL ? separator[i - 1] : ':');
    g_string_append(text, value.text);
    first = FALSE;
  }
  return g_string_free(text, FALSE);
}

gboolean berth_model_address_equal(const BerthAddress *a, const BerthAddress *b) {
  const BerthAddressForm *form = berth_model_address_form(a->type);

  if (a->type != b->type || (a->given == 0) != (b->given == 0))
    return FALSE;
  for (guint i = 0; form != NULL && form->fields[i].name != NULL; i++) {
    const BerthAddressField *field = &form->fields[i];
    gboolean both = (a->given & b->given & 1u << i) != 0;
    if (field->form != BERTH_FIELD_SWITCH && (!field->optional || both) && a->value[i] != b->value[i])
      return FALSE;
  }
  return TRUE;
}

guint berth_model_address_hash(const BerthAddress *a) {
  const BerthAddressForm *form = berth_model_address_form(a->type);
  guint64 hash = a->type;

  for (guint i = 0; form != NULL && form->fields[i].name != NULL; i++)
    if (!form->fields[i].optional)
      hash = hash * 1099511628211u + a->value[i] + 1;
  return (guint)(hash ^ hash >> 32);
}

void berth_model_address_set(BerthAddress *address, guint field, guint64 value) {
  g_return_if_fail(field < BERTH_ADDRESS_MAX_FIELDS);
  address->value[field] = value;
  address->given |= 1u << field;
}

BerthAddress berth_model_address_pci(guint bus, guint slot, guint function) {
  return (BerthAddress){.type = BERTH_ADDRESS_PCI, .given = 0xf, .value = {0, bus, slot, function}};
}
