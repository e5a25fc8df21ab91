/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the build functions of kinds/ share, and the functions themselves as the rows of kinds.c name them. */
#pragma once

#include <berth/error.h>

#include "facts/facts.h"
#include "facts/host.h"
#include "facts/machine.h"
#include "kinds/kinds.h"
#include "model/family.h"

/* ---- supported.c: what start understands ---- */

#define BERTH_KINDS_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* FALSE if the document has an element, attribute or value that changes the guest's hardware and that berth cannot start. What has
 * no effect at all is noted. Errors: UNSUPPORTED, naming it and its line. */
gboolean berth_kinds_supported(BerthBuild *build, GError **error);

/* ---- passthrough.c: <qemu:commandline>, <qemu:override> ---- */

/* Changes what is built already, for all devices or for @device alone, and appends what the document has for QEMU only. Errors:
 * BAD_INPUT. */
gboolean berth_kinds_override(BerthBuild *build, const BerthDevice *device, GError **error);
gboolean berth_kinds_pass_through(BerthBuild *build, GError **error);
/* What of it a rehearsal leaves out; NULL: there is none. (transfer full) */
char *berth_kinds_passed_through(const BerthXmlDocument *document);

/* ---- device.c: making objects ---- */

/* Adds "-device @driver" with the device's id and its family's address properties; the caller adds the rest to what is returned
 * (transfer none). Errors: UNSUPPORTED (the QEMU of the facts lacks the driver), BAD_INPUT (an id that QEMU would refuse). */
json_object *berth_kinds_device(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error);

/* The -object @id is there already. */
gboolean berth_kinds_has_object(const BerthQemu *qemu, const char *id);
/* FALSE if the QEMU of the facts is older than @major.@minor, which has @what first. Errors: UNSUPPORTED. */
gboolean berth_kinds_since(const BerthBuild *build, const BerthDevice *device, guint major, guint minor, const char *what,
                           GError **error);

/* How an XML value becomes a QEMU property. */
typedef enum {
  BERTH_MAP_TEXT,   /* as it is */
  BERTH_MAP_WORD,   /* letters, digits, "._-" only (QEMU takes it apart) */
  BERTH_MAP_NUMBER, /* a JSON number */
  BERTH_MAP_SWITCH, /* on/off/yes/no: a JSON boolean */
  BERTH_MAP_ONOFF,  /* the same as the word "on" or "off" (QEMU's OnOffAuto) */
  BERTH_MAP_KIB,    /* a number of KiB as a number of bytes */
  BERTH_MAP_MIB,    /* a number of KiB as a number of MiB */
  BERTH_MAP_THREAD, /* the number of an I/O thread as its id */
} BerthMapForm;

typedef struct {
  const char *path, *property;
  BerthMapForm form;
} BerthMap;

/* Sets a property for each row of @map (ends with a NULL path) whose path @device has. Errors: BAD_INPUT with file and line. */
gboolean berth_kinds_map(const BerthBuild *build, const BerthDevice *device, const BerthMap *map, json_object *props,
                         GError **error);

/* The same for the element @node, which belongs to @device; NULL: the device's own. */
gboolean berth_kinds_map_node(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const BerthMap *map,
                              json_object *props, GError **error);
/* The value at @path of @node if there is one, else of @device. */
const char *berth_kinds_get(const BerthDevice *device, const BerthXmlNode *node, const char *path);
/* FALSE if not @allowed and @device has one of @paths (ends with NULL), which only @what has. Errors: UNSUPPORTED. */
gboolean berth_kinds_only(const BerthBuild *build, const BerthDevice *device, const char *const *paths, gboolean allowed,
                          const char *what, GError **error);

/* ---- size.c ---- */

#define BERTH_KINDS_MAX_SET 65536

/* @text as a size with the unit that @node says, @unit ("KiB") if it says none. Errors: BAD_INPUT. */
gboolean berth_kinds_size(const BerthBuild *build, const BerthXmlNode *node, const char *text, const char *unit, guint64 *bytes,
                          GError **error);
