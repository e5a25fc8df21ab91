/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key classes: what makes a device the same device in two versions of a domain, strongest first (docs/record.md, "keys"). */
#pragma once

#include "model/device.h"

/* The order is the strength, and BerthKey.strength is one of these. */
typedef enum {
  BERTH_KEY_ALIAS,                          /* user alias: "ua-…" */
  BERTH_KEY_MAC,                            /* lower case */
  BERTH_KEY_SERIAL,                         /* of a disk */
  BERTH_KEY_WWN,                            /* of a disk, lower case */
  BERTH_KEY_TARGET,                         /* of a disk: BUS:DEV */
  BERTH_KEY_FSTARGET,                       /* of a file system: target directory or tag */
  BERTH_KEY_CHANNEL,                        /* TYPE:NAME */
  BERTH_KEY_CONTROLLER,                     /* TYPE:INDEX; USB companions share it */
  BERTH_KEY_SOURCE,                         /* what of the host is behind it: PCI or USB address, mdev uuid … */
  BERTH_KEY_CONTENT,                        /* hash of the device's own XML without address and keys */
  BERTH_KEY_NETWORK,                        /* TYPE:NAME#ORDINAL within that network */
  BERTH_KEY_KIND,                           /* KIND#ORDINAL within the element and kind */
  BERTH_N_MATCHED_KEYS,                     /* the classes above are matched, those below only say something */
  BERTH_KEY_DERIVED = BERTH_N_MATCHED_KEYS, /* "mac": berth chose the MAC, so that another one does not contradict it */
  BERTH_N_KEYS,
} BerthKeyClass;

/* "mac"; @key_class < BERTH_N_KEYS. */
const char *berth_model_key_class_name(guint key_class);
/* The class of "mac=52:54:…"; BERTH_N_KEYS if there is no '=' or the class is unknown (a newer berth's). */
guint berth_model_key_class_of(const char *text);
/* Whether the class only says what a device is like or where it stands among its equals, so that a differing stronger key
 * contradicts it: CONTENT, NETWORK, KIND. */
gboolean berth_model_key_class_weak(guint key_class);

/* The device's key of @key_class; NULL if it has none. (transfer none) */
const char *berth_model_device_key(const BerthDevice *device, guint key_class);
