/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record's JSON: what is written is read back to the same bytes, and nothing that is read can do harm. */
#include "model/record.h"

#include <string.h>

static const char whole[] = "{\n"
                            "  \"berth-record\": 1,\n"
                            "  \"name\": \"färöer \\\"x\\\"\",\n"
                            "  \"uuid\": \"4dea22b3-1d52-d8f3-2516-782e98ab3fa0\",\n"
                            "  \"arch\": \"x86_64\",\n"
                            "  \"machine\": \"pc-q35-8.2\",\n"
                            "  \"devices\": [\n"
                            "    {\n"
                            "      \"element\": \"controller\",\n"
                            "      \"kind\": \"pci/pcie-root-port\",\n"
                            "      \"keys\": [\n"
                            "        \"controller=pci:1\",\n"
                            "        \"kind=pci/pcie-root-port#0\"\n"
                            "      ],\n"
                            "      \"address\": {\n"
                            "        \"type\": \"pci\",\n"
                            "        \"domain\": 0,\n"
                            "        \"bus\": 0,\n"
                            "        \"slot\": 2,\n"
                            "        \"function\": 0,\n"
                            "        \"multifunction\": \"on\"\n"
                            "      },\n"
                            "      \"origin\": \"grown\",\n"
                            "      \"rule\": \"first\",\n"
                            "      \"values\": {\n"
                            "        \"@type\": \"pci\",\n"
                            "        \"@index\": \"1\",\n"
                            "        \"target/@chassis\": \"1\"\n"
                            "      },\n"
                            "      \"since\": \"2026-01-31T23:59:59Z\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"element\": \"input\",\n"
                            "      \"kind\": \"usb/tablet\",\n"
                            "      \"keys\": [\n"
                            "      ],\n"
                            "      \"address\": {\n"
                            "        \"type\": \"usb\",\n"
                            "        \"bus\": 0,\n"
                            "        \"port\": \"1.2\"\n"
                            "      },\n"
                            "      \"origin\": \"document\"\n"
                            "    },\n"
                            "    {\n"
                            "      \"element\": \"interface\",\n"
                            "      \"kind\": \"virtio\",\n"
                            "      \"keys\": [\n"
                            "        \"mac=52:54:00:00:00:01\"\n"
                            "      ],\n"
                            "      \"origin\": \"document\",\n"
                            "      \"values\": {\n"
                            "        \"mac/@address\": \"52:54:00:00:00:01\"\n"
                            "      },\n"
                            "      \"gone\": \"unknown\"\n"
                            "    }\n"
                            "  ]\n"
                            "}\n";

static BerthRecord *parse(const char *json) {
  g_autoptr(GError) error = NULL;
  BerthRecord *record = berth_record_parse(json, -1, "guest.berth", &error);
  g_assert_no_error(error);
  return record;
}

static void test_round_trip(void) {
  g_autoptr(BerthRecord) record = parse(whole);
  g_autofree char *again = berth_record_to_json(record);
  g_assert_cmpstr(again, ==, whole);
  g_assert_cmpuint(record->entries->len, ==, 3);
  const BerthRecordEntry *port = g_ptr_array_index(record->entries, 0), *tablet = g_ptr_array_index(record->entries, 1);
  const BerthAddress expected = berth_model_address_pci(0, 2, 0);
  g_assert_true(berth_model_address_equal(&port->address, &expected));
  g_assert_cmpint(port->origin, ==, BERTH_ORIGIN_GROWN);
  g_assert_cmpint(port->rule, ==, BERTH_RULE_FIRST);
  g_assert_cmpint(tablet->rule, ==, BERTH_RULE_NONE);
  g_assert_cmpstr(berth_model_record_entry_get(port, "target/@chassis"), ==, "1");
  g_autofree char *text = berth_model_address_to_string(&tablet->address);
  g_assert_cmpstr(text, ==, "usb 0:1.2");
  const BerthRecordEntry *nic = g_ptr_array_index(record->entries, 2);
  g_assert_cmpint(nic->address.type, ==, BERTH_ADDRESS_NONE);
  g_assert_cmpstr(nic->gone, ==, "unknown");
}