/* The same in whole KiB, rounded up; the unit is KiB if @node says none. */
gboolean berth_kinds_kib(const BerthBuild *build, const BerthXmlNode *node, const char *text, guint64 *kib, GError **error);
/* @text, what the domain's element @name says, as a count from 1 to 65535. Errors: BAD_INPUT. */
gboolean berth_kinds_count(const BerthBuild *build, const char *name, const char *text, guint64 *count, GError **error);
/* "0-3,^2,5": a byte for each number up to the last, not 0 for members. (transfer full) Errors: BAD_INPUT. */
GByteArray *berth_kinds_set(const BerthBuild *build, const BerthXmlNode *node, const char *text, GError **error);

/* ---- chardev.c ---- */

/* Adds the character device @id that the element @node describes (its @type, <source> …; NULL: @device's own). Without a path a
 * unix socket is RUN_DIR/<device id>.sock, and QEMU listens there. Errors: UNSUPPORTED, BAD_INPUT. */
gboolean berth_kinds_chardev(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *id,
                             GError **error);
/* Adds the character device @id that is the client of the socket @path. @again: seconds between attempts, 0: one attempt. */
void berth_kinds_chardev_socket(BerthBuild *build, const char *id, const char *path, gboolean server, guint64 again);

/* ---- secret.c ---- */

/* Adds the object @id whose value is that of the <secret>; @type is what its usage is of ("ceph", "passphrase"). Start needs its
 * file. Errors: UNSUPPORTED: it names none. */
gboolean berth_kinds_secret(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *secret, const char *type,
                            const char *id, GError **error);
/* Adds the object @id with a value that the document has itself: start writes it to a file of the run folder. */
void berth_kinds_secret_text(BerthBuild *build, const char *id, const char *text);
/* The file of a <secret>; NULL: it names none. (transfer full) */
char *berth_kinds_secret_file(const BerthBuild *build, const BerthXmlNode *secret, const char *type);

/* ---- blocks.c: where a disk's bytes come from. A @holder is a <disk> or a <backingStore> ---- */

/* What a secret of a holder is for. */
#define BERTH_KINDS_SECRET_AUTH "auth"
#define BERTH_KINDS_SECRET_KEY "key"
#define BERTH_KINDS_SECRET_COOKIES "cookies"

/* Fills @node, a block node, with protocol and place of the <source> of @holder; the secrets are there. Errors: UNSUPPORTED (a
 * storage pool, what is gone from QEMU), BAD_INPUT. */
gboolean berth_kinds_block_source(const BerthBuild *build, const BerthDevice *device, const BerthXmlNode *holder, json_object *node,
                                  GError **error);
/* The same for a device whose <source> has a protocol and no type around it. */
gboolean berth_kinds_block_network(const BerthBuild *build, const BerthDevice *device, json_object *node, GError **error);
/* The @holder has a source: a disk may be empty. */
gboolean berth_kinds_block_has_source(const BerthXmlNode *holder);
/* The <encryption> of @holder, wherever it is written; NULL: none. */
const BerthXmlNode *berth_kinds_block_encryption(const BerthXmlNode *holder);
/* Adds the secrets of all the disk's layers; and the id of one of them. (transfer full) */
gboolean berth_kinds_block_secrets(BerthBuild *build, const BerthDevice *device, GError **error);
char *berth_kinds_block_secret_id(const BerthDevice *device, const BerthXmlNode *holder, const char *what);

/* ---- layers.c ---- */

/* Adds one tree of nodes for a disk. *@name: what the front end names as its drive (transfer full). */
gboolean berth_kinds_block_nodes(BerthBuild *build, const BerthDevice *device, char **name, GError **error);
/* The name of the topmost node of a device's back end. (transfer full) */
char *berth_kinds_node_name(const BerthDevice *device);
/* What the front end says of its write cache for the disk's cache mode; NULL: nothing. */
const char *berth_kinds_write_cache(const BerthDevice *device);

/* ---- hostdev.c ---- */

/* The -device that gives the guest the host's PCI device of <source>; NULL: an error. */
json_object *berth_kinds_host_pci(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error);

/* ---- memory.c ---- */

/* -m, the memory behind it where the document says what kind, NUMA cells; @machine takes what -machine has to say about it. */
gboolean berth_kinds_build_memory(BerthBuild *build, json_object *machine, GError **error);
/* Other processes can map the guest's memory: what vhost-user back ends need. */
gboolean berth_kinds_memory_is_shared(const BerthInventory *inventory);
/* Notes, as something that start refuses, that they cannot, and the device would be dead. */
void berth_kinds_need_shared_memory(BerthBuild *build, const BerthDevice *device);

