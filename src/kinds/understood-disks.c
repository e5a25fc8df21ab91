/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of disks; <backingStore> may say again what a disk's <source> says. */
#include "kinds/understood.h"

#include <stddef.h>

const BerthUnderstood berth_kinds_understood_disks[] = {
    {"devices/disk", "type=file|block|network|nvme|vhostuser|dir device=disk|cdrom|floppy|lun snapshot sgio rawio "
                     "model=virtio|virtio-transitional|virtio-non-transitional|usb-storage|usb-bot"},
    {"devices/disk/driver",
     "name=qemu type=raw|qcow2|qcow|qed|vmdk|vdi|vhdx|vpc|fat cache=default|none|writeback|writethrough|directsync|"
     "unsafe io=native|threads|io_uring discard=unmap|ignore detect_zeroes=off|on|unmap copy_on_read=on|off "
     "error_policy=stop|report|ignore|enospace rerror_policy=stop|report|ignore queues queue_size ioeventfd "
     "event_idx iothread" BERTH_UNDERSTOOD_VIRTIO},
    {"devices/disk/source", "file dev dir startupPolicy=mandatory|optional|requisite index type=unix|pci path managed namespace "
                            "protocol name query tls=no"},
    {"devices/disk/source/seclabel", NULL},
    {"devices/disk/backingStore", "type=file|block|network|nvme index"},
    {"devices/disk/target", "dev bus tray removable rotation_rate"},
    {"devices/disk/readonly", ""},
    {"devices/disk/shareable", ""},
    {"devices/disk/serial", ""},
    {"devices/disk/wwn", ""},
    {"devices/disk/vendor", ""},
    {"devices/disk/product", ""},
    {"devices/disk/geometry", "cyls heads secs trans=none|lba|auto"},
    {"devices/disk/blockio", "logical_block_size physical_block_size"},
    {"devices/disk/boot", "order"},
    {"devices/disk/driver/metadata_cache", ""},
    {"devices/disk/driver/metadata_cache/max_size", "unit"},
    {"devices/disk/source/host", "name port transport=tcp|unix socket"},
    {"devices/disk/source/snapshot", "name"},
    {"devices/disk/source/config", "file"},
    {"devices/disk/source/address", "type=pci domain bus slot function"},
    {"devices/disk/source/reconnect", "enabled timeout"},
    {"devices/disk/source/slices", ""},
    {"devices/disk/source/slices/slice", "type=storage offset size"},
    {"devices/disk/source/ssl", "verify"},
    {"devices/disk/source/readahead", "size"},
    {"devices/disk/source/timeout", "seconds"},
    {"devices/disk/source/initiator", ""},
    {"devices/disk/source/initiator/iqn", "name"},
    {"devices/disk/source/identity", "user group"},
    {"devices/disk/backingStore/format", "type=raw|qcow2|qcow|qed|vmdk|vdi|vhdx|vpc"},
    {"devices/disk/backingStore/format/metadata_cache", ""},
    {"devices/disk/backingStore/format/metadata_cache/max_size", "unit"},
    {NULL},
};