static void test_every_address_type(void) {
  g_autoptr(BerthRecord) record = berth_model_record_new();
  for (guint type = BERTH_ADDRESS_NONE + 1; type < BERTH_ADDRESS_N_TYPES; type++) {
    BerthRecordEntry *entry = berth_model_record_entry_new("thing", "kind");
    entry->address.type = type;
    const BerthAddressForm *form = berth_model_address_form(type);
    for (guint i = 0; form->fields[i].name != NULL; i++)
      berth_model_address_set(&entry->address, i, form->fields[i].form == BERTH_FIELD_PORT ? 0x01ff0200 : form->fields[i].max);
    g_ptr_array_add(record->entries, entry);
  }
  g_autofree char *json = berth_record_to_json(record);
  g_autoptr(BerthRecord) again = parse(json);
  g_autofree char *json_again = berth_record_to_json(again);
  g_assert_cmpstr(json_again, ==, json);
  for (guint i = 0; i < record->entries->len; i++) {
    const BerthRecordEntry *a = g_ptr_array_index(record->entries, i), *b = g_ptr_array_index(again->entries, i);
    g_assert_cmpmem(&a->address.value, sizeof a->address.value, &b->address.value, sizeof b->address.value);
  }
}

static void test_unknown_members_are_ignored(void) {
  g_autoptr(BerthRecord) record = parse("{\"berth-record\":1,\"colour\":[{}],\"devices\":[{\"element\":\"rng\",\"kind\":\"virtio\","
                                        "\"keys\":[\"aura=blue\"],\"shape\":null}]}");
  g_assert_cmpuint(record->entries->len, ==, 1);
}

static void test_drives_share_numbers_but_not_buses(void) {
  g_autoptr(BerthRecord) record = parse("{\"berth-record\":1,\"devices\":["
                                        "{\"element\":\"disk\",\"kind\":\"sata\",\"keys\":[],"
                                        "\"address\":{\"type\":\"drive\",\"controller\":0,\"bus\":0,\"target\":0,\"unit\":0}},"
                                        "{\"element\":\"disk\",\"kind\":\"scsi\",\"keys\":[],"
                                        "\"address\":{\"type\":\"drive\",\"controller\":0,\"bus\":0,\"target\":0,\"unit\":0}}]}");
  g_assert_cmpuint(record->entries->len, ==, 2);
}

#define DEVICE(rest) "{\"berth-record\":1,\"devices\":[{\"element\":\"rng\",\"kind\":\"virtio\",\"keys\":[]" rest "}]}"
#define PCI(slot) "\"address\":{\"type\":\"pci\",\"domain\":0,\"bus\":0,\"slot\":" slot ",\"function\":0}"

static const struct {
  const char *json, *message; /* message: what must be in it */
} hostile[] = {
    {"", "not JSON"},
    {"nonsense", "not JSON"},
    {"{\"berth-record\":1", "not JSON"},
    {"[1]", "not a JSON object"},
    {"{}", "not a berth record"},
    {"{\"berth-record\":\"1\",\"devices\":[]}", "not a berth record"},
    {"{\"berth-record\":0,\"devices\":[]}", "version 0"},
    {"{\"berth-record\":1}", "'devices' is not an array"},
    {"{\"berth-record\":1,\"devices\":{}}", "'devices' is not an array"},
    {"{\"berth-record\":1,\"name\":7,\"devices\":[]}", "'name' is not a string"},
    {"{\"berth-record\":1,\"name\":\"a\\u0001b\",\"devices\":[]}", "a character that XML has not"},
    {"{\"berth-record\":1,\"name\":\"a\001b\",\"devices\":[]}", "a character that XML has not"},
    {"{\"berth-record\":1,\"name\":\"a\\u0000b\",\"devices\":[]}", "u0000"},
    {"{\"berth-record\":1,\"a\\\\\\u0000\":\"\",\"devices\":[]}", "u0000"},
    {"{\"berth-record\":1,\n\"devices\":[\n", "line 3: it ends too early"},
    {"{\"berth-record\":1,\"uuid\":null,\"devices\":[]}", "'uuid' is not a string"},
    {"/* [[ */ {\"berth-record\":1,\"devices\":[]}", "not JSON"},
    {"{\"berth-record\":1,\"devices\":[7]}", "device 1: not an object"},
    {"{\"berth-record\":1,\"devices\":[null]}", "device 1: not an object"},
    {"{\"berth-record\":1,\"devices\":[{}]}", "'element' is missing"},
    {"{\"berth-record\":1,\"devices\":[{\"element\":\"rng\",\"kind\":\"virtio\"}]}", "'keys' is not an array"},
    {"{\"berth-record\":1,\"devices\":[{\"element\":\"rng\",\"kind\":\"virtio\",\"keys\":[[]]}]}", "'keys' is not a string"},
    {DEVICE(",\"origin\":\"heaven\""), "unknown origin"},
    {DEVICE(",\"rule\":\"thumb\""), "unknown rule"},
    {DEVICE(",\"values\":[]"), "'values' is not an object"},
    {DEVICE(",\"values\":{\"mac/@address\":1}"), "is not a string"},
    {DEVICE(",\"values\":{\"a\\u0001\":\"x\"}"), "bad path"},
    {DEVICE(",\"values\":{\":@model\":\"x\"}"), "bad path"},
    {DEVICE(",\"values\":{\"alias/@name\":\"x\"}"), "bad path"},
    {DEVICE(",\"values\":{\"@index\":\"&0\"}"), "no number"},
    {DEVICE(",\"values\":{\"model/\":\"x\"}"), "bad path"},
    {DEVICE(",\"values\":{\"@model/name\":\"x\"}"), "bad path"},
    {DEVICE(",\"gone\":true"), "'gone' is not a string"},
    {DEVICE(",\"address\":7"), "'address' is not an object"},
    {DEVICE(",\"address\":{}"), "'type' is missing"},
    {DEVICE(",\"address\":{\"type\":\"moon\"}"), "unknown address type"},
    {DEVICE(",\"address\":{\"type\":\"pci\"}"), "address without 'domain'"},
    {DEVICE("," PCI("32")), "slot"},
    {DEVICE("," PCI("-1")), "slot"},
    {DEVICE("," PCI("1.5")), "slot"},
    {DEVICE("," PCI("99999999999999999999999999")), "slot"},
    {DEVICE("," PCI("[]")), "slot"},
    {DEVICE("," PCI("\"zwei\"")), "slot"},
    {DEVICE("," PCI("4") "},{\"element\":\"disk\",\"kind\":\"virtio\",\"keys\":[]," PCI("4")),
     "device 2: it has the address of device 1"},
    {DEVICE("," PCI("4") "},{\"element\":\"disk\",\"kind\":\"virtio\",\"keys\":[],\"gone\":\"x\"," PCI("4")),
     "address of device 1"},
    {DEVICE(",\"gone\":\"x\"},{\"element\":\"disk\",\"kind\":\"virtio\",\"keys\":[]"), "behind one that is gone"},
};