/* ---- firmware.c ---- */

/* Firmware images (-bios, or flash chips named in @machine) and what firmware tells the guest: SMBIOS, VM generation id. */
gboolean berth_kinds_build_firmware(BerthBuild *build, json_object *machine, GError **error);

/* ---- image.c ---- */

/* The firmware image alone. Errors: UNSUPPORTED: none can be chosen, or it has no place for its variables. */
gboolean berth_kinds_build_image(BerthBuild *build, json_object *machine, GError **error);

/* ---- confidential.c ---- */

/* <launchSecurity>. Errors: UNSUPPORTED, BAD_INPUT. */
gboolean berth_kinds_build_confidential(BerthBuild *build, json_object *machine, GError **error);

/* ---- audio.c ---- */

/* Adds the audio back ends; without an <audio> one that is silent, if a sound device needs it. */
gboolean berth_kinds_build_audio(BerthBuild *build, GError **error);
/* The back end of a sound device. (transfer full) */
char *berth_kinds_audiodev(const BerthDevice *device);

/* Options of any virtio device below <driver>: iommu, ats, packed, page_per_vq. */
gboolean berth_kinds_virtio(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error);
/* bootindex and option ROM of a device that firmware may boot from. */
gboolean berth_kinds_boot(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error);
/* The place of @device in the boot order, from 1: its own <boot order>, else by <os><boot dev>; 0: none. */
guint berth_kinds_boot_index(const BerthInventory *inventory, const BerthDevice *device);

