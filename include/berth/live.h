/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/guest.h>

G_BEGIN_DECLS

/*
 * Changes of guests, running or not: devices come, go and change, and the places of all others stay. A change that a killed process
 * left half done is finished, or taken back, by whoever next asks for the guest.
 */

/** BerthChangeFlags: DRY_RUN: nothing is changed; the rest as virsh's options. */
typedef enum {
  BERTH_CHANGE_LIVE = 1 << 0,       /* the running guest (BERTH_ERROR_USAGE if it does not run) */
  BERTH_CHANGE_CONFIG = 1 << 1,     /* its definition, from the next start on */
  BERTH_CHANGE_PERSISTENT = 1 << 2, /* the definition, and the guest if it runs */
  BERTH_CHANGE_DRY_RUN = 1 << 3,
  BERTH_CHANGE_FORCE = 1 << 4, /* open a tray that the guest has locked */
} BerthChangeFlags;            /* neither of the first three: the guest if it runs, else its definition */

/**
 * berth_attach_device:
 * @xml: a device's element (<disk>, <interface> …)
 * @file: what messages call it
 * @flags: BerthChangeFlags
 * @rows: (out) (transfer container full) (nullable): BerthRow of what comes: the device, and the controllers that it needs
 *
 * Adds a device. Both get it at the same place; one that only the running guest has keeps its place reserved until the guest ends,
 * so that a definition with the same device in it gets the same place. A controller that the device needs is added by the rules of
 * berth_define(), and stays. Errors: BERTH_ERROR_NO_ROOM (no place that a device can be plugged into is free),
 * BERTH_ERROR_UNSUPPORTED (QEMU cannot plug it), BERTH_ERROR_BUSY (it is still being unplugged), BERTH_ERROR_DRIFT.
 */
BERTH_API gboolean berth_attach_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags,
                                       GPtrArray **rows, GError **error);
/**
 * berth_detach_device:
 * @xml: the device: its whole element, or as much of it as tells it apart
 * @timeout_ms: how long to wait for the guest to let go
 * @rows: (out) (transfer container full) (nullable): BerthRow of what goes
 *
 * Removes a device; its place is kept for it. Errors: BERTH_ERROR_NOT_FOUND, BERTH_ERROR_USAGE (several are like that),
 * BERTH_ERROR_REFUSED_BY_GUEST: nothing has changed; BERTH_ERROR_FAILED: the guest said nothing, the definition, if it is to
 * change, has, and the request stands until it obeys, is reset or ends.
 */
BERTH_API gboolean berth_detach_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags,
                                       guint timeout_ms, GPtrArray **rows, GError **error);
/** berth_detach_device_alias: the same by the device's id ("net0", "ua-mine"), as berth_devices() tells it. */
BERTH_API gboolean berth_detach_device_alias(Berth *berth, const char *guest, const char *alias, guint flags, guint timeout_ms,
                                             GPtrArray **rows, GError **error);

/**
 * berth_update_device:
 * @xml: a device's element as it is to be
 * @rows: (out) (transfer container full) (nullable): BerthRow of the device
 *
 * Changes a device that stays where it is. Of a running guest's these can change: the medium of a cdrom or floppy, the link of an
 * interface, the requested size of a virtio-mem device (BERTH_ERROR_UNSUPPORTED otherwise); of a definition's everything.
 * Errors: BERTH_ERROR_NOT_FOUND, BERTH_ERROR_REFUSED_BY_GUEST (a locked tray).
 */
BERTH_API gboolean berth_update_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags,
                                       GPtrArray **rows, GError **error);

typedef enum { BERTH_MEDIUM_UPDATE, BERTH_MEDIUM_INSERT, BERTH_MEDIUM_EJECT } BerthMediumAction;
/**
 * berth_change_media:
 * @drive: the target ("sda") or the medium of a cdrom or floppy
 * @source: (nullable): the new medium: a file or block device
 * @action: UPDATE: whatever is in it goes, and @source, if there is one, comes; INSERT: the drive must be empty; EJECT: it must not
 *
 * Errors: as berth_update_device(), BERTH_ERROR_USAGE (it is empty, or not).
 */
BERTH_API gboolean berth_change_media(Berth *berth, const char *guest, const char *drive, const char *source,
                                      BerthMediumAction action, guint flags, GError **error);
