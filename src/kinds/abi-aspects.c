/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is compared, a row an aspect. Fallbacks are QEMU's defaults. */
#include "kinds/abi.h"

#include <stddef.h>

const BerthAbiAspect berth_kinds_abi_domain[] = {
    {"@type", "hypervisor", BERTH_ABI_TEXT, "qemu"},
    {"name", "name", BERTH_ABI_TEXT},
    {"uuid", "uuid", BERTH_ABI_WORD},
    {"os/@firmware", "firmware", BERTH_ABI_TEXT},
    {"os/loader", "firmware image", BERTH_ABI_TEXT},
    {"os/loader/@type", "firmware type", BERTH_ABI_TEXT},
    {"os/loader/@secure", "secure firmware", BERTH_ABI_SWITCH, "no"},
    {"os/smbios/@mode", "smbios", BERTH_ABI_TEXT, "emulate"},
    {"memory", "memory", BERTH_ABI_SIZE},
    {"maxMemory", "maximum memory", BERTH_ABI_SIZE},
    {"maxMemory/@slots", "memory slots", BERTH_ABI_NUMBER},
    {"vcpu", "vcpus", BERTH_ABI_NUMBER, "1"},
    {"vcpu/@current", "vcpus at start", BERTH_ABI_NUMBER},
    {"vcpus", "vcpus one by one", BERTH_ABI_TREE},
    {"cpu", "cpu", BERTH_ABI_TREE},
    {"features", "features", BERTH_ABI_TREE},
    {"sysinfo", "sysinfo", BERTH_ABI_TREE},
    {"genid", "generation id", BERTH_ABI_WORD},
    {"clock/timer", "timers", BERTH_ABI_TREE},
    {"pm", "power management", BERTH_ABI_TREE},
    {NULL},
};

/* Options of virtio devices are features that the guest has negotiated. */
const BerthAbiAspect berth_kinds_abi_devices[] = {
    {"acpi/@index", "acpi index", BERTH_ABI_NUMBER},
    {"driver/@iommu", "iommu", BERTH_ABI_SWITCH, "off"},
    {"driver/@ats", "ats", BERTH_ABI_SWITCH, "off"},
    {"driver/@packed", "packed", BERTH_ABI_SWITCH, "off"},
    {"driver/@page_per_vq", "page_per_vq", BERTH_ABI_SWITCH, "off"},
    {"rom/@bar", "rom", BERTH_ABI_SWITCH, "on"},
    {"rom/@enabled", "rom", BERTH_ABI_SWITCH, "yes"},
    {"rom/@file", "rom image", BERTH_ABI_TEXT},
    {NULL},
};