static void test_hostile(void) {
  for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
    g_autoptr(GError) error = NULL;
    g_test_message("%s", hostile[i].json);
    g_assert_null(berth_record_parse(hostile[i].json, -1, "guest.berth", &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
    g_assert_true(g_str_has_prefix(error->message, "guest.berth: record: "));
    if (strstr(error->message, hostile[i].message) == NULL)
      g_error("%s: \"%s\" is not in \"%s\"", hostile[i].json, hostile[i].message, error->message);
    g_assert_null(strchr(error->message, '\n'));
  }
}

static void refused(const char *json, gssize length) {
  g_autoptr(GError) error = NULL;
  g_assert_null(berth_record_parse(json, length, "guest.berth", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
}

static void test_hostile_bulk(void) {
  g_autofree char *deep = g_strnfill(1 << 20, '[');
  refused(deep, -1);
  g_autofree char *deep_objects = g_strnfill(1 << 20, '{');
  refused(deep_objects, -1);
  g_autofree char *huge = g_strnfill((16 << 20) + 1, ' ');
  refused(huge, -1);
  refused("{\"berth-record\":1,\0\"devices\":[]}", 32);
  refused("{\"berth-record\":1,\"name\":\"\xff\",\"devices\":[]}", -1);
  refused("{\"berth-record\":1,\"name\":\"\\", -1);
  for (gsize cut = 0; cut < strlen(whole) - 2; cut++)
    refused(whole, (gssize)cut);
}

/* Any one byte changed is either refused or read; both without a crash. */
static void test_flipped_bytes(void) {
  g_autofree char *copy = g_strdup(whole);
  const char flips[] = {'"', '{', ']', '9', '\\', (char)0x80, ' '};
  for (gsize i = 0; i < strlen(whole); i++) {
    for (guint f = 0; f < G_N_ELEMENTS(flips); f++) {
      g_autoptr(GError) error = NULL;
      copy[i] = flips[f];
      g_autoptr(BerthRecord) record = berth_record_parse(copy, -1, "guest.berth", &error);
      g_assert_true((record == NULL) == (error != NULL));
    }
    copy[i] = whole[i];
  }
}

static void test_newer(void) {
  g_autoptr(GError) error = NULL;
  g_assert_null(berth_record_parse("{\"berth-record\":2,\"future\":true}", -1, "guest.berth", &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NEWER);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/record/round-trip", test_round_trip);
  g_test_add_func("/record/every-address-type", test_every_address_type);
  g_test_add_func("/record/unknown-members-are-ignored", test_unknown_members_are_ignored);
  g_test_add_func("/record/drives-share-numbers-but-not-buses", test_drives_share_numbers_but_not_buses);
  g_test_add_func("/record/hostile", test_hostile);
  g_test_add_func("/record/hostile-bulk", test_hostile_bulk);
  g_test_add_func("/record/flipped-bytes", test_flipped_bytes);
  g_test_add_func("/record/newer", test_newer);
  return g_test_run();
}