/* An id that berth makes up: "PREFIX" + device->id. (transfer full) */
char *berth_kinds_id(const char *prefix, const BerthDevice *device);
/* The guest runs on KVM. */
gboolean berth_kinds_is_kvm(const BerthInventory *inventory);
/* Letters, digits and "._-+" only, not empty: a word that needs no quoting anywhere. */
gboolean berth_kinds_is_word(const char *text);
/* on/yes: TRUE; off/no/NULL: FALSE. */
gboolean berth_kinds_is_on(const char *text);
/* Sets @error to UNSUPPORTED, "FILE:LINE: DEVICE: ...". Returns FALSE. */
gboolean berth_kinds_refuse(const BerthBuild *build, const BerthDevice *device, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* @done, or TRUE where a rehearsal can do without what was refused; then @error is taken back. */
gboolean berth_kinds_go_on(BerthBuild *build, gboolean done, GError **error);
/* Says, in a note, what of the document at @node (NULL: the device's own) has no effect. */
void berth_kinds_note(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* What must be there before start: @path, or NULL where nothing can tell that it is. The rest says what is missing and what to do.
 */
void berth_kinds_need(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *node, const char *path, const char *format,
                      ...) G_GNUC_PRINTF(5, 6);
/* Has start set an environment variable of QEMU's. */
void berth_kinds_setenv(BerthBuild *build, const char *name, const char *value);
/* (transfer full): RUN_DIR/DEVICE-ID.helper.sock, where the helper of @device listens. */
char *berth_kinds_helper_socket(const BerthBuild *build, const BerthDevice *device);
/* Has start run a process before QEMU that makes that socket. @argv ends with NULL. @folder: made before it; NULL: none. */
void berth_kinds_helper(BerthBuild *build, const BerthDevice *device, const char *const *argv, const char *folder);
/* Adds "-global @name=@value" (both made by berth). */
void berth_kinds_global(BerthBuild *build, const char *name, const char *value);

/* ---- the guest itself ---- */
gboolean berth_kinds_build_machine(BerthBuild *build, GError **error);   /* machine.c: name … memory, vcpus, boot */
gboolean berth_kinds_build_cpu(BerthBuild *build, GError **error);       /* cpu.c */
char *berth_kinds_cpu_model(const BerthBuild *build);                    /* the model that -cpu names (transfer full) */
gboolean berth_kinds_build_vcpus(BerthBuild *build, GError **error);     /* vcpus.c: -smp, vCPUs that are plugged in */
gboolean berth_kinds_build_threads(BerthBuild *build, GError **error);   /* I/O threads */
gboolean berth_kinds_build_clock(BerthBuild *build, GError **error);     /* clock.c */
gboolean berth_kinds_build_lifecycle(BerthBuild *build, GError **error); /* lifecycle.c: -action */
gboolean berth_kinds_build_display(BerthBuild *build, GError **error);   /* graphics.c: that there is none */

/* Where a display listens: *@address stays NULL where the document says nothing. (transfer none) Errors: UNSUPPORTED (more than one
 * place). */
gboolean berth_kinds_listen(BerthBuild *build, const BerthDevice *device, const char **address, GError **error);
/* Notes what of @paths (ends with NULL) a display has, which another one would understand. */
void berth_kinds_note_foreign(BerthBuild *build, const BerthDevice *device, const char *const *paths);
gboolean berth_kinds_limit_password(BerthBuild *build, const BerthDevice *device, GError **error); /* passwdValidTo */
/* The id of the secret with the display's password; NULL: it has none. (transfer full) */
char *berth_kinds_password(BerthBuild *build, const BerthDevice *device);
/* -k, where @device, a display, has a keymap. Errors: UNSUPPORTED (it is no word). */
gboolean berth_kinds_keymap(BerthBuild *build, const BerthDevice *device, GError **error);
/* A timer of <clock> called @name; NULL if there is none. */
const BerthXmlNode *berth_kinds_timer(const BerthInventory *inventory, const char *name);
/* Whether the audio back end is wanted: there is a sound device. */
gboolean berth_kinds_has_sound(const BerthInventory *inventory);
#define BERTH_KINDS_AUDIODEV "audio1"

/* ---- build.c ---- */
/* The devices in an order that QEMU accepts. (transfer container) */
GPtrArray *berth_kinds_in_order(const BerthInventory *inventory);
/* The objects of one device, as its kind has them; none for what is no device. */
gboolean berth_kinds_build_one(BerthBuild *build, const BerthDevice *device, GError **error);

/* ---- the rows' build functions (BerthKind.build) ---- */
#define BERTH_BUILD(name) gboolean name(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error)
BERTH_BUILD(berth_kinds_build_plain); /* build.c: one -device, and a virtio device's options */
BERTH_BUILD(berth_kinds_build_disk);
BERTH_BUILD(berth_kinds_build_interface);
BERTH_BUILD(berth_kinds_build_pci_controller);
BERTH_BUILD(berth_kinds_build_usb_controller);
BERTH_BUILD(berth_kinds_build_controller); /* scsi, virtio-serial, sata, ide, fdc */
BERTH_BUILD(berth_kinds_build_serial);     /* serial, parallel */
BERTH_BUILD(berth_kinds_build_port);       /* channel, console */
BERTH_BUILD(berth_kinds_build_guestfwd);   /* a port of QEMU's own network */
BERTH_BUILD(berth_kinds_build_vnc);
BERTH_BUILD(berth_kinds_build_video);
BERTH_BUILD(berth_kinds_build_sound);
BERTH_BUILD(berth_kinds_build_rng);
BERTH_BUILD(berth_kinds_build_memballoon);
BERTH_BUILD(berth_kinds_build_watchdog);
BERTH_BUILD(berth_kinds_build_host_pci);
BERTH_BUILD(berth_kinds_build_host_usb);
BERTH_BUILD(berth_kinds_build_host_scsi);
BERTH_BUILD(berth_kinds_build_host_vhost_scsi);
BERTH_BUILD(berth_kinds_build_host_mdev);
BERTH_BUILD(berth_kinds_build_nvme);
BERTH_BUILD(berth_kinds_build_smartcard);
BERTH_BUILD(berth_kinds_build_redirdev);
BERTH_BUILD(berth_kinds_build_filesystem);
BERTH_BUILD(berth_kinds_build_tpm);
BERTH_BUILD(berth_kinds_build_shmem);
BERTH_BUILD(berth_kinds_build_vsock);
BERTH_BUILD(berth_kinds_build_crypto);
BERTH_BUILD(berth_kinds_build_pstore);
BERTH_BUILD(berth_kinds_build_iommu);
BERTH_BUILD(berth_kinds_build_memory_device);
BERTH_BUILD(berth_kinds_build_panic);
BERTH_BUILD(berth_kinds_build_input);
BERTH_BUILD(berth_kinds_build_spice);
BERTH_BUILD(berth_kinds_build_window);
