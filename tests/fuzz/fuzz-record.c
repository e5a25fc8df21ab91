/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record reader. Whatever it takes, it prints and reads again as the same; and a guest that is planned with it either fails
 * with a proper error or gets a plan that holds: no place twice, a record that can be read, and no change when it is planned again.
 */
#include "fuzz.h"
#include "holds.h"

static const char *const guests[] = {
    "<domain type='qemu'><name>f</name><uuid>8d5d3a86-6e2f-4a4c-8e1c-0f1d8e6d3b11</uuid><memory>262144</memory>\n"
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os><devices>\n"
    "<disk type='file' device='disk'><source file='/x/a'/><target dev='vda' bus='virtio'/></disk>\n"
    "<disk type='file' device='disk'><source file='/x/b'/><target dev='sda' bus='scsi'/></disk>\n"
    "<disk type='file' device='disk'><source file='/x/c'/><target dev='hda' bus='ide'/></disk>\n"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='n'/><model type='virtio'/></interface>\n"
    "<interface type='network'><source network='n'/><model type='e1000'/></interface>\n"
    "<input type='tablet' bus='usb'/><sound model='ac97'/>\n"
    "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>\n"
    "</devices></domain>\n",
    "<domain type='qemu'><name>f</name><memory>262144</memory>\n"
    "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>\n"
    "<disk type='file' device='disk'><source file='/x/a'/><target dev='vda' bus='virtio'/></disk>\n"
    "<disk type='file' device='disk'><source file='/x/b'/><target dev='sda' bus='sata'/></disk>\n"
    "<disk type='file' device='disk'><source file='/x/c'/><target dev='sdb' bus='usb'/></disk>\n"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='n'/><model type='virtio'/></interface>\n"
    "<interface type='network'><source network='n'/><model type='rtl8139'/></interface>\n"
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend><alias name='ua-r'/></rng>\n"
    "<video><model type='virtio'/></video><graphics type='vnc'/><memballoon model='virtio'/>\n"
    "</devices></domain>\n",
};

/* Two prints of the same record are the same text. */
static char *check_round_trip(const BerthRecord *record) {
  g_autoptr(GError) error = NULL;
  char *json = berth_record_to_json(record);
  g_autoptr(BerthRecord) again = berth_record_parse(json, -1, "again.json", &error);
  MUST(again != NULL, "what was printed cannot be read: %s\n%s", error->message, json);
  g_autofree char *second = berth_record_to_json(again);
  MUST(strcmp(json, second) == 0, "read and printed again, it differs:\n%s---\n%s", json, second);
  return json;
}

static void check_guest(const char *xml, const BerthRecord *record, gboolean embed) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new_static(xml, strlen(xml));
  g_autoptr(BerthDomain) domain = berth_domain_parse(bytes, "fuzz.xml", &error);
  const BerthPlanOptions options = {.record = record, .now = "2026-01-01T00:00:00Z", .embed = embed};
  g_autoptr(BerthPlan) plan = berth_plan_new(domain, &options, &error);
  if (plan == NULL) {
    must_be_proper(error);
    return;
  }
  g_autofree char *json = check_round_trip(berth_plan_record(plan));
  g_autofree char *broken = test_holds_unique(plan);
  MUST(broken == NULL, "%s", broken);
  broken = test_holds_settled(plan, embed);
  MUST(broken == NULL, "%s\n%s", broken, json);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autoptr(GError) error = NULL;
  g_autofree char *copy = g_memdup2(data, MAX(size, 1)); /* so that a read behind its end is seen */
  g_autoptr(BerthRecord) record = berth_record_parse(size > 0 ? copy : "", (gssize)size, "fuzz.json", &error);
  if (record == NULL) {
    must_be_proper(error);
    return 0;
  }
  g_free(check_round_trip(record));
  for (guint i = 0; i < G_N_ELEMENTS(guests); i++)
    check_guest(guests[i], record, i == 0);
  return 0;
}
