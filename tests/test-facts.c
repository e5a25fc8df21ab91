/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/facts.h"
#include "facts/machine.h"
#include "facts/target.h"

static void test_families(void) {
  static const struct {
    const char *arch, *machine, *family;
  } rows[] = {
      {"x86_64", "q35", "q35"},         {"x86_64", "pc-q35-7.2", "q35"},     {"i686", "pc-q35-2.4", "q35"},
      {"x86_64", "pc", "i440fx"},       {"i686", "pc-i440fx-9.0", "i440fx"}, {"x86_64", "pc-1.3", "i440fx"},
      {"x86_64", "pc-0.12", "i440fx"},  {"x86_64", "rhel6.6.0", "i440fx"},   {"x86_64", "isapc", "isapc"},
      {"x86_64", "microvm", "microvm"}, {"x86_64", "pc-q36", "none"},        {"x86_64", "q35x", "none"},
      {"aarch64", "virt", "none"},      {"aarch64", "q35", "none"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(berth_facts_machine_family(rows[i].arch, rows[i].machine)->name, ==, rows[i].family);
  g_assert_nonnull(berth_facts_machine_family(NULL, NULL));
  g_assert_cmpstr(berth_facts_machine_default("x86_64"), ==, "pc");
  g_assert_cmpstr(berth_facts_machine_default("i686"), ==, "pc");
  g_assert_null(berth_facts_machine_default("vax"));
}

static void test_targets(void) {
  static const struct {
    const char *name, *bus;
    guint number;
    gboolean partition;
  } good[] = {
      {"hda", "ide", 0, FALSE},      {"sdz", "scsi", 25, FALSE},     {"vdaa", "virtio", 26, FALSE}, {"sdaaa", "scsi", 702, FALSE},
      {"fdb", "fdc", 1, FALSE},      {"xvda", "xen", 0, FALSE},      {"ubdc", "uml", 2, FALSE},     {"vda1", "virtio", 0, TRUE},
      {"nvme1n2", "nvme", 1, FALSE}, {"nvme0n1p3", "nvme", 0, TRUE},
  };
  static const char *const bad[] = {"",     "hd", "vd1", "zza", "hdA", "vda-b", "nvme", "nvme0", "nvme0n0", "sdaaaaaaaaaaaaaaaaaaa",
                                    "vda1b"};
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    BerthTarget target;
    g_test_message("%s", good[i].name);
    g_assert_true(berth_facts_target_parse(good[i].name, &target));
    g_assert_cmpstr(target.bus, ==, good[i].bus);
    g_assert_cmpuint(target.number, ==, good[i].number);
    g_assert_cmpint(target.partition, ==, good[i].partition);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    BerthTarget target = {.number = 77};
    g_test_message("'%s'", bad[i]);
    g_assert_false(berth_facts_target_parse(bad[i], &target));
    g_assert_cmpuint(target.number, ==, 77);
  }
  g_assert_false(berth_facts_target_parse(NULL, NULL));
}

static BerthFacts *sample(gboolean other_order) {
  static const char *const devices[] = {"virtio-net-pci", "e1000", "lsi"};
  BerthFacts *facts = berth_facts_new();
  facts->binary = g_strdup("/usr/bin/qemu \"x\"");
  facts->mtime = 1234567890123456789;
  facts->size = 4096;
  facts->major = 7;
  facts->minor = 2;
  facts->micro = 22;
  g_hash_table_insert(facts->machines, g_strdup("q35"), g_strdup("pc-q35-7.2"));
  g_hash_table_insert(facts->machines, g_strdup("pc-q35-7.2"), g_strdup("pc-q35-7.2"));
  g_hash_table_add(facts->deprecated, g_strdup("pc-i440fx-1.7"));
  g_hash_table_insert(facts->vcpus, g_strdup("pc-q35-7.2"), GUINT_TO_POINTER(288));
  for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
    g_hash_table_add(facts->devices, g_strdup(devices[other_order ? G_N_ELEMENTS(devices) - 1 - i : i]));
  return facts;
}

static void test_json(void) {
  g_autoptr(BerthFacts) facts = sample(FALSE);
  g_autoptr(BerthFacts) same = sample(TRUE);
  g_autofree char *text = berth_facts_to_json(facts), *again = berth_facts_to_json(same);
  g_assert_cmpstr(text, ==, again);
  g_assert_true(g_str_has_suffix(text, "\n"));
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthFacts) back = berth_facts_from_json(text, -1, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(back->binary, ==, facts->binary);
  g_assert_cmpint(back->mtime, ==, facts->mtime);
  g_assert_cmpint(back->size, ==, 4096);
  g_assert_cmpuint(back->micro, ==, 22);
  g_assert_cmpstr(berth_facts_machine(back, "q35"), ==, "pc-q35-7.2");
  g_assert_true(g_hash_table_contains(back->deprecated, "pc-i440fx-1.7"));
  g_assert_cmpuint(berth_facts_max_vcpus(back, "pc-q35-7.2"), ==, 288);
  g_assert_cmpuint(berth_facts_max_vcpus(back, "pc-i440fx-7.2"), ==, G_MAXUINT);
  g_assert_true(berth_facts_has_device(back, "lsi"));
  g_assert_false(berth_facts_has_device(back, "igb"));
}

static void test_json_garbage(void) {
  static const char *const garbage[] = {
      "",
      "{",
      "[]",
      "null",
      "{}",
      "{\"berth-facts\": 99}",
      "{\"berth-facts\": \"3\"}",
      "{\"berth-facts\": 3, \"binary\": 3, \"mtime\": 0, \"size\": 0, \"major\": 1, \"minor\": 0, \"micro\": 0}",
      "{\"berth-facts\": 3, \"binary\": \"q\", \"mtime\": 0, \"size\": 0, \"major\": 1, \"minor\": 0, \"micro\": 0, "
      "\"machines\": {\"pc\": 1}, \"deprecated\": \"\", \"vcpus\": {}, \"devices\": \"\"}",
      "{\"berth-facts\": 3, \"binary\": \"q\", \"mtime\": 0, \"size\": 0, \"major\": 1, \"minor\": 0, \"micro\": 0, "
      "\"machines\": {}, \"deprecated\": \"\", \"vcpus\": {}, \"devices\": [\"lsi\"]}",
      "{\"berth-facts\": 3, \"binary\": \"q\", \"mtime\": 0, \"size\": 0, \"major\": 1, \"minor\": 0, \"micro\": 0, "
      "\"machines\": {}, \"deprecated\": \"\", \"vcpus\": {\"pc\": 0}, \"devices\": \"\"}",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(garbage); i++) {
    g_autoptr(GError) error = NULL;
    g_test_message("%s", garbage[i]);
    g_assert_null(berth_facts_from_json(garbage[i], -1, &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  }
}

static void test_without(void) {
  g_assert_cmpstr(berth_facts_machine(NULL, "q35"), ==, "q35");
  g_assert_true(berth_facts_has_device(NULL, "anything"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/facts/machine-families", test_families);
  g_test_add_func("/facts/target-names", test_targets);
  g_test_add_func("/facts/json-comes-back", test_json);
  g_test_add_func("/facts/json-garbage-is-refused", test_json_garbage);
  g_test_add_func("/facts/without-facts-all-is-there", test_without);
  return g_test_run();
}