/** berth_set_link: plugs the cable of an interface in, or pulls it. @interface: its MAC, target device or alias. */
BERTH_API gboolean berth_set_link(Berth *berth, const char *guest, const char *interface, gboolean up, guint flags, GError **error);
/** berth_get_link: whether it is plugged in; BERTH_CHANGE_CONFIG: in the definition. */
BERTH_API gboolean berth_get_link(Berth *berth, const char *guest, const char *interface, guint flags, gboolean *up,
                                  GError **error);

/**
 * berth_set_vcpus:
 * @maximum: @count is how many there can be, of the definition
 *
 * vCPUs that were there from the start cannot be unplugged. Errors: BERTH_ERROR_NO_ROOM (the running guest has no place for so
 * many), BERTH_ERROR_USAGE, BERTH_ERROR_REFUSED_BY_GUEST, BERTH_ERROR_FAILED (the guest said nothing within @timeout_ms).
 */
BERTH_API gboolean berth_set_vcpus(Berth *berth, const char *guest, guint count, gboolean maximum, guint flags, guint timeout_ms,
                                   GError **error);
/** berth_vcpus: how many are on, and how many there can be. */
BERTH_API gboolean berth_vcpus(Berth *berth, const char *guest, guint flags, guint *current, guint *most, GError **error);

/** BerthFinding: what berth_doctor() has looked at; strings are owned by it. */
typedef struct {
  char *check;  /* "free USB ports", "drift", "KVM" … */
  char *state;  /* BERTH_FINDING_OK … */
  char *value;  /* what there is: "7", "none" … */
  char *advice; /* what to do about it; "" if there is nothing to do */
} BerthFinding;
#define BERTH_FINDING_OK "ok"
#define BERTH_FINDING_NOTE "note" /* nothing is wrong, but something is not possible, or is still to come */
#define BERTH_FINDING_PROBLEM "problem"
BERTH_API void berth_finding_free(BerthFinding *finding);
/**
 * berth_doctor:
 * @guest: (nullable): NULL: this host
 * @problems: (out): how many findings are problems
 *
 * A guest: how many devices of each sort can still be plugged in (of one that is shut off: once it is started), changes that wait
 * for the guest, drift, stale sockets. The host: QEMU, KVM, IOMMU, the store. (transfer container full): BerthFinding.
 */
BERTH_API GPtrArray *berth_doctor(Berth *berth, const char *guest, guint *problems, GError **error);

/** BerthUpdate: one thing that berth_update() does, or leaves to the next start. */
typedef struct {
  char *device; /* "disk 'vda'", "vcpus", "domain" … */
  char *id;     /* QEMU id; "" if there is none */
  char *change; /* "attach", "detach", "update" */
  char *when;   /* "now", "next start" */
  char *why;    /* why not now; "" otherwise */
} BerthUpdate;
BERTH_API void berth_update_free(BerthUpdate *update);
/**
 * berth_update:
 * @domain: the whole guest as it is to be; its name is the guest's
 * @flags: BERTH_CHANGE_DRY_RUN, BERTH_CHANGE_FORCE
 * @timeout_ms: how long to wait for each device that is to go
 * @updates: (out) (transfer container full) (nullable): BerthUpdate, in the order in which they are done
 *
 * Defines @domain, and makes a running guest like it as far as that can be done while it runs: devices go and come, media, links
 * and vCPUs change. The rest comes with the next start. What is done is recorded step by step; if a step fails that was to be done
 * now, those behind it are tried all the same, and the error says how many failed (@updates: which, and why). Errors: as
 * berth_define(), and then nothing was changed; FAILED.
 */
BERTH_API gboolean berth_update(Berth *berth, const char *guest, const BerthDomain *domain, guint flags, guint timeout_ms,
                                GPtrArray **updates, GError **error);

/** berth_dumpxml_live: what the guest runs with: every device with address and alias, open trays, links. BERTH_ERROR_USAGE if it
 * does not run. (transfer full) */
BERTH_API GBytes *berth_dumpxml_live(Berth *berth, const char *guest, GError **error);
/** berth_devices: (transfer container full): BerthRow of every device; with a running guest, actual and state are filled. */
BERTH_API GPtrArray *berth_devices(Berth *berth, const char *guest, GError **error);
/** berth_verify: as berth_devices(), for a running guest, and compares more: state is also "wrong model", "wrong medium" or
 * "wrong size" (actual: what there is instead), and there is a row for vCPUs if their number is not as recorded. @drift: whether
 * any row is not "ok". */
BERTH_API GPtrArray *berth_verify(Berth *berth, const char *guest, gboolean *drift, GError **error);

G_END_DECLS