static const BerthAbiAspect disk[] = {
    {"@device", "device", BERTH_ABI_TEXT, "disk"},
    {"target/@dev", "target", BERTH_ABI_TEXT},
    {"target/@removable", "removable", BERTH_ABI_SWITCH, "off"},
    {"target/@rotation_rate", "rotation rate", BERTH_ABI_NUMBER},
    {"serial", "serial", BERTH_ABI_TEXT},
    {"wwn", "wwn", BERTH_ABI_WORD},
    {"vendor", "vendor", BERTH_ABI_TEXT},
    {"product", "product", BERTH_ABI_TEXT},
    {"readonly", "read-only", BERTH_ABI_PRESENT, NULL, "cdrom"},
    {"driver/@queues", "queues", BERTH_ABI_NUMBER},
    {"driver/@queue_size", "queue size", BERTH_ABI_NUMBER},
    {"driver/@event_idx", "event_idx", BERTH_ABI_SWITCH, "on"},
    {"blockio/@logical_block_size", "logical block size", BERTH_ABI_NUMBER, "512"},
    {"blockio/@physical_block_size", "physical block size", BERTH_ABI_NUMBER, "512"},
    {"geometry", "geometry", BERTH_ABI_TREE},
    {NULL},
};
static const BerthAbiAspect interface[] = {
    {"mac/@address", "mac", BERTH_ABI_WORD},
    {"mtu/@size", "mtu", BERTH_ABI_NUMBER},
    {"driver/@queues", "queues", BERTH_ABI_NUMBER, "1"},
    {"driver/@rx_queue_size", "receive queue size", BERTH_ABI_NUMBER, "256"},
    {"driver/@tx_queue_size", "transmit queue size", BERTH_ABI_NUMBER, "256"},
    {"driver/@event_idx", "event_idx", BERTH_ABI_SWITCH, "on"},
    {"driver/host", "offloads of the host", BERTH_ABI_TREE},
    {"driver/guest", "offloads of the guest", BERTH_ABI_TREE},
    {NULL},
};
static const BerthAbiAspect controller[] = {
    {"@index", "index", BERTH_ABI_NUMBER},
    {"@ports", "ports", BERTH_ABI_NUMBER},
    {"@vectors", "vectors", BERTH_ABI_NUMBER},
    {"driver/@queues", "queues", BERTH_ABI_NUMBER},
    {"target/@chassis", "chassis", BERTH_ABI_NUMBER},
    {"target/@chassisNr", "chassis", BERTH_ABI_NUMBER},
    {"target/@port", "port", BERTH_ABI_NUMBER},
    {"target/@busNr", "bus number", BERTH_ABI_NUMBER},
    {"target/@busReserve", "reserved bus numbers", BERTH_ABI_NUMBER},
    {"target/@memReserve", "reserved memory space", BERTH_ABI_NUMBER},
    {"target/@hotplug", "hotplug", BERTH_ABI_SWITCH, "on"},
    {"master/@startport", "first port", BERTH_ABI_NUMBER},
    {"pcihole64", "64-bit hole", BERTH_ABI_SIZE},
    {NULL},
};
static const BerthAbiAspect port[] = {
    {"target/@type", "target", BERTH_ABI_TEXT},
    {"target/@port", "port", BERTH_ABI_NUMBER},
    {"target/@name", "name", BERTH_ABI_TEXT},
    {"target/model/@name", "model", BERTH_ABI_TEXT},
    {NULL},
};
static const BerthAbiAspect memory[] = {
    {"target/size", "size", BERTH_ABI_SIZE},
    {"target/node", "node", BERTH_ABI_NUMBER, "0"},
    {"target/block", "block size", BERTH_ABI_SIZE},
    {"target/label/size", "label size", BERTH_ABI_SIZE},
    {"target/readonly", "read-only", BERTH_ABI_PRESENT},
    {"uuid", "uuid", BERTH_ABI_WORD},
    {NULL},
};
static const BerthAbiAspect video[] = {
    {"model/@vram", "video memory", BERTH_ABI_NUMBER},
    {"model/@vram64", "64-bit video memory", BERTH_ABI_NUMBER},
    {"model/@ram", "video memory", BERTH_ABI_NUMBER},
    {"model/@vgamem", "video memory", BERTH_ABI_NUMBER},
    {"model/@heads", "heads", BERTH_ABI_NUMBER, "1"},
    {"model/@blob", "blob", BERTH_ABI_SWITCH, "off"},
    {"model/acceleration/@accel3d", "3D", BERTH_ABI_SWITCH, "no"},
    {NULL},
};
static const BerthAbiAspect sound[] = {{"codec", "codecs", BERTH_ABI_TREE}, {NULL}};
static const BerthAbiAspect balloon[] = {
    {"@autodeflate", "autodeflate", BERTH_ABI_SWITCH, "off"},
    {"@freePageReporting", "free page reporting", BERTH_ABI_SWITCH, "off"},
    {NULL},
};
static const BerthAbiAspect input[] = {{"@type", "type", BERTH_ABI_TEXT}, {"@bus", "bus", BERTH_ABI_TEXT}, {NULL}};
static const BerthAbiAspect hostdev[] = {{"@type", "type", BERTH_ABI_TEXT}, {NULL}};
static const BerthAbiAspect filesystem[] = {
    {"target/@dir", "target", BERTH_ABI_TEXT}, {"driver/@queue", "queue size", BERTH_ABI_NUMBER}, {NULL}};
static const BerthAbiAspect tpm[] = {{"backend/@version", "version", BERTH_ABI_TEXT}, {NULL}};
static const BerthAbiAspect shmem[] = {
    {"size", "size", BERTH_ABI_SIZE}, {"@role", "role", BERTH_ABI_TEXT}, {"msi/@vectors", "vectors", BERTH_ABI_NUMBER}, {NULL}};
static const BerthAbiAspect vsock[] = {{"cid/@address", "cid", BERTH_ABI_NUMBER}, {NULL}};
static const BerthAbiAspect iommu[] = {{"driver", "options", BERTH_ABI_TREE}, {NULL}};
static const BerthAbiAspect pstore[] = {{"size", "size", BERTH_ABI_SIZE}, {NULL}};

const BerthAbiAspect *berth_kinds_abi_of(BerthElementId element) {
  static const BerthAbiAspect *const rows[BERTH_N_ELEMENTS] = {
      [BERTH_DISK] = disk,       [BERTH_INTERFACE] = interface,   [BERTH_CONTROLLER] = controller,
      [BERTH_SERIAL] = port,     [BERTH_PARALLEL] = port,         [BERTH_CHANNEL] = port,
      [BERTH_CONSOLE] = port,    [BERTH_MEMORY] = memory,         [BERTH_VIDEO] = video,
      [BERTH_SOUND] = sound,     [BERTH_MEMBALLOON] = balloon,    [BERTH_INPUT] = input,
      [BERTH_HOSTDEV] = hostdev, [BERTH_FILESYSTEM] = filesystem, [BERTH_TPM] = tpm,
      [BERTH_SHMEM] = shmem,     [BERTH_VSOCK] = vsock,           [BERTH_IOMMU] = iommu,
      [BERTH_PSTORE] = pstore,
  };
  return rows[element];
}
